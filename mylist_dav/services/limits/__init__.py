"""How often, and how much.

attempts.py   how often an address may guess wrong
rates.py      how often one may ask
quotas.py     what a quota leaves for an import
turns.py      dear work, in turns
"""

"""What is shown where, to whom, and what it answers.

exposures.py   host names and prefixes
freshness.py   what is exposed now, from memory
gates.py       who is let in
phrases.py     pass phrases of exposures
sites.py       what an exposure answers for a path
exposed.py     an exposed tree as a visitor may see it
"""

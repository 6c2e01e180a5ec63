"""The verbs of the product. Rights, conditions and limits are checked here and nowhere else.

rights.py    who may do what: every verb asks there
opening.py   Library: all of them over one data directory
starting.py  what the first start of a new one makes
ledger.py    counts of traffic, downloads and failed logins, written together
audit.py     reading what was done

accounts/    who somebody is
limits/      how often, and how much
tree/        the tree of a flist: read, changed, locked, compared
archives/    whole trees coming in and going out
contents/    bytes coming in, and found again
exposing/    what is shown where, to whom
jobs/        work that outlives its request
upkeep/      what keeps a data directory sound
"""

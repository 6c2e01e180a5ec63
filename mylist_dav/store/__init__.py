"""What must survive a restart: blocks in folders, the catalog in SQL.

Only this package opens files of the data directory, and only this package speaks SQL.
"""

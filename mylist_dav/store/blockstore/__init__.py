"""Blocks as durable files, and what stands before them. The interface is store/blocks.py.

files.py     a folder of blocks      folders.py  its folders
filing.py    how one block becomes a durable file      groups.py  many blocks, few syncs
intake.py    small blocks in the catalog               filer.py   they get their files
cached.py    verified blocks in memory                 memory.py  a store without files, for tests
"""

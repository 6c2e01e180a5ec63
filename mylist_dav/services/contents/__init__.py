"""Bytes coming in, and found again.

uploads.py    receiving the bytes of one file
files.py      single files by their digest
holdings.py   blocks by their ids
"""

"""Whole trees coming in and going out.

imports.py          a directory or an archive becomes a tree, as one commit     sources.py  where its members come from
whole_trees.py      the same of members that name their contents: named_contents.py
ingest.py           its contents on their way into the block store
comparing.py        what it would change
staging.py          building it out of sight
publishing.py       it becomes the head
exports.py          a revision becomes an archive
manifests.py        what a revision holds, signed
manifest_checks.py  the same of what was downloaded
"""

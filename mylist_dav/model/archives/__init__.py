"""Archives: tar and zip, read and written as streams. Pure: bytes come from a given reader and go to the caller.

members.py   Member, Limits, and what is refused in a member
streams.py   bounded reading: exact lengths, gzip, zstd, which format it is
tar_in.py    tar to members: ustar, PAX, GNU long names       tar_out.py   headers of a PAX archive
zip_in.py    zip to members, zip64 and Info-ZIP's extras      zip_out.py   headers of a zip archive
"""

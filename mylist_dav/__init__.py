"""mylist-dav: versioned file trees, mounted over WebDAV, browsed as websites, stored once by hash."""

__version__ = "0.1.0"

"""WebDAV (RFC 4918) for /dav/<account>/<flist>/... Reads requests, calls one service verb, renders the outcome."""

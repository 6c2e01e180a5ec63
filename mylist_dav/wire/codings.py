"""The content coding (RFC 9110, 8.4) that bodies of requests may have: clients and the server must agree on it."""

CODING = "zstd"
"""RFC 8878."""

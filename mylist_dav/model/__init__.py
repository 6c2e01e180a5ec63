"""Values: names, paths, entries, digests, chunks, conditions. No I/O, no clock; server and client share them."""

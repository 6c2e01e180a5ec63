"""The tests. Folders mirror the package; tests/tidy reads the sources themselves."""

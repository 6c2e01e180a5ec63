"""Checks on the sources: what no type checker and no linter says."""

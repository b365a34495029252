"""Repairs: the single change of a wrong pass's own lines that makes it right, found by trial."""

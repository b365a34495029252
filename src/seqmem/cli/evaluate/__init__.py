"""The command evaluate."""

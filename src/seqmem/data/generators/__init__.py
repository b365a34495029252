"""Generators of the built-in tasks: dates, phrases, recall."""

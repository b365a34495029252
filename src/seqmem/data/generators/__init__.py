"""Generators: the built-in tasks, made rather than read: dates, phrases, recall."""

"""Catalogue: the kinds of functions that have a reference pass, and the mistakes that people make in them."""

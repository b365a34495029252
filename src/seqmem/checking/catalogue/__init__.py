"""Catalogue: the kinds of functions that have a reference pass, and common mistakes in them."""

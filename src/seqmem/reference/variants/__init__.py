"""Passes that are made of the others, or are other forms of them: to be read after them."""

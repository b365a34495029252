"""The version: pyproject.toml states the same, and a test compares the two.

It is a value of the source tree: a tree that is imported without having been installed has one too.
"""

VERSION = "0.1.0"

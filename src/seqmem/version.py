"""The version number, which pyproject.toml states as well; a test compares the two.

The number is part of the source, so that a source tree has a version even if it is not installed.
"""

VERSION = "0.1.0"

"""The exercises, one file for each part of the lecture."""

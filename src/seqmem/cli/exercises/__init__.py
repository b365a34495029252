"""The command exercises, one file for each of those who use it."""

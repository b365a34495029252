"""The command exercises: one file for each group of users."""

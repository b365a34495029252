"""Submissions: functions in a user's file, found by name and run in a separate process."""

"""Submissions: functions in somebody else's file, found by name and run in a process of their own."""

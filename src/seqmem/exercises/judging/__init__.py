"""Judging: the questions to a student's code, and the credit for its answers."""

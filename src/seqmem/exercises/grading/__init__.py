"""Grading: a class's submissions, each run within walls, judged outside them, and recorded."""

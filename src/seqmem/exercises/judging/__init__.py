"""Judging: the questions that are asked, and what the answers are worth."""

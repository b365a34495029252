"""Scores of models and of their predictions."""

"""Passes that combine or vary the other passes: read the others first."""

"""Measurements of gradients: by differences of values, and their norms on the way back through time."""

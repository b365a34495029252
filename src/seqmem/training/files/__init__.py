"""Files: models, their settings and their weights, written and read as npz archives."""

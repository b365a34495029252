"""Files: models, with settings and weights, written and read as npz archives."""

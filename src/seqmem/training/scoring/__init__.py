"""How good a model and its answers are."""

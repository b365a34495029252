"""The commands that use a saved model, or show or convert its file."""

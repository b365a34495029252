"""Calling: values for everything that a pass needs, found by trial, and the positions of its gradients."""

"""Calling: values for all that a pass asks for, found by trial, and its gradients wherever it leaves them."""

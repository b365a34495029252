"""Gradients: a backward pass compared with the derivative of its forward pass; where they differ, and why."""

"""What gradients are measured by: differences of values, and norms on the way back through time."""

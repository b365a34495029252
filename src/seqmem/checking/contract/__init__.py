"""Contract: what a module promises beyond its gradients, one check a promise."""

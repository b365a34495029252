"""Contract: the promises of a module beyond correct gradients, one check per promise."""

"""The catalogue of common mistakes in backward passes."""

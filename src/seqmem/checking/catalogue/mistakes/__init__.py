"""The catalogue of mistakes that people make in backward passes."""

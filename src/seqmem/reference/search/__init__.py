"""From scores to tokens, one sequence at a time."""

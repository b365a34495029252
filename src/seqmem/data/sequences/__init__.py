"""Sequences with targets: padded batches, windows over series, standardization, truncated windows."""

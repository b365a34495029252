"""Sequences with targets: padded batches, windows over series, standardizing, windows of k steps."""

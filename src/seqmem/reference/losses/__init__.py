"""The further losses: weighted and smoothed cross-entropy, and the errors of a regression."""

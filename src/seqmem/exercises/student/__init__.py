"""A student's folder of exercises, and a check of the answers in it."""

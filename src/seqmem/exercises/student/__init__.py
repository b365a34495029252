"""A student's folder of exercises, and a check of what is written there."""

"""Self test: the checker must find every planted mistake, and nothing in correct passes."""

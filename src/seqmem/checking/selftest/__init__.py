"""Self test: mistakes are planted, and the checker must find them; correct passes, and it must not."""

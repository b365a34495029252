"""Reading: what a file that somebody wrote defines, and which passes are among it."""

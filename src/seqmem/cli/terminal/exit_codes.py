"""The exit codes that several files use."""

WRONG_USE = 2  # the exit code of argparse, too
UNREADABLE = 3  # the file contains no readable Python
ASKS = 4  # something could not be guessed, and a flag can specify it
NOT_STARTED = 5  # an exercise with its hole still in it
INTERRUPTED = 130  # as shells expect after Ctrl-C

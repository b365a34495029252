"""The exit codes that several files use."""

WRONG_USE = 2  # the exit code of argparse, too
UNREADABLE = 3  # the file contains no readable Python
ASKS = 4  # something could not be guessed, and a flag can specify it
INTERRUPTED = 130  # as shells expect after Ctrl-C

"""Exit codes that more than one file knows."""

WRONG_USE = 2  # the exit code of argparse, too
UNREADABLE = 3  # a file that holds no Python that can be read
NOT_STARTED = 5  # an exercise with its hole still in it
ASKS = 4  # something could not be guessed, and a flag says it
INTERRUPTED = 130  # what a shell expects after Ctrl-C

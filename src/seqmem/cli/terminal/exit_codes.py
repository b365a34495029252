"""Exit codes that more than one file knows."""

WRONG_USE = 2  # the exit code of argparse, too
UNREADABLE = 3  # a file that holds no Python that can be read
ASKS = 4  # something could not be guessed, and a flag says it
INTERRUPTED = 130  # what a shell expects after Ctrl-C

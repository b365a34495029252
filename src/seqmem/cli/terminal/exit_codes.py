"""Exit codes that more than one file knows."""

WRONG_USE = 2  # the exit code of argparse, too
INTERRUPTED = 130  # what a shell expects after Ctrl-C

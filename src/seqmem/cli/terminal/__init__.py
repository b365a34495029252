"""Terminal functions that the commands share: messages, output files, signals, width, exit codes."""

"""What the commands share with the terminal: messages, files to write, signals, width, exit codes."""

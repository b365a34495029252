"""The command line: python -m seqmem, one file for each command."""

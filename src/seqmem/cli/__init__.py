"""The command line, python -m seqmem: one file per command."""

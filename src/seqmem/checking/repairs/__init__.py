"""Which single change of its own lines makes a pass right? Found by trying, not by guessing."""

"""Speed and memory, measured against what users would pick instead: `python tests/benchmarks/compare.py`."""

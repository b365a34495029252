"""The gate explorer: one unit of each cell, small enough to show every number."""

from seqmem.pages.explorer.gates import gate_explorer

__all__ = ["gate_explorer"]

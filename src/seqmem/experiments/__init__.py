"""Experiments: measurements of the lecture's claims about networks."""

from seqmem.experiments.bottlenecks import BottleneckSettings, bottleneck
from seqmem.experiments.comparison_table import Comparison, comparison
from seqmem.experiments.experiment import Experiment
from seqmem.experiments.horizons import MemorySettings, memory_horizon

__all__ = [
    "BottleneckSettings",
    "Comparison",
    "Experiment",
    "MemorySettings",
    "bottleneck",
    "comparison",
    "memory_horizon",
]

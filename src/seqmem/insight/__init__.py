"""Insight: looking into trained models."""

from seqmem.insight.heatmap import attention_heatmap, trace_heatmap
from seqmem.insight.plots import (
    plot_attention,
    plot_gradient_flow,
    plot_history,
    plot_memory_horizon,
    plot_trace,
)

__all__ = [
    "attention_heatmap",
    "plot_attention",
    "plot_gradient_flow",
    "plot_history",
    "plot_memory_horizon",
    "plot_trace",
    "trace_heatmap",
]

"""Insight: traces, gradient flow, heat maps and plots of trained models."""

from seqmem.insight.gradients_over_time import (
    FlowCases,
    GradientFlow,
    gradient_flow,
    gradient_flow_of_cases,
    gradient_flow_text,
    source_gradients,
)
from seqmem.insight.heatmap import attention_heatmap, trace_heatmap
from seqmem.insight.plots import (
    plot_attention,
    plot_gradient_flow,
    plot_history,
    plot_memory_horizon,
    plot_trace,
)
from seqmem.insight.tables import trace_table

__all__ = [
    "FlowCases",
    "GradientFlow",
    "attention_heatmap",
    "gradient_flow",
    "gradient_flow_of_cases",
    "gradient_flow_text",
    "plot_attention",
    "plot_gradient_flow",
    "plot_history",
    "plot_memory_horizon",
    "plot_trace",
    "source_gradients",
    "trace_heatmap",
    "trace_table",
]

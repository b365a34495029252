"""Insight: looking into trained models, and measuring what the lecture says of them."""

from seqmem.insight.capacity import BottleneckSettings, bottleneck
from seqmem.insight.compare import Comparison, compare_command, comparison
from seqmem.insight.experiment import Experiment
from seqmem.insight.explorer import gate_explorer
from seqmem.insight.flow import (
    FlowCases,
    GradientFlow,
    gradient_flow,
    gradient_flow_of_cases,
    gradient_flow_text,
    source_gradients,
)
from seqmem.insight.heatmap import attention_heatmap, trace_heatmap
from seqmem.insight.memory import MemorySettings, memory_command, memory_horizon
from seqmem.insight.movie import gate_movie
from seqmem.insight.page import Page
from seqmem.insight.plots import (
    plot_attention,
    plot_gradient_flow,
    plot_history,
    plot_memory_horizon,
    plot_trace,
)
from seqmem.insight.table import trace_table
from seqmem.insight.visualiser import attention_page

__all__ = [
    "BottleneckSettings",
    "Comparison",
    "Experiment",
    "FlowCases",
    "GradientFlow",
    "MemorySettings",
    "Page",
    "attention_heatmap",
    "attention_page",
    "bottleneck",
    "compare_command",
    "comparison",
    "gate_explorer",
    "gate_movie",
    "gradient_flow",
    "gradient_flow_of_cases",
    "gradient_flow_text",
    "memory_command",
    "memory_horizon",
    "plot_attention",
    "plot_gradient_flow",
    "plot_history",
    "plot_memory_horizon",
    "plot_trace",
    "source_gradients",
    "trace_heatmap",
    "trace_table",
]

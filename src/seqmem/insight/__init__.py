"""Insight: looking into trained models."""

from seqmem.insight.heatmap import attention_heatmap

__all__ = ["attention_heatmap"]

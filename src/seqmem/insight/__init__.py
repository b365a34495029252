"""Insight: looking into trained models."""

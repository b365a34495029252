"""Contexts by name."""

from __future__ import annotations

from typing import Any, Literal

from seqmem.contexts import (
    AdditiveAttention,
    BilinearAttention,
    Context,
    DotProductAttention,
    FixedContext,
    NoContext,
)

ContextName = Literal["additive", "dot_product", "scaled_dot_product", "bilinear", "fixed", "none"]
CONTEXT_NAMES = ("additive", "dot_product", "scaled_dot_product", "bilinear", "fixed", "none")


def make_context(
    name: ContextName, query_size: int, key_size: int, attention_size: int | None, caller: str, **options: Any
) -> Context:
    """Return a context for queries and keys of these sizes.

    Args:
        name: one of `CONTEXT_NAMES`.
        query_size, key_size: Q and K.
        attention_size: A of additive attention; None means half the query's size.
        caller: the public function, for messages.
        options: `rng` and `dtype` of contexts with parameters.

    >>> make_context("scaled_dot_product", 4, 4, None, "example")
    DotProductAttention(size=4, scaled=True)
    """
    if name == "additive":
        return AdditiveAttention(query_size, key_size, attention_size or query_size // 2 or 1, **options)
    if name == "bilinear":
        return BilinearAttention(query_size, key_size, **options)
    if name in ("fixed", "none"):
        return FixedContext() if name == "fixed" else NoContext()
    if query_size != key_size:
        raise ValueError(
            f"{caller}: context is {name!r}, whose keys are as wide as its queries, but the keys are "
            f"{key_size} wide and the queries {query_size}; 'bilinear' takes any widths"
        )
    return DotProductAttention(query_size, scaled=name == "scaled_dot_product")

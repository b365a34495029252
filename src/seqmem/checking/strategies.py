"""Hypothesis strategies for the tests of recurrent modules, named by the axis whose size they draw.

    from seqmem.checking.strategies import B, D, H, T, cells, layers, lengths, rngs

T, B, S, D, H, E, K, A, Q and V draw sizes; `seeds` and `rngs` draw the randomness of a test. They need
hypothesis, `pip install "seqmem[test]"`, which is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import Any, TypeVar

import numpy as np

from seqmem.cells import Cell, GRUCell
from seqmem.checking.contract.subject import random_like
from seqmem.layers import Bidirectional, Recurrent, Stack
from seqmem.layers.sequence import SequenceLayer
from seqmem.models import Decoder, Encoder
from seqmem.module import Module
from seqmem.registry import cell_class, cell_names

AnyModule = TypeVar("AnyModule", bound=Module)
Strategy = Any  # hypothesis.strategies.SearchStrategy, which is not imported just for its name

MOST = {"T": 5, "B": 4, "S": 5, "D": 4, "H": 4, "E": 4, "K": 4, "A": 4, "Q": 4, "V": 6}  # the largest sizes

CELLS: dict[str, Any]  # every cell, and each form of it, by short name


def __getattr__(name: str) -> Strategy:
    """Return the cells known so far, or a strategy without arguments, created on first use."""
    if name == "CELLS":
        return {kind: cell_class(kind) for kind in cell_names()} | {"gru, reset after": _gru_reset_after}
    if name in MOST:
        found = _hypothesis().integers(1, MOST[name])
    elif name == "seeds":
        found = _hypothesis().integers(0, 2**32 - 1)
    elif name == "rngs":
        found = __getattr__("seeds").map(np.random.default_rng)
    elif name == "kinds":
        return _hypothesis().sampled_from(sorted(__getattr__("CELLS")))
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found  # the next access does not call this function
    return found


def _gru_reset_after(input_size: int, hidden_size: int, **options: Any) -> GRUCell:
    return GRUCell(input_size, hidden_size, reset="after", **options)


def _hypothesis() -> Any:
    try:
        return importlib.import_module("hypothesis.strategies")
    except ImportError as error:
        raise ImportError(f'{__name__} needs hypothesis: pip install "seqmem[test]"') from error


def exposed(module: AnyModule, rng: np.random.Generator) -> AnyModule:
    """Return the module itself, with parameters between -1 and 1, including biases.

    The range is bounded, because a gradient through a saturated unit alone consists of rounding errors.

    >>> from seqmem.cells import RNNCell
    >>> cell = exposed(RNNCell(2, 3), np.random.default_rng(0))
    >>> bool(cell.b.all())
    True
    """
    for param in module.params.values():
        param[...] = rng.uniform(-1, 1, param.shape)
    return module


def random_state(
    module: Cell[Any] | SequenceLayer[Any] | Encoder | Decoder, batch_size: int, rng: np.random.Generator
) -> Any:
    """Return a state of a cell, layer, encoder or decoder, of which no part is zero.

    >>> from seqmem.cells import LSTMCell
    >>> random_state(LSTMCell(2, 3), 4, np.random.default_rng(0)).c.shape
    (4, 3)
    """
    return random_like(module.zero_state(batch_size), rng)


def lengths(longest: int, batch_size: int) -> Strategy:
    """Return a strategy for (B,) integers from 0 to the longest, in any order."""
    st = _hypothesis()
    each = st.lists(st.integers(0, longest), min_size=batch_size, max_size=batch_size)
    return each.map(lambda found: np.array(found, int))


def cells(kinds: Strategy = None, D: Strategy = None, H: Strategy = None) -> Strategy:
    """Return a strategy for any cell of any size with random parameters.

    Args:
        kinds: draws one of the names in `CELLS`.
        D: draws the input size.
        H: draws the hidden size.
    """
    given = {"kinds": kinds, "D": D, "H": H}
    drawn = [__getattr__(name) if strategy is None else strategy for name, strategy in given.items()]
    known = __getattr__("CELLS")
    return _hypothesis().builds(
        lambda kind, input_size, hidden_size, rng: exposed(known[kind](input_size, hidden_size), rng),
        *drawn,
        __getattr__("rngs"),
    )


def layers(kinds: Strategy = None, D: Strategy = None, H: Strategy = None, most: int = 3) -> Strategy:
    """Return a strategy for layers: a cell over time, both directions, or a stack of these.

    Args:
        kinds: draws one of the names in `CELLS` for each cell.
        D: draws the input size.
        H: draws each hidden size.
        most: the maximum number of layers in a stack.
    """
    given = {"kinds": kinds, "D": D, "H": H}
    found = {name: __getattr__(name) if strategy is None else strategy for name, strategy in given.items()}
    known = __getattr__("CELLS")

    def draw_layer(draw: Any, input_size: int) -> SequenceLayer[Any]:
        first, *others = (
            Recurrent(known[draw(found["kinds"])](input_size, draw(found["H"])), reverse=reverse)
            for reverse in draw(_hypothesis().sampled_from([[False], [True], [False, True]]))
        )
        return Bidirectional(first, *others) if others else first

    def build(draw: Any) -> SequenceLayer[Any]:
        size = draw(found["D"])
        made: list[SequenceLayer[Any]] = []
        for _ in range(draw(_hypothesis().integers(1, most))):
            made.append(draw_layer(draw, size))
            size = made[-1].output_size
        alone = len(made) == 1 and draw(_hypothesis().booleans())
        return exposed(made[0] if alone else Stack(*made), draw(__getattr__("rngs")))

    return _hypothesis().composite(build)()

"""The gate explorer: one unit of each cell, so small that every number can be seen."""

from __future__ import annotations

from seqmem.pages.page import Page, compose, part

STYLES = ("base.css", "explorer.css")
SCRIPTS = ("text.js", "explorer_cells.js", "explorer_view.js", "explorer_player.js", "explorer.js")


def gate_explorer() -> Page:
    """An interactive page on the gates of the LSTM, the GRU and the plain RNN.

    Sliders set the input, the state and every weight of one scalar unit; the gates, the states and the
    equations follow, and a sequence can be played step by step. The arithmetic is that of `LSTMCell`,
    `GRUCell` (both resets) and `RNNCell` with both sizes 1.

    Returns:
        The page: `gate_explorer().save("gates.html")` writes it, a notebook shows it in place.

    >>> gate_explorer().title
    'Gate explorer'
    """
    return compose(
        "Gate explorer",
        body=part("explorer.html"),
        styles=map(part, STYLES),
        scripts=map(part, SCRIPTS),
    )

"""The gate explorer: one unit of each cell, small enough to show every number."""

from __future__ import annotations

from seqmem.pages.page import Page, compose, part, parts

STYLES = ("base.css", "setting.css", "explorer.css")
SCRIPTS = (
    *("text.js", "arithmetic.js", "address.js", "setting.js"),
    *("explorer_cells.js", "explorer_view.js", "explorer_player.js", "explorer.js"),
)


def gate_explorer() -> Page:
    """Return an interactive page about the gates of the LSTM, the GRU and the plain RNN.

    Sliders set the input, the state and every weight of one scalar unit; the gates, the states and the
    equations follow, and a sequence can be played step by step. The arithmetic is that of `LSTMCell`,
    `GRUCell` (both resets) and `RNNCell` with input_size and hidden_size 1.

    Returns:
        The page: `gate_explorer().save("gates.html")` writes it, a notebook displays it.

    >>> gate_explorer().title
    'Gate explorer'
    """
    return compose(
        "Gate explorer",
        body=part("explorer.html", "explorer"),
        styles=parts(STYLES, "explorer"),
        scripts=parts(SCRIPTS, "explorer"),
    )

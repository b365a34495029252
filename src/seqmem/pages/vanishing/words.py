"""A page that shows the gradient on its way back through a sentence, with sliders that change it."""

from __future__ import annotations

from typing import Any

from seqmem.cells import Cell, GRUCell, LSTMCell, RNNCell
from seqmem.initializers import Rng, as_generator
from seqmem.pages.page import Page, compose, part, parts
from seqmem.pages.page_data import data_block

STYLES = ("base.css", "choice.css", "setting.css", "vanishing.css")
SCRIPTS = (
    *("text.js", "choice.js", "arithmetic.js", "address.js", "setting.js"),
    *("vanishing_flow.js", "vanishing_view.js", "vanishing.js"),
)
INPUT_SIZE, HIDDEN_SIZE = 8, 16
SENTENCE = "I was born in Japan and lived there for 10 years and then moved to the US. My native language is"


def vanishing_gradient(text: str = SENTENCE, *, rng: Rng = 1) -> Page:
    """Return a page that shows how much of the gradient reaches each word of a sentence.

    An RNN, an LSTM and a GRU of 16 units read the sentence before any training. L is the sum of the last h.
    The page shows the norm of dL/dx at every word, relative to that at the last word; for the LSTM, it
    separates the part along the cell state from the rest. Sliders set the distance between clue and blank,
    the spectral radius of the RNN's recurrent matrix, and the biases of the LSTM's forget gate and the GRU's
    update gate. The arithmetic is that of the library's backward passes.

    Args:
        text: the sentence that the page opens with; a reader can write another one.
        rng: seed or generator for the weights.

    Returns:
        The page: `vanishing_gradient().save("gradients.html")` writes it, a notebook displays it.

    Raises:
        TypeError: if text is not a string.

    >>> vanishing_gradient().title
    'Vanishing gradients'
    """
    if not isinstance(text, str):
        raise TypeError(f"vanishing_gradient: text is of type {type(text).__name__}, expected a string")
    rng = as_generator(rng)
    cells: dict[str, Cell[Any]] = {
        "rnn": RNNCell(INPUT_SIZE, HIDDEN_SIZE, rng=rng),
        "lstm": LSTMCell(INPUT_SIZE, HIDDEN_SIZE, rng=rng),
        "gru": GRUCell(INPUT_SIZE, HIDDEN_SIZE, rng=rng),
    }
    weights = {kind: _weights(cell) for kind, cell in cells.items()}
    data = {"text": text, "inputs": INPUT_SIZE, "weights": weights}
    return compose(
        "Vanishing gradients",
        body=part("vanishing.html", "vanishing") + data_block(data),
        styles=parts(STYLES, "vanishing"),
        scripts=parts(SCRIPTS, "vanishing"),
    )


def _weights(cell: Cell[Any]) -> dict[str, Any]:
    """Return a cell's parameters as lists, with an axis for the gates even if there are none."""
    plain = not cell.gates
    return {name: [value.tolist()] if plain else value.tolist() for name, value in cell.params.items()}

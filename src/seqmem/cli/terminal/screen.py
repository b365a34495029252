"""The terminal that a command prints to: how wide it is, and which characters it has."""

from __future__ import annotations

import shutil
import sys

from seqmem.insight import attention_heatmap
from seqmem.insight.folding import WIDTH, fold_lines
from seqmem.tasks import Translation

NARROWEST = 20  # columns; a terminal that claims fewer gets lines of this width


def terminal_width() -> int:
    """Return the columns of the terminal, 80 where there is none; the variable COLUMNS comes first."""
    return max(NARROWEST, shutil.get_terminal_size((WIDTH, 24)).columns)


def folded(text: object) -> str:
    """Return what is to be printed, its lines folded to the terminal's width."""
    return fold_lines(str(text), terminal_width())


def heatmap(one: Translation) -> str:
    """Return a translation's attention as a heat map that the terminal can show."""
    encoding = sys.stdout.encoding or "ascii"
    ascii_only = not encoding.lower().startswith("utf")
    source, target = _shown(one.source, encoding), _shown(one.target, encoding)
    return attention_heatmap(one.weights, source, target, ascii_only=ascii_only, width=terminal_width())


def _shown(symbols: list[str], encoding: str) -> list[str]:
    """Return symbols as they will be printed: a character that the encoding lacks is a question mark wide."""
    return [symbol.encode(encoding, "replace").decode(encoding) for symbol in symbols]

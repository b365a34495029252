"""The properties of the terminal: its width and its characters."""

from __future__ import annotations

import shutil
import sys

from seqmem.insight import attention_heatmap
from seqmem.insight.folding import WIDTH, fold_lines
from seqmem.tasks import Translation

NARROWEST = 20  # columns; a terminal that claims fewer gets lines of this width


def terminal_width() -> int:
    """Return the number of columns of the terminal, 80 without one; the variable COLUMNS comes first."""
    return max(NARROWEST, shutil.get_terminal_size((WIDTH, 24)).columns)


def folded(text: object) -> str:
    """Return a text with its lines folded to the terminal's width."""
    return fold_lines(str(text), terminal_width())


def heatmap(one: Translation) -> str:
    """Return a translation's attention as a heat map that the terminal can show."""
    encoding = sys.stdout.encoding or "ascii"
    ascii_only = not encoding.lower().startswith("utf")
    source, target = _shown(one.source, encoding), _shown(one.target, encoding)
    return attention_heatmap(one, source, target, ascii_only=ascii_only, width=terminal_width())


def _shown(symbols: list[str], encoding: str) -> list[str]:
    """Return symbols as they will be printed: a character that the encoding lacks becomes a question mark."""
    return [symbol.encode(encoding, "replace").decode(encoding) for symbol in symbols]

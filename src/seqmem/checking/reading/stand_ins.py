"""Substitutes for a script's data and sizes if only its definitions are wanted."""

from __future__ import annotations

import ast
import io
import re
from typing import Any

TEXT = "abcdacbefdabcfeadbc\n" * 3  # with seven different characters
_HIDDEN = re.compile(
    r"^(hidden|n_?hidden|hidden_?(size|dim|units|layer)s?|h_?size|n_?h|n_?a|H|units|rnn_size|state_size)$",
    re.I,
)
_STEPS = re.compile(r"^(seq_?len(gth)?|n_?steps|t_?steps|time_?steps|steps|T)$", re.I)
_WIDTH = re.compile(r"^(embed\w*|wordvec_size|n_embd|d_model|word_?dim|E)$", re.I)


class StandIn:
    """Opens files for reading; a missing text file is replaced by a short text."""

    def __init__(self) -> None:
        self.missing: list[str] = []

    def open(self, name: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        """Open a file for reading as `open` does.

        Raises:
            PermissionError: for any other mode, because definitions do not write.
        """
        if set(mode) & set("wax+"):
            raise PermissionError(f"{name} is not written while definitions are read")
        try:
            return open(name, mode, *arguments, **options)
        except FileNotFoundError:
            self.missing.append(str(name))
            return io.BytesIO(TEXT.encode()) if "b" in mode else io.StringIO(TEXT)

    def notes(self) -> tuple[str, ...]:
        """Return notes on the missing files."""
        if not self.missing:
            return ()
        return (f"missing, replaced by a short text: {', '.join(dict.fromkeys(self.missing))}",)


def smaller(node: ast.stmt) -> ast.stmt:
    """Return a statement with a small hidden size or number of steps; other statements unchanged."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
        return node
    value, names = node.value.value, [target.id for target in node.targets if isinstance(target, ast.Name)]
    if len(names) != len(node.targets) or type(value) is not int or value < 2:
        return node
    for pattern, size in ((_HIDDEN, 5), (_STEPS, 4), (_WIDTH, 6)):
        if any(pattern.match(name) for name in names):
            changed = ast.Assign(node.targets, ast.copy_location(ast.Constant(size), node.value))
            return ast.copy_location(changed, node)
    return node

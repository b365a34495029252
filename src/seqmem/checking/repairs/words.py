"""Descriptions of changes."""

from __future__ import annotations

import ast

from seqmem.checking.repairs.edits import Edit
from seqmem.checking.repairs.search import Tried
from seqmem.checking.report import Cause

MOST = 100  # characters of a line to show
_READABLE = (ast.BinOp, ast.Call, ast.Subscript)  # alone
_WHY = {
    "sum": "one step's term replaces the previous one: = instead of +=",
    "no-sum": "a value is added up that should be set: += instead of =",
    "name": "the wrong array",
    "exchanged": "two arrays are exchanged",
    "index": "the wrong step or index",
    "first-step": "at the first step the index is -1, which is the last element",
    "slice": "the wrong part of an array",
    "number": "the wrong number",
    "axis": "the wrong axis",
    "mean": "a mean for a sum",
    "total": "a sum for a mean",
    "transpose": "a transpose is missing",
    "transposed": "a transpose too many",
    "operator": "the wrong operator or sign",
    "order": "the wrong order",
    "left-out": "a factor, a term or a function too many",
    "softmax": "every score changes every weight; the softmax's derivative is taken as its diagonal",
    "weighted": "the mean should be weighted",
    "factor": "a factor is missing",
    "mean-path": "the path through the mean is missing",
    "scale-path": "the path through the scale (the variance) is missing",
    "term": "a term is missing",
}


def causes_of(tried: Tried) -> tuple[Cause, ...]:
    """Return a cause for each changed line; together they explain why a pass is wrong."""
    edits = sorted(tried.edits, key=lambda edit: edit.own.line(edit.statement))
    found = [_cause(edit, len(edits), tried.is_forward) for edit in edits]
    return (*found, *(_cause(edit, 1, is_forward=True) for edit in tried.instead))


def _cause(edit: Edit, n_edits: int, is_forward: bool) -> Cause:
    before, after = _texts(edit)
    line = edit.own.line(edit.statement if edit.shown else _first(edit))
    text = f"line {line}: {_WHY[edit.kind]}"
    if is_forward:
        text += " in the forward pass, or the backward pass is that of another one"
    if n_edits == 1:
        text += f". With `{after}` for `{before}` every gradient is right"
    else:
        text += f". `{before}` should be `{after}`; with these {n_edits} changes every gradient is right"
    return Cause(f"line-{edit.kind}", text)


def _first(edit: Edit) -> ast.AST:
    node: ast.AST = edit.changes[0][0].node
    return node if hasattr(node, "lineno") else edit.statement


def _texts(edit: Edit) -> tuple[str, str]:
    """Return the changed text and its replacement: the smallest part of the line that is readable alone."""
    if edit.shown:
        return ast.unparse(edit.statement), edit.shown
    spot, new = edit.changes[0]
    if len(edit.changes) == 1 and all(isinstance(node, _READABLE) for node in (spot.node, new)):
        return ast.unparse(spot.node)[:MOST], ast.unparse(new)[:MOST]
    best = ast.unparse(edit.statement), _changed(edit, edit.statement)
    for node in ast.walk(edit.statement):
        if not isinstance(node, _READABLE):
            continue
        before = ast.unparse(node)
        if len(before) < len(best[0]):
            after = _changed(edit, node)
            if after != before and _holds_all(edit, node):
                best = before, after
    return best[0][:MOST], best[1][:MOST]


def _changed(edit: Edit, node: ast.AST) -> str:
    with edit.made():
        return ast.unparse(node)


def _holds_all(edit: Edit, node: ast.AST) -> bool:
    inside = {id(one) for one in ast.walk(node)}
    return all(id(spot.parent) in inside for spot, _ in edit.changes)

"""The summary table of all checked passes, one per line, for 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seqmem.checking.report import WITH_A_SIDE_EFFECT
from seqmem.checking.submissions.run_apart import Result
from seqmem.cli.terminal.screen import terminal_width

_MARKS = {"right": "right", WITH_A_SIDE_EFFECT: "side effect", "wrong": "WRONG", "cannot tell": "cannot tell"}


def summary(files: Iterable[tuple[str, Sequence[Result]]]) -> str:
    """Return a table of the passes and their verdicts, with the count of each verdict.

    Args:
        files: pairs of a file's name and its results.

    >>> print(summary([("homework.py", [Result("lstm_step", 3, None, "the key 'W' is missing", "ask")])]))
    homework.py
      lstm_step  line 3  cannot tell  the key 'W' is missing
    1 pass: 1 cannot tell
    """
    files = list(files)
    results = [result for _, found in files for result in found]
    if not results:
        return "there is nothing to check"
    name = max(len(result.name) for result in results)
    line = max(len(str(result.line)) for result in results)
    verdict = max(len(_verdict(result)) for result in results)
    lines = []
    for path, found in files:
        lines.append(path)
        for one in found:
            head = f"  {one.name:<{name}}  line {one.line:<{line}}  {_verdict(one):<{verdict}}  "
            lines.append(_cut(f"{head}{_about(one)}".rstrip()))
    counts = {mark: sum(_verdict(result) == mark for result in results) for mark in _MARKS.values()}
    words = {"side effect": "right, with a side effect"}
    shown = ", ".join(f"{count} {words.get(mark, mark)}" for mark, count in counts.items() if count)
    return "\n".join([*lines, f"{len(results)} pass{'es' * (len(results) > 1)}: {shown}"])


def _verdict(result: Result) -> str:
    return _MARKS[result.report.verdict] if result.report is not None else "cannot tell"


def _about(result: Result) -> str:
    """Return a short explanation: the wrong gradients, or the reason why there is no verdict."""
    if result.report is None:
        return result.trouble.split("\n")[0]
    rows = [row.name for row in result.report.rows if row.verdict != "right"]
    if rows:
        return ", ".join(rows)
    causes = [cause.message for cause in result.report.causes]
    causes += [str(one) for one in result.report.side_effects]
    notes = [note for note in result.report.notes if note.startswith("no gradient")]
    return next(iter(causes + notes), "")


def _cut(text: str) -> str:
    width = terminal_width()
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."

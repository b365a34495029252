"""An exercise as a notebook (nbformat 4.5), of the same sections as its file."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from seqmem.exercises.cutting import sections
from seqmem.exercises.exercise import Exercise

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
}


def notebook(exercise: Exercise, solved: bool = False) -> dict[str, Any]:
    """Return a notebook in the form of nbformat.

    Args:
        exercise: the exercise.
        solved: whether the notebook has no hole.

    >>> from seqmem.exercises.lectures.plain_rnn import RNN_STEP_FORWARD
    >>> [cell["cell_type"] for cell in notebook(RNN_STEP_FORWARD)["cells"]]
    ['markdown', 'code', 'markdown', 'code', 'markdown', 'code', 'markdown']
    """
    parts = sections(exercise, solved)
    cells = [_markdown("about", _about(exercise))]
    by_kind = {kind: [part.text for part in parts if part.kind == kind] for kind in ("imports", "given")}
    cells.append(_code("given", "\n\n\n".join([*by_kind["imports"], *by_kind["given"]])))
    examples = [part.text for part in parts if part.kind == "example"]
    if examples:
        cells.append(_markdown("example-about", "## A worked example\n\nRead it first."))
        cells += [_code(f"example-{k + 1}", text) for k, text in enumerate(examples)]
    cells.append(_markdown("yours-about", f"## Yours\n\n{exercise.teaches}"))
    yours = [part.text for part in parts if part.kind == "yours"]
    cells += [_code(f"yours-{k + 1}", text) for k, text in enumerate(yours)]
    cells.append(_markdown("check-about", "## Is it right?"))
    cells.append(_code("check", check_cell(exercise)))
    cells.append(_markdown("hints", _hints(exercise)))
    return {"cells": cells, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}


def as_text(book: dict[str, Any]) -> str:
    """Return a notebook as the text of its file."""
    return json.dumps(book, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def check_cell(exercise: Exercise) -> str:
    """Return the lines that check an exercise in a notebook."""
    names = ", ".join(exercise.functions)
    seed = f", seed={exercise.seed}" if exercise.planted is not None else ""
    others = "globals()" if exercise.planted is not None else names
    return f'from seqmem.exercises import check\n\ncheck("{exercise.name}", {others}{seed})'


def _about(exercise: Exercise) -> str:
    equation = textwrap.dedent(exercise.equation).strip("\n")
    needs = f"Derivation: {exercise.derivation}" if exercise.derivation else ""
    return (
        f"# {exercise.title}\n\n{exercise.section}, about {exercise.minutes} minutes. {needs}\n\n"
        f"```text\n{equation}\n```"
    )


def _hints(exercise: Exercise) -> str:
    parts = [
        f"<details><summary>Hint {k + 1}</summary>\n\n{hint}\n\n</details>"
        for k, hint in enumerate(exercise.hints)
    ]
    return "## Hints\n\n" + "\n\n".join(parts)


def _markdown(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": _lines(text)}


def _code(name: str, text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {},
        "outputs": [],
        "source": _lines(text),
    }


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)

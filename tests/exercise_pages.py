"""The page about each exercise, written from the exercises: python tests/exercise_pages.py --write."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from seqmem.exercises import Exercise, all_exercises

DOCUMENT = Path(__file__).parents[1] / "docs" / "exercises" / "sections.md"
WIDTH = 110
HEAD = """# The sections

<!-- written by tests/exercise_pages.py -->

What each exercise teaches, the derivation that it needs, common mistakes, and the time. [The
index](index.md) says how they are checked.

## What the derivations need

**A matrix product.** For `y = x @ W`, a change of the loss is `sum(d_y * (dx @ W + x @ dW))`. Moving the
factors gives `d_x = d_y @ W.T` and `d_W = x.T @ d_y`; the shapes allow nothing else. A bias that is added
to every row has the sum over the rows as its gradient.

**A function entry by entry.** For `h = tanh(a)`, `d_a = d_h * (1 - h**2)`; for `s = sigmoid(a)`, `d_a =
d_s * s * (1 - s)`. Both are written in the value, which the cache holds, and not in `a`.

**A value that is used twice** collects the gradients of both uses, as a sum. A weight that is used at
every step collects one at each step.

**A selection**, such as a row of a table or `np.where`, hands the gradient back to the place that was
selected, and adds up where a place was selected more than once.

**A softmax.** For `alpha = softmax(s)`, `d_s = alpha * (d_alpha - sum(alpha * d_alpha))`. Together with
the logarithm of a cross-entropy, what is left is `alpha - onehot`.

**Through time.** The state of step t has an effect through the output of step t and through step t + 1.
The gradient of the first is given, that of the second is what step t + 1 hands back: so the loop runs
from the last step to the first.
"""


def page() -> str:
    """Return the whole page."""
    parts, section = [HEAD.rstrip()], ""
    for number, exercise in enumerate(all_exercises(), 1):
        if exercise.section != section:
            section = exercise.section
        parts.append(_of(number, exercise))
    return "\n\n".join(parts) + "\n"


def _of(number: int, exercise: Exercise) -> str:
    lines = [
        f"## {number}. {exercise.title}",
        "",
        f"`{exercise.name}` · {exercise.section} · {exercise.minutes} minutes",
        "",
    ]
    lines += [*_filled(_plain(exercise.teaches)), ""]
    lines += [*_filled(f"**Derivation.** {_plain(exercise.derivation)}"), "", "**Common mistakes**", ""]
    for mistake in exercise.mistakes:
        lines += textwrap.wrap(f"- {_plain(mistake)}", WIDTH, subsequent_indent="  ")
    return "\n".join(lines)


def _filled(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _plain(text: str) -> str:
    """Return a text without what Markdown would take for emphasis."""
    return text.replace("*", r"\*")


if __name__ == "__main__":
    if "--write" in sys.argv:
        DOCUMENT.write_text(page(), "utf-8")
    else:
        sys.stdout.write(page())

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

For each exercise, this page lists its purpose, the derivation that it needs, common mistakes, and the time
that it takes. [The index](index.md) explains how the exercises are checked.

## The derivations

**A matrix product.** For `y = x @ W`, a small change of x and W changes the loss by
`sum(d_y * (dx @ W + x @ dW))`. So `d_x = d_y @ W.T` and `d_W = x.T @ d_y`; no other products have the
right shapes if all sizes differ. The gradient of a bias that is added to every row is the sum over the rows.

**A function entry by entry.** For `h = tanh(a)`, `d_a = d_h * (1 - h**2)`; for `s = sigmoid(a)`, `d_a =
d_s * s * (1 - s)`. Both are written in terms of the value, which the cache holds, and not in terms of `a`.

**A value that is used twice** collects the gradients of both uses, as a sum. A weight that is used at
every step collects one gradient at each step.

**A selection**, such as a row of a table or `np.where`, passes the gradient back to the place that was
selected, and adds up where a place was selected more than once.

**A softmax.** For `alpha = softmax(s)`, `d_s = alpha * (d_alpha - sum(alpha * d_alpha))`. Together with
the logarithm of a cross-entropy, this becomes `alpha - onehot`.

**Through time.** The state of step t has an effect through the output of step t and through step t + 1.
The gradient of the output is given, and step t + 1 passes back the gradient of the state, so the loop runs
from the last step to the first.
"""


LINKS = {  # from the derivation of an exercise to its chapter
    "(lecture: the matrix product)": (
        "([a product of matrices](../derivations/notation.md#rule-3-a-product-of-matrices-and-a-bias))"
    ),
    "(lecture: softmax and its derivative)": "([softmax and cross-entropy](../derivations/cross-entropy.md))",
}


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
    derivation = _plain(exercise.derivation)
    for words, link in LINKS.items():
        derivation = derivation.replace(words, link)
    lines += [*_filled(f"**Derivation.** {derivation}"), "", "**Common mistakes**", ""]
    for mistake in exercise.mistakes:
        lines += textwrap.wrap(f"- {_plain(mistake)}", WIDTH, subsequent_indent="  ")
    return "\n".join(lines)


def _filled(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False, break_long_words=False)


def _plain(text: str) -> str:
    """Return a text without what Markdown would take for emphasis."""
    return text.replace("*", r"\*")


if __name__ == "__main__":
    if "--write" in sys.argv:
        DOCUMENT.write_text(page(), "utf-8")
    else:
        sys.stdout.write(page())

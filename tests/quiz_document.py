"""Write docs/quiz.md from the questions of the package.

    python tests/quiz_document.py            print the document
    python tests/quiz_document.py --write    write it

The numbers in the answers are those that the code of each question computes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from seqmem.pages.quiz import Question, quiz_questions

DOCUMENT = Path(__file__).parents[1] / "docs" / "quiz.md"
WIDTH = 110
BEFORE = """# The quiz

Eighteen questions on the lecture. Answer each before you read on, then compare your answer with the code's.
As a page that answers back, the quiz is `quiz.html` of `python -m seqmem explore`, or `quiz_page()` in a
notebook. The tests run every block below.
"""
LETTERS = "ABCDEF"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def figure(value: Any) -> str:
    """Return a number as the page shows it."""
    value = float(value)
    if value.is_integer():
        return f"{int(value):,}".replace("-", "−")
    if abs(value) < 0.0005 or abs(value) >= 1e5:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}".replace("-", "−")
    text = f"{value:.1f}" if abs(value) >= 100 else f"{value:.3f}"
    return re.sub(r"\.?0+$", "", text).replace("-", "−")


def names_in(question: Question) -> list[str]:
    """Return the numbers that a question's answers name."""
    said = " ".join([question.because, *(choice.refuted for choice in question.choices)])
    return sorted(set(re.findall(r"\{(\w+)\}", said)))


def numbers_of(begin: str, question: Question) -> dict[str, float]:
    """Return the numbers of a question's answers, from its code, which also asserts the answer."""
    found: dict[str, Any] = {}
    exec(compile(f"{begin}\n{question.code}", question.name, "exec", dont_inherit=True), found)
    return {name: float(found[name]) for name in names_in(question)}


def document() -> str:
    """Return the document."""
    begin, questions = quiz_questions()
    blocks = [BEFORE, code_block(begin)]
    for place, question in enumerate(questions, 1):
        blocks.append(section(place, question, numbers_of(begin, question)))
    return "\n".join(blocks)


def section(place: int, question: Question, numbers: dict[str, float]) -> str:
    """Return one question: choices, answer, code, and what refutes the wrong choices."""

    def filled(text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: figure(numbers[match[1]]), text)

    lettered = list(zip(LETTERS, question.choices, strict=False))
    (right,) = (letter for letter, choice in lettered if choice.right)
    choices = "\n".join(wrapped(f"- {letter}: {choice.says}", "  ") for letter, choice in lettered)
    refuted = [
        wrapped(f"- Not {letter}: {filled(choice.refuted)}", "  ")
        for letter, choice in lettered
        if not choice.right
    ]
    parts = (
        f"## {place}. {question.asks}\n",
        choices + "\n",
        wrapped(f"**{right}.** {filled(question.because)}") + "\n",
        "\n".join(refuted) + "\n",
        code_block(question.code),
    )
    return "\n".join(parts)


def code_block(code: str) -> str:
    """Return a fenced block of Python."""
    return f"```python\n{code}\n```\n"


def wrapped(text: str, indent: str = "") -> str:
    """Return a text in lines, broken at spaces outside of back quotes."""
    lines, line = [], ""
    for word in re.findall(r"(?:`[^`]*`|\S)+", text):
        if line and len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = indent + word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        DOCUMENT.write_text(document(), "utf-8")
    else:
        sys.stdout.write(document())

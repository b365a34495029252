"""The quiz as data, and as a page that computes the numbers of its answers."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from seqmem.cells import LSTMCell, RNNCell
from seqmem.pages.page import Page, compose, part, parts
from seqmem.pages.page_data import data_block

STYLES = ("base.css", "quiz.css")
SCRIPTS = ("text.js", "arithmetic.js", "quiz_numbers.js", "quiz.js")


@dataclass(frozen=True)
class Choice:
    """One answer to choose.

    Attributes:
        says: the answer; text between back quotes is code.
        right: whether it is the right one.
        refuted: why it is wrong, with names of numbers in braces; empty if it is right.
    """

    says: str
    right: bool = False
    refuted: str = ""


@dataclass(frozen=True)
class Question:
    """One question of the quiz.

    Attributes:
        name: of letters and hyphens, for addresses.
        asks: the question.
        choices: the answers to choose from, of which one is right.
        because: the reason for the right answer, with names of numbers in braces.
        code: Python that computes each of these numbers into a variable of its name, and asserts the answer.
    """

    name: str
    asks: str
    choices: tuple[Choice, ...]
    because: str
    code: str


def quiz_questions() -> tuple[str, list[Question]]:
    """Return the imports with which the code of every question begins, and the questions in order.

    >>> begin, questions = quiz_questions()
    >>> len(questions), questions[1].asks
    (18, 'What does a forget gate near 0 mean?')
    """
    text = (resources.files("seqmem.pages") / "quiz" / "questions.toml").read_text("utf-8")
    data = tomllib.loads(text)
    questions = [
        Question(
            one["name"],
            one["asks"],
            tuple(Choice(**choice) for choice in one["choices"]),
            one["because"],
            one["code"].strip(),
        )
        for one in data["questions"]
    ]
    return data["begin"].strip(), questions


def quiz_page() -> Page:
    """Return the quiz as a page: choices, a number that refutes each wrong one, and the code of each answer.

    The page computes its numbers in the arithmetic of the library's passes; the tests compare them with the
    results of the question's code.

    Returns:
        The page: `quiz_page().save("quiz.html")` writes it, a notebook displays it.

    >>> quiz_page().title
    'Quiz'
    """
    begin, questions = quiz_questions()
    data = {
        "begin": begin,
        "questions": [
            {**vars(question), "choices": [vars(choice) for choice in question.choices]}
            for question in questions
        ],
        "networks": _networks(),
    }
    return compose(
        "Quiz",
        body=part("quiz.html", "quiz") + data_block(data),
        styles=parts(STYLES, "quiz"),
        scripts=parts(SCRIPTS, "quiz"),
    )


def _networks() -> dict[str, Any]:
    """Return the inputs and the first weights of the networks that the first question compares."""
    xs = np.random.default_rng(1).normal(size=(60, 1, 4))
    rnn, lstm = RNNCell(4, 12, rng=1), LSTMCell(4, 12, rng=1)
    return {
        "xs": xs[:, 0].tolist(),
        "rnn": {name: [value.tolist()] for name, value in rnn.params.items()},
        "lstm": {name: value.tolist() for name, value in lstm.params.items()},
    }

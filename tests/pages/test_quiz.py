"""The questions of the quiz, and its document, without a browser."""

import re

from quiz_document import DOCUMENT, document, names_in, numbers_of

from seqmem.pages.page import part
from seqmem.pages.quiz import quiz_page, quiz_questions

BEGIN, QUESTIONS = quiz_questions()


def test_the_document_is_made_of_the_questions_and_of_the_numbers_of_their_code():
    assert DOCUMENT.read_text("utf-8") == document()  # python tests/quiz_document.py --write


def test_every_question_has_one_right_answer_and_refutes_the_others():
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS) == 18
    for question in QUESTIONS:
        assert re.fullmatch(r"[a-z-]+", question.name)
        assert [choice.right for choice in question.choices].count(True) == 1
        assert all(bool(choice.refuted) != choice.right for choice in question.choices)
        assert "assert " in question.code
        if (
            len(question.choices) > 2
        ):  # a number in every refutation, and more than one position for the right one
            assert all(
                re.search(r"\{\w+\}", choice.refuted) for choice in question.choices if not choice.right
            )
    places = {next(k for k, choice in enumerate(one.choices) if choice.right) for one in QUESTIONS}
    assert len(places) > 2


def test_the_numbers_of_an_answer_are_finite_and_named_in_the_page():
    script = part("quiz_numbers.js", "quiz")
    for question in QUESTIONS:
        assert all(abs(value) < 1e300 for value in numbers_of(BEGIN, question).values())
        assert all(re.search(rf"\b{name}\b", script) for name in names_in(question))


def test_an_rnn_and_an_lstm_are_compared_by_the_same_gradient():
    """Both by dL/dx of all paths, the LSTM with its default forget bias; the cell path is apart."""
    numbers = numbers_of(BEGIN, QUESTIONS[0])
    assert numbers["rnn"] < 1e-3 * numbers["lstm"] < numbers["opened"]
    assert numbers["path"] < numbers["lstm"]


def test_the_page_is_small_and_carries_everything():
    html = quiz_page().html
    assert len(html.encode()) < 300_000
    assert not re.search(r"unsafe|https?://(?!www\.w3\.org/2000/svg)|<link|<img|@import|url\(|\son\w+=", html)
    assert len(re.findall(r"<script\b", html)) == 2

"""The quiz answers back, with the numbers that its code computes."""

import math

import pytest
from browsing import least_contrast, overflow, texts
from quiz_document import figure, numbers_of

from seqmem.pages.quiz import quiz_page, quiz_questions

BEGIN, QUESTIONS = quiz_questions()
WRONG = [
    (question, place)
    for question in QUESTIONS
    for place, choice in enumerate(question.choices)
    if not choice.right
]
NUMBERS = """(name) => Object.fromEntries(
    [...document.querySelectorAll(`#${name} .results .value`)]
        .map(({ dataset }) => [dataset.name, Number(dataset.value)]))"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return quiz_page().save(tmp_path_factory.mktemp("pages") / "quiz.html").as_uri()


@pytest.fixture
def page(open_page, url):
    return open_page(url)


def right_place(question):
    return next(place for place, choice in enumerate(question.choices) if choice.right)


def choose(page, question, place):
    page.locator(f"#{question.name} .choices button").nth(place).click()


def feedback(page, question, place):
    return page.locator(f"#{question.name} .feedback").nth(place).text_content()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_the_numbers_are_those_of_the_code(page, question):
    found, expected = page.evaluate(NUMBERS, question.name), numbers_of(BEGIN, question)
    assert found.keys() == expected.keys()
    wrong = {
        name: (found[name], value)
        for name, value in expected.items()
        if not math.isclose(found[name], value, rel_tol=1e-12, abs_tol=1e-15)
    }
    assert wrong == {}


def test_the_code_answers_with_the_lines_that_the_tests_run(page):
    assert texts(page, "pre") == [f"{BEGIN}\n\n{question.code}" for question in QUESTIONS]
    page.click("#clipping summary")
    assert page.is_visible("#clipping pre")


def test_every_wrong_choice_is_refuted_and_the_right_one_explained(page):
    for question in QUESTIONS:
        numbers = {name: figure(value) for name, value in numbers_of(BEGIN, question).items()}
        for place, choice in enumerate(question.choices):
            choose(page, question, place)
            said = "Right. " if choice.right else "No. "
            text = (question.because if choice.right else choice.refuted).format(**numbers)
            plain = feedback(page, question, place)
            for name in ("C_t", "h_t"):
                text = text.replace(name, name.replace("_", ""))
            assert plain == said + text.replace("`", "")


def test_the_first_answer_counts(page):
    assert "18 questions" in page.inner_text("#score")
    first, second, *others = QUESTIONS
    choose(page, first, right_place(first))
    assert "1 of 1 right at the first answer; 17 to go" in page.inner_text("#score")
    wrong = (right_place(second) + 1) % len(second.choices)
    choose(page, second, wrong)
    choose(page, second, right_place(second))  # too late for the score, but explained
    assert "1 of 2 right" in page.inner_text("#score")
    assert page.get_attribute(f"#{second.name} .choices li:nth-child({wrong + 1}) button", "class") == "wrong"
    for question in others:
        choose(page, question, right_place(question))
    assert "17 of 18 right at the first answer; that was the last question" in page.inner_text("#score")
    page.click("#again")
    assert "18 questions" in page.inner_text("#score")
    assert page.locator(".choices .right, .choices .wrong").count() == 0
    assert "".join(texts(page, ".feedback")) == ""
    assert page.evaluate("document.activeElement.closest('article').id") == first.name


def test_it_is_played_by_keyboard_alone(page):
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.closest('article')?.id") != "without-attention":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "0 of 1 right" in page.inner_text("#score")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.is_visible("#without-attention pre")


def test_an_address_names_a_question(open_page, url):
    page = open_page(f"{url}#masked-loss")
    top = page.evaluate("document.getElementById('masked-loss').getBoundingClientRect().top")
    bottom = page.evaluate("document.getElementById('score').getBoundingClientRect().bottom")
    assert bottom <= top < 400


@pytest.mark.parametrize("width", [360, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_suits_every_screen_and_every_reader(open_page, url, violations, width, scheme):
    page = open_page(url, width=width, scheme=scheme, calm=True)
    for question, place in WRONG:
        choose(page, question, place)
    for summary in page.locator("summary").all()[:3]:
        summary.click()
    page.mouse.move(0, 0)
    assert overflow(page) <= 0
    assert least_contrast(page) >= 4.5
    assert violations(page) == []

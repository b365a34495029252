"""The pages as a course: for every screen and reader, and each link opens the state that it names."""

import pytest
from browsing import least_contrast, overflow, texts, wait_until

from seqmem import AdditiveAttention, Decoder, Encoder, Seq2Seq, Translator, Vocabulary
from seqmem.data import UNKNOWN
from seqmem.pages import (
    attention_page,
    course_pages,
    gate_explorer,
    gate_movie,
    quiz_page,
    vanishing_gradient,
)
from seqmem.pages.course import ORDER, STOPS


def untrained():
    vocabulary = Vocabulary(["a", "b", "c"])
    V, H = len(vocabulary), 5
    decoder = Decoder(V, 3, H, context=AdditiveAttention(H, H, 3, rng=0), rng=2)
    decoder.output.b[: UNKNOWN + 1] = -100  # no special symbol is ever the most probable
    return Translator(Seq2Seq(Encoder(V, 3, H, rng=1), decoder, rng=3), vocabulary, vocabulary, "word")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    model, folder = untrained(), tmp_path_factory.mktemp("site")
    pages = {
        "gradients.html": vanishing_gradient(),
        "gates.html": gate_explorer(),
        "quiz.html": quiz_page(),
        "attention.html": attention_page(model, ["a b c", "b"], contrast=model, max_length=4),
        "attention-polish.html": attention_page(model, ["c"], max_length=4, title="“How are you?” in Polish"),
        "movie.html": gate_movie(model, ["a b", "c"], max_length=4),
    }
    for file, page in course_pages(pages).items():
        page.save(folder / file)
    return folder


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1920, "light")])
@pytest.mark.parametrize("file", ["index.html", *ORDER])
def test_a_page_suits_every_screen_and_every_reader(open_page, site, violations, file, width, scheme):
    page = open_page((site / file).as_uri(), width=width, scheme=scheme, calm=True)
    assert overflow(page) <= 0
    assert least_contrast(page) >= 4.5
    assert violations(page) == []


@pytest.mark.parametrize("file", ORDER)
def test_the_way_on_is_reached_by_keyboard(open_page, site, file):
    page = open_page((site / file).as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('nav').className") == "course"
    ways = page.eval_on_selector_all("nav.course a", "all => all.map(({ href }) => href.split('/').pop())")
    assert set(ways) <= {"index.html", *ORDER}
    assert all((site / way).is_file() for way in ways)


def test_the_gates_open_as_their_links_say_and_follow_an_address_that_changes(open_page, site):
    gates = next(stop for stop in STOPS if stop.file == "gates.html")
    page = open_page((site / "gates.html").as_uri())
    for state in gates.states:
        tab, preset = state.address.split("&preset=")
        page.evaluate("(address) => { location.hash = address; }", state.address)
        page.wait_for_selector(f'#panel-{tab} #{tab}-preset-{preset}[aria-pressed="true"]')
        assert page.is_visible(f"#panel-{tab}")


def test_the_settings_of_the_gates_stand_in_the_address(open_page, site):
    url = (site / "gates.html").as_uri()
    page = open_page(url)
    page.click("#tab-gru")
    page.click("#gru-preset-write")
    page.check("#gru-reset-after")
    page.fill("#gru-x", "0,25")
    page.fill("#gru-sequence", "1 -1")
    wait_until(page, "location.hash === '#gru&preset=write&reset=after&sequence=1+-1&x=0.25'")
    h = page.get_attribute("#gru-h", "data-value")
    other = open_page(page.url)
    assert other.get_attribute("#gru-h", "data-value") == h
    assert other.input_value("#gru-sequence") == "1 -1"
    assert other.input_value("#gru-x") == "0.25"


def test_the_links_to_the_gradients_open_what_they_name(open_page, site):
    gradients = next(stop for stop in STOPS if stop.file == "gradients.html")
    for state in gradients.states:
        page = open_page(f"{(site / 'gradients.html').as_uri()}#{state.address}")
        for setting in state.address.split("&"):
            name, _, value = setting.partition("=")
            if value:
                assert page.input_value(f"#set-{name}") == value
            else:
                assert page.is_checked(f"#{name}")


def test_the_links_to_the_quiz_name_questions(open_page, site):
    page = open_page((site / "quiz.html").as_uri())
    quiz = next(stop for stop in STOPS if stop.file == "quiz.html")
    assert all(page.locator(f"#{state.address}").count() == 1 for state in quiz.states)


def test_attention_keeps_sentence_and_word_in_the_address(open_page, site):
    page = open_page((site / "attention.html").as_uri())
    page.locator("[data-output] button").nth(2).click()
    wait_until(page, "location.hash === '#sentence=1&word=3'")
    other = open_page(page.url)
    assert other.locator('[data-panel="0"] [aria-checked="true"]').count() == 1
    assert texts(other, '[data-panel="0"] [data-said]') == texts(page, '[data-panel="0"] [data-said]')
    other.evaluate("location.hash = '#sentence=2&word=999'")
    wait_until(other, "document.getElementById('sentence').value === '1'")


def test_the_movie_keeps_text_part_and_step_in_the_address(open_page, site):
    page = open_page((site / "movie.html").as_uri())
    page.select_option("#text", "1")
    page.locator("[data-parts] button").nth(1).click()
    page.click("[data-back]")
    wait_until(page, "location.hash.startsWith('#text=2&part=2&show=')")
    read = page.inner_text("[data-readout]")
    other = open_page(page.url)
    assert other.inner_text("[data-readout]") == read
    assert other.input_value("#text") == "1"

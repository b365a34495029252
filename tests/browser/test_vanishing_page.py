"""The page of vanishing gradients computes what the library's backward passes compute, for any sentence."""

import json
import re

import numpy as np
import pytest
from browsing import least_contrast, overflow, stop_clock, texts, wait_until

from seqmem import GRUCell, LSTMCell, Recurrent, RNNCell
from seqmem.pages.vanishing import vanishing_gradient
from seqmem.pages.vanishing.words import SENTENCE

PAGE = vanishing_gradient()
DATA = json.loads(re.findall(r'id="data">(.*?)</script>', PAGE.html, re.DOTALL)[0])
CURVES = ("rnn", "lstm", "cell", "rest", "gru")
N_SETTINGS = 300
FLOWS = """(all) => all.map(([words, settings]) => ({
    xs: words.map((word) => vectorOf(word, DATA.inputs)),
    flow: flowOver(words, DATA.weights, DATA.inputs, settings),
}))"""
HARD = [
    "",
    "   \n",
    "Japan",
    "🐈‍⬛ 🇯🇵",
    "שלום עולם מה נשמע",
    "e\u0301a a\u0308\u0323",
    "<b>x</b> </script> \u202e",
    "日本で生まれた",
]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return PAGE.save(tmp_path_factory.mktemp("pages") / "gradients.html").as_uri()


@pytest.fixture
def page(open_page, url):
    return open_page(url)


def cells_of(settings):
    """The library's cells with the page's weights and these settings."""
    cells = {"rnn": RNNCell(8, 16), "lstm": LSTMCell(8, 16), "gru": GRUCell(8, 16)}
    for kind, cell in cells.items():
        for name, param in cell.params.items():
            param[...] = np.reshape(DATA["weights"][kind][name], param.shape)
    cells["rnn"].W_h *= settings["radius"]
    cells["lstm"].gate("f").b[...] = settings["forget"]
    cells["gru"].gate("z").b[...] = settings["update"]
    return cells


def library_flow(xs, settings):
    """The norms of dL/dx by the library's backward passes, relative to the last step's."""
    xs = np.array(xs)[:, None] * (1e-30 if settings["faint"] else 1)
    found = {}
    for kind, cell in cells_of(settings).items():
        layer = Recurrent(cell)
        (hs, _), cache = layer.forward(xs, traced=True)
        d_hs = np.zeros_like(hs)
        d_hs[-1] = 1
        (d_xs, _), _ = layer.backward((d_hs, None), cache)
        last = np.linalg.norm(d_xs[-1])
        found[kind] = np.linalg.norm(d_xs[:, 0], axis=1) / last
        if kind == "lstm":
            cell_path = path_of_the_cell(cell, {k: v[:, 0] for k, v in layer.trace(cache).items()})
            found["cell"] = np.linalg.norm(cell_path, axis=1) / last
            found["rest"] = np.linalg.norm(d_xs[:, 0] - cell_path, axis=1) / last
    return found


def path_of_the_cell(cell, trace):
    """dL/dx along the cell state alone: every gate of the step, once d_c has come down the forget gates."""
    i, f, o, g, c, tanh_c = (trace[name] for name in ("i", "f", "o", "g", "c", "tanh_c"))
    c_prev = np.concatenate([np.zeros_like(c[:1]), c[:-1]])
    kept = np.cumprod(np.concatenate([np.ones_like(f[:1]), f[:0:-1]]), axis=0)[::-1]
    d_c = kept * o[-1] * (1 - tanh_c[-1] ** 2)
    d_o = np.zeros_like(o)
    d_o[-1] = tanh_c[-1] * o[-1] * (1 - o[-1])
    d_a = (d_c * g * i * (1 - i), d_c * c_prev * f * (1 - f), d_o, d_c * i * (1 - g**2))
    return sum(d @ W.T for d, W in zip(d_a, cell.W_x, strict=True))


def drawn_settings(rng):
    words = [f"word{rng.integers(50)}" for _ in range(rng.integers(1, 24))]
    faint, radius = bool(rng.integers(2)), rng.uniform(0, 1.5)
    return words, {
        "radius": radius,
        "forget": rng.uniform(-4, 4),
        "update": rng.uniform(-6, 3),
        "faint": faint,
    }


def test_the_numbers_are_those_of_the_library(page):
    rng = np.random.default_rng(0)
    settings = [drawn_settings(rng) for _ in range(N_SETTINGS)]
    for (_, setting), found in zip(settings, page.evaluate(FLOWS, settings), strict=True):
        expected = library_flow(found["xs"], setting)
        for name in CURVES:
            # two parts may cancel; an error of the past grows as the gradient does
            sizes = (
                expected["lstm"] + expected["cell"] if name in ("lstm", "cell", "rest") else expected[name]
            )
            growth = max(1.0, expected[name].max())
            assert np.all(np.abs(found["flow"][name] - expected[name]) <= 1e-12 * growth * sizes), (
                name,
                setting,
            )


def test_the_settings_reach_the_numbers(page):
    page.fill("#set-radius", "0,5")
    page.fill("#set-forget", "2.5")
    page.fill("#set-update", "-3")
    page.fill("#set-distance", "30")
    setting = {"radius": 0.5, "forget": 2.5, "update": -3.0, "faint": False}
    words = texts(page, "#words bdi")
    ((found,),) = [page.evaluate(FLOWS, [[words, setting]])]
    clue = words.index("Japan")
    assert len(words) - 1 - clue == 30
    expected = library_flow(found["xs"], setting)
    for name in CURVES:
        shown = float(page.get_attribute(f"#reach-{name}", "data-value"))
        assert abs(shown - expected[name][clue]) <= 1e-12 * max(expected["lstm"][clue], expected[name][clue])


def test_the_presets_vanish_keep_and_explode(page):
    def reached(preset, distance="80"):
        page.click(f"#presets button:text-is('{preset}')")
        page.fill("#set-distance", distance)
        return {name: float(page.get_attribute(f"#reach-{name}", "data-value")) for name in CURVES}

    vanished, kept, exploded = (reached(name) for name in ("Vanishing", "Gates open", "Exploding"))
    assert vanished["rnn"] < 1e-12 > vanished["lstm"]
    assert "vanished: lost in float32" in texts(page, ".verdict") or vanished["gru"] < 1e-6
    assert kept["lstm"] > 1e-2 < kept["gru"]
    assert exploded["rnn"] > 1e4
    assert page.inner_text("#verdict-rnn") == "exploding"
    assert page.is_checked("#faint")


def test_the_whole_is_the_sum_of_both_parts_and_the_last_word_has_only_the_cell(page):
    flow = page.evaluate(FLOWS, [[["a", "b", "c"], {"radius": 1, "forget": 1, "update": 0, "faint": False}]])[
        0
    ]["flow"]
    assert flow["rest"][-1] == 0
    assert flow["cell"][-1] == flow["lstm"][-1] == flow["rnn"][-1] == flow["gru"][-1] == 1


@pytest.mark.parametrize("distance", [0, 1, 5, 16, 17, 150])
def test_the_distance_is_the_number_of_words_between(page, distance):
    page.fill("#set-distance", str(distance))
    words = texts(page, "#words bdi")
    assert words[:5] == SENTENCE.split()[:5]
    assert len(words) - 5 == distance
    if distance:
        assert words[-1] == "is"
    assert texts(page, '#words [aria-checked="true"] bdi') == ["Japan"]


def test_another_word_becomes_the_clue_by_click_and_by_arrow_keys(page):
    page.click("#words button:nth-child(10)")
    assert page.inner_text("#clue") == "“10”"
    assert page.input_value("#set-distance") == "11"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#clue") == "“years”"
    page.keyboard.press("End")
    assert page.inner_text("#clue") == "“is”"
    assert page.get_attribute("#reach-rnn", "data-value") == "1"
    assert "just before the blank" in page.inner_text("#where")


@pytest.mark.parametrize("text", HARD)
def test_every_text_is_a_sentence(page, text):
    page.fill("#text", text)
    words = text.split()
    assert (
        texts(page, "#words button") == [] if not words else len(texts(page, "#words button")) == len(words)
    )
    assert ("no word yet" in page.inner_text("#text-problem")) == (not words)
    if words:
        assert float(page.get_attribute("#reach-gru", "data-value")) > 0
    assert page.locator("#words b, #words script").count() == 0
    page.fill("#set-distance", "7")
    page.fill("#text", "Japan is back")
    assert page.inner_text("#clue") == "“Japan”"


def test_a_long_text_is_cut_and_says_so(page):
    page.fill("#text", " ".join(["Japan", *["word"] * 199]))
    assert page.inner_text("#text-problem") == ""
    assert page.locator("#words button").count() == 200
    page.fill("#text", "word " * 250)
    assert "Only the first 200 of 250 words are read" in page.inner_text("#text-problem")


def test_hebrew_is_read_from_right_to_left(page):
    page.fill("#text", "אני נולדתי ביפן")
    assert page.get_attribute("#words .choice", "dir") == "rtl"
    boxes = [button.bounding_box()["x"] for button in page.locator("#words button").all()]
    assert boxes == sorted(boxes, reverse=True)
    first, *_, last = page.get_attribute("#chart polyline.rnn", "points").split()
    assert float(first.split(",")[0]) > float(last.split(",")[0])


def test_the_address_names_the_state(open_page, url):
    page = open_page(url)
    stop_clock(page)
    page.fill("#text", "one two three & four=5")
    page.click("#words button:nth-child(2)")
    page.fill("#set-distance", "40")
    page.fill("#set-forget", "3.5")
    page.check("#faint")
    page.clock.run_for(2000)
    address = page.url
    numbers = texts(page, "#outcome .result")
    other = open_page(address)
    assert texts(other, "#outcome .result") == numbers
    assert other.input_value("#text") == "one two three & four=5"
    other.evaluate("location.hash = '#distance=9&radius=abc&forget=1000'")
    wait_until(other, "document.getElementById('set-distance').value === '9'")
    assert other.input_value("#set-radius") == "1"  # what is no number, or too large, is not taken
    assert other.input_value("#set-forget") == "1"
    assert other.inner_text("#clue") == "“Japan”"


def test_a_field_that_is_left_empty_shows_the_number_that_counts(page):
    page.fill("#set-forget", "2")
    page.fill("#set-forget", "")
    assert "Until then the last one counts" in page.inner_text("#set-forget-problem")
    page.keyboard.press("Tab")
    assert page.input_value("#set-forget") == "2"
    assert page.inner_text("#set-forget-problem") == ""
    page.focus("#set-forget")
    page.keyboard.press("ArrowUp")
    assert page.input_value("#set-forget") == "2.1"


def test_a_listener_hears_the_result_once_the_slider_rests(page):
    stop_clock(page)
    page.focus("#set-distance-slider")
    page.keyboard.press("ArrowRight")
    page.clock.run_for(2000)
    assert re.match(r"At Japan: RNN .*, 1 part in [\d,]+; LSTM ", page.text_content("#spoken"))
    assert re.match(r"Japan: RNN .*, LSTM .*, GRU ", texts(page, "#words button")[4])


@pytest.mark.parametrize(
    ("width", "scheme"), [(360, "light"), (360, "dark"), (1920, "light"), (1920, "dark")]
)
def test_it_suits_every_screen_and_every_reader(open_page, url, violations, width, scheme):
    page = open_page(url, width=width, scheme=scheme, calm=True)
    page.fill("#text", "Donaudampfschifffahrtsgesellschaftskapitän " * 30)
    page.fill("#set-update", "x")
    page.click("summary")
    page.mouse.move(0, 0)
    assert overflow(page) <= 0
    assert least_contrast(page) >= 4.5
    assert violations(page) == []
    page.fill("#text", "")
    assert violations(page) == []


def test_it_works_in_the_frame_of_a_notebook(open_page, tmp_path):
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><body>{PAGE._repr_html_()}</body>", "utf-8")
    frame = open_page(notebook.as_uri()).frame_locator("iframe")
    frame.locator("#set-distance").fill("50")
    assert frame.locator("#words button").count() == 55


def test_the_page_is_small_and_carries_everything():
    assert len(PAGE.html.encode()) < 300_000
    assert not re.search(
        r"unsafe|https?://(?!www\.w3\.org/2000/svg)|<link|<img|@import|url\(|\son\w+=", PAGE.html
    )
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(|DOMParser", PAGE.html)
    assert "</script><b>" not in vanishing_gradient("</script><b>").html


def test_on_a_narrow_screen_the_result_stays_in_sight_of_the_sliders(open_page, url):
    page = open_page(url, width=360)
    page.focus("#set-update")
    page.evaluate("window.scrollTo(0, 500)")
    box = page.locator("#strip").bounding_box()
    assert box["y"] == 0
    assert texts(page, "#strip .result") == texts(page, "#outcome .reach:not(.part) .result")
    assert open_page(url, width=1200).is_hidden("#strip")

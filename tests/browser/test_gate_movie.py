"""The gate movie shows the model's own trace, and can be used by everyone."""

import numpy as np
import pytest
from browsing import least_contrast, overflow, stop_clock, texts, values
from comparing import ROUNDING

from seqmem import (
    AdditiveAttention,
    Decoder,
    Encoder,
    GRUCell,
    LSTMCell,
    Recurrent,
    Seq2Seq,
    Translator,
    Vocabulary,
)
from seqmem.data import UNKNOWN
from seqmem.pages.movie import gate_movie

T, D, H = 6, 3, 4
LABELS = ["the", "<b>cat</b>", '"&', "שלום", "🐈‍⬛", " "]


@pytest.fixture
def show(open_page, tmp_path):
    def show(*args, width=1200, scheme="light", calm=False, **kwargs):
        url = gate_movie(*args, **kwargs).save(tmp_path / "movie.html").as_uri()
        return open_page(url, width=width, scheme=scheme, calm=calm)

    return show


def layer_and_trace(cell, n_steps=T):
    layer = Recurrent(cell)
    xs = np.random.default_rng(0).normal(size=(n_steps, cell.input_size)).astype(cell.dtype)
    _, cache = layer.forward(xs[:, None])
    return layer, xs, {name: rows[:, 0] for name, rows in layer.trace(cache).items()}


@pytest.fixture
def lstm():
    return layer_and_trace(LSTMCell(D, H, rng=1))


def table(page):
    """(H, quantities) of the chosen step, under their names."""
    names = texts(page, "[data-table] thead th")[1:]
    numbers = values(page, "[data-table] td")
    return dict(zip(names, np.reshape(numbers, (-1, len(names))).T, strict=True))


def readout(page):
    return float(page.get_attribute("[data-readout]", "data-value"))


def step_of(page):
    return int(page.input_value("[data-step]"))


def go_to(page, step):
    page.locator("[data-step]").fill(str(step))


@pytest.mark.parametrize(
    "cell",
    [LSTMCell(D, H, rng=1), GRUCell(D, H, rng=1, dtype=np.float32), GRUCell(D, H, rng=1, reset="after")],
    ids=["lstm", "gru in float32", "gru, reset after"],
)
def test_the_table_of_every_step_holds_the_trace(show, cell):
    layer, xs, trace = layer_and_trace(cell)
    page = show(layer, xs)
    for step in range(T):
        go_to(page, step)
        shown = table(page)
        assert shown.keys() == trace.keys()
        for name, rows in trace.items():
            np.testing.assert_allclose(shown[name], rows[step], rtol=0, atol=ROUNDING)


def test_the_value_under_the_pointer_is_read_out_and_a_click_chooses_it(show, lstm):
    layer, xs, trace = lstm
    page = show(layer, xs)
    box = page.locator("[data-map]").bounding_box()
    for quantity, name in enumerate(trace):
        page.click(f"[data-quantities] button >> nth={quantity}")
        for step, unit in ((0, 0), (2, 3), (5, 1)):
            x, y = box["width"] * (step + 0.5) / T, box["height"] * (unit + 0.5) / H
            page.mouse.move(box["x"] + x, box["y"] + y)
            assert readout(page) == pytest.approx(trace[name][step, unit], abs=ROUNDING)
    assert f"unit 1, t = 5 ({5})" in page.inner_text("[data-readout]")
    assert step_of(page) == T - 1
    page.mouse.click(box["x"] + box["width"] * 2.5 / T, box["y"] + box["height"] * 3.5 / H)
    assert step_of(page) == 2
    assert page.text_content("[data-table] tr[aria-current] th") == "3"
    page.mouse.move(0, 0)
    assert readout(page) == pytest.approx(trace["h"][2, 3], abs=ROUNDING)


def test_a_keyboard_goes_from_cell_to_cell(show, lstm):
    layer, xs, trace = lstm
    page = show(layer, xs)
    page.locator(".map").focus()
    assert readout(page) == pytest.approx(trace["f"][5, 0], abs=ROUNDING)
    for key, step, unit in [
        *(("ArrowLeft", 4, 0), ("ArrowDown", 4, 1), ("Home", 0, 1), ("ArrowLeft", 0, 1), ("PageDown", 0, 3)),
        *(("ArrowDown", 0, 3), ("End", 5, 3), ("ArrowUp", 5, 2), ("ArrowRight", 5, 2), ("PageUp", 5, 0)),
    ]:
        page.keyboard.press(key)
        assert step_of(page) == step
        assert readout(page) == pytest.approx(trace["f"][step, unit], abs=ROUNDING)
        assert page.text_content("[data-table] tr[aria-current] th") == str(unit)


def test_quantities_are_chosen_by_keyboard_and_explained(show, lstm):
    layer, xs, trace = lstm
    page = show(layer, xs)
    page.keyboard.press("Tab")
    for name, words in [("o", "Output gate"), ("g", "Candidate"), ("c", "Cell state")]:
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.textContent").startswith(name)
        assert words in page.inner_text(".part > .quiet")
        assert readout(page) == pytest.approx(trace[name][5, 0], abs=ROUNDING)


def test_it_plays_to_the_end_and_stops(show, lstm):
    layer, xs, _ = lstm
    page = show(layer, xs)
    stop_clock(page)
    page.click("[data-play]")
    assert step_of(page) == 0
    assert page.inner_text("[data-play]") == "Pause"
    page.clock.run_for(1500)
    assert step_of(page) == 2
    page.click("[data-play]")
    page.clock.run_for(5000)
    assert step_of(page) == 2
    page.click("[data-play]")
    page.clock.run_for(5000)
    assert step_of(page) == T - 1
    assert page.inner_text("[data-play]") == "Play"
    page.click("[data-back]")
    assert step_of(page) == T - 2
    page.click("[data-next]")
    page.click("[data-next]")
    assert step_of(page) == T - 1


def test_nothing_plays_by_itself(show, lstm):
    layer, xs, _ = lstm
    page = show(layer, xs, calm=True)
    before = step_of(page)
    page.wait_for_timeout(1500)
    assert step_of(page) == before
    assert page.evaluate("document.getAnimations().length") == 0


def test_encoder_and_decoder_are_shown_with_the_attention(show):
    words = Vocabulary(["a", "b", "c"])
    encoder = Encoder(7, 3, H, rng=0)
    decoder = Decoder(7, 3, H, context=AdditiveAttention(H, H, 3, rng=1), rng=2)
    decoder.output.b[: UNKNOWN + 1] = -100
    translator = Translator(Seq2Seq(encoder, decoder), words, words, "word")
    (found,) = translator.translate(["a c b"], max_length=4)
    page = show(translator, "a c b", max_length=4)
    assert texts(page, ".heads bdi") == ["a", "c", "b"]
    page.click("text=Decoder writes")
    assert texts(page, ".heads bdi") == found.target
    page.click("text=attention")
    for step in range(4):
        go_to(page, step)
        np.testing.assert_allclose(table(page)["weights"], found.weights[step], rtol=0, atol=ROUNDING)
    rows = texts(page, "[data-table] tbody th bdi")
    assert rows == ["a", "c", "b"]


def test_markup_in_labels_is_text(show, lstm):
    layer, xs, _ = lstm
    page = show(layer, xs, steps=LABELS)
    for step in range(T):
        go_to(page, step)
    assert page.locator("main b").count() == 0
    heads = texts(page, ".heads bdi")
    assert heads == [*LABELS[:-1], "␣"]
    assert page.get_attribute("[data-step]", "aria-valuetext") == "6 of 6 (t = 5): space"


def test_a_large_trace_is_shown_and_a_step_paints_no_map_again(show):
    layer, xs, trace = layer_and_trace(LSTMCell(D, 128, rng=0), 200)
    page = show(layer, xs)
    go_to(page, 77)
    np.testing.assert_allclose(table(page)["c"], trace["c"][77], rtol=0, atol=ROUNDING)
    painted = page.evaluate(
        """() => {
            const paint = window.paintMap;
            let painted = 0;
            window.paintMap = (...all) => (painted += 1, paint(...all));
            for (let k = 0; k < 10; k++) document.querySelector("[data-next]").click();
            const bySteps = painted;
            document.querySelector("[data-quantities] button:last-child").click();
            return [bySteps, painted];
        }"""
    )
    assert painted == [0, 1]  # 25,600 cells are painted for another quantity, not for another step
    assert step_of(page) == 87
    left, width = page.eval_on_selector(".film", "film => [film.scrollLeft, film.clientWidth]")
    assert left <= 87 * 14 <= left + width  # the chosen step is in sight


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("n_steps", [0, 1, T, 200])
def test_nothing_overflows_on_a_narrow_screen(show, n_steps, scheme):
    layer, xs, _ = layer_and_trace(LSTMCell(D, 20, rng=0), n_steps)
    page = show(layer, xs, width=360, scheme=scheme, steps=["x" * 50] * n_steps)
    assert overflow(page) <= 0
    if n_steps:
        assert page.locator("[data-map]").bounding_box()["height"] > 50


def test_an_empty_input_has_its_message(show, lstm):
    layer, _, _ = lstm
    page = show(layer, np.zeros((0, D)))
    assert page.inner_text(".message") == "This part took no step: its input is empty."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_map_has_the_colours_of_its_values_and_marks_what_is_negative(show, scheme, lstm):
    layer, xs, trace = lstm
    page = show(layer, xs, scheme=scheme)
    for quantity, name in ((1, "f"), (4, "c")):
        page.click(f"[data-quantities] button >> nth={quantity}")
        page.locator(".map").focus()
        pixels = page.evaluate(
            """([steps, units]) => {
                const canvas = document.querySelector("[data-map]");
                const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
                copy.drawImage(canvas, 0, 0);
                const all = copy.getImageData(0, 0, canvas.width, canvas.height).data;
                return Array.from({ length: steps * units }, (_, k) => {
                    const x = Math.floor(canvas.width * (Math.floor(k / units) + 0.2) / steps);
                    const y = Math.floor(canvas.height * ((k % units) + 0.25) / units);
                    const at = 4 * (y * canvas.width + x);
                    return [...all.slice(at, at + 3)];
                });
            }""",
            [T, H],
        )
        shares = (trace[name] / (1 if name == "f" else np.abs(trace[name]).max())).ravel()
        none, full, negative = (
            [int(colour.strip()[k : k + 2], 16) for k in (1, 3, 5)]
            for colour in page.evaluate(
                """() => {
                    const style = getComputedStyle(document.body);
                    return ["none", "full", "negative"].map((name) => style.getPropertyValue(`--${name}`));
                }"""
            )
        )
        for share, pixel in zip(shares, pixels, strict=True):
            end = np.array(full if share >= 0 else negative)
            expected = np.array(none) + (end - np.array(none)) * abs(share)
            np.testing.assert_allclose(pixel, expected, atol=3)
    assert "negative" in page.inner_text(".legend")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_a_contrast_of_at_least_4_5(show, scheme, lstm):
    layer, xs, _ = lstm
    page = show(layer, xs, scheme=scheme)
    page.click("text=candidate")
    assert least_contrast(page) >= 4.5

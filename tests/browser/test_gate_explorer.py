"""The gate explorer computes what the cells compute, and can be used by everyone."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from browsing import stop_clock
from comparing import ROUNDING

from seqmem import GRUCell, LSTMCell, LSTMState, Recurrent, RNNCell
from seqmem.pages.explorer import gate_explorer
from seqmem.pages.page import compose

LSTM_GATES, GRU_GATES = "ifog", "rzn"  # in the library's order
KINDS = ("lstm", "gru-before", "gru-after", "rnn")
N_SETTINGS = 75  # of each kind
EXTREMES = (-100.0, -20.0, -1e-9, 0.0, 1e-9, 20.0, 100.0)

SET_AND_READ = """([tab, settings, names]) => settings.map((setting) => {
    for (const [name, value] of Object.entries(setting)) {
        const field = document.getElementById(`${tab}-${name}`);
        field.value = String(value);
        field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    const read = (name) => Number(document.getElementById(`${tab}-${name}`).dataset.value);
    return Object.fromEntries(names.map((name) => [name, read(name)]));
})"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return gate_explorer().save(tmp_path_factory.mktemp("pages") / "gates.html").as_uri()


@pytest.fixture
def page(open_page, url):
    return open_page(url)


def tab_of(kind):
    return kind.partition("-")[0]


def choose(page, kind):
    page.click(f"#tab-{tab_of(kind)}")
    if kind.startswith("gru"):
        page.check(f"#gru-reset-{kind.partition('-')[2]}")


def setting_names(kind):
    gates = {"lstm": LSTM_GATES, "gru": GRU_GATES, "rnn": "h"}[tab_of(kind)]
    names = ["x", "h_prev", *(f"{gate}-{weight}" for gate in gates for weight in ("w_x", "w_h", "b"))]
    return names + {"lstm": ["c_prev"], "gru-after": ["b_hn"]}.get(kind, [])


def random_settings(kind, rng):
    """Ordinary numbers and extreme ones, mixed in every proportion."""

    def draw(share):
        return rng.choice(EXTREMES) if rng.random() < share else rng.uniform(-3, 3)

    shares = np.linspace(0, 1, N_SETTINGS)
    return [{name: float(draw(share)) for name in setting_names(kind)} for share in shares]


def cell_with(kind, setting):
    cell = {
        "lstm": lambda: LSTMCell(1, 1),
        "gru-before": lambda: GRUCell(1, 1),
        "gru-after": lambda: GRUCell(1, 1, reset="after"),
        "rnn": lambda: RNNCell(1, 1),
    }[kind]()
    for gate in cell.gates:
        part = cell.gate(gate)
        for array, weight in ((part.W_x, "w_x"), (part.W_h, "w_h"), (part.b, "b")):
            array[...] = setting[f"{gate}-{weight}"]
    if kind == "rnn":
        cell.W_x[...], cell.W_h[...], cell.b[...] = (setting[f"h-{weight}"] for weight in ("w_x", "w_h", "b"))
    if kind == "gru-after":
        cell.b_hn[...] = setting["b_hn"]
    return cell


def library_run(kind, setting, xs):
    """What the library's cell computes at every step, under the page's names."""
    h_prev = np.full((1, 1), setting["h_prev"])
    state = LSTMState(h_prev, np.full((1, 1), setting["c_prev"])) if kind == "lstm" else h_prev
    layer = Recurrent(cell_with(kind, setting))
    _, cache = layer.forward(np.reshape(xs, (-1, 1, 1)), state, traced=True)
    named = {name: values.ravel().tolist() for name, values in layer.trace(cache).items()}
    steps = [dict(zip(named, values, strict=True)) for values in zip(*named.values(), strict=True)]
    first = {"h": setting["h_prev"], "c": setting.get("c_prev")}
    product = 1.0
    for before, r, x in zip([first, *steps], steps, xs, strict=False):
        if kind == "lstm":
            old, f, written = before["c"], r["f"], r["i"] * r["g"]
            r |= {"kept": f * old, "erased": (1 - f) * old, "written": written}
        elif kind == "rnn":
            slope = (1 - r["h"] ** 2) * setting["h-w_h"]
            product *= slope
            r |= {"slope": slope, "product": product, "past": setting["h-w_h"] * before["h"]}
            r |= {"input": setting["h-w_x"] * x + setting["h-b"]}
        else:
            old, z = before["h"], r["z"]
            r |= {"kept": (1 - z) * old, "erased": z * old, "written": z * r["n"]}
    return steps


def ids_of(kind):
    """The id of every result on the page, and its name."""
    gates = {"lstm": LSTM_GATES, "gru": GRU_GATES, "rnn": ""}[tab_of(kind)]
    names = [*gates, *(f"a_{gate}" for gate in gates), "h"]
    names += {"lstm": ["c", "tanh_c"], "rnn": ["a", "slope"]}.get(kind, [])
    flow = {"lstm": ["kept", "erased", "written", "c"], "rnn": ["past", "input", "a", "h"]}
    return {name: name for name in names} | {
        f"flow-{name}": name for name in flow.get(kind, ["kept", "erased", "written", "h"])
    }


def close(value, expected):
    return math.isclose(value, expected, rel_tol=ROUNDING, abs_tol=ROUNDING)


def read(page, identifier):
    return float(page.get_attribute(f"#{identifier}", "data-value"))


def history(page, tab):
    return page.eval_on_selector_all(
        f"#{tab}-history tbody tr",
        """rows => rows.map((row) => Object.fromEntries(
            [...row.cells].map(({ dataset }) => [dataset.name, Number(dataset.value)])))""",
    )


def assert_is_run(rows, steps):
    assert len(rows) == len(steps)
    for row, step in zip(rows, steps, strict=True):
        wrong = {
            name: (row[name], step[name]) for name in set(row) & set(step) if not close(row[name], step[name])
        }
        assert not wrong
        assert set(row) - set(step) == {"t", "x"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_are_those_of_the_cells(page, kind):
    settings = random_settings(kind, np.random.default_rng(KINDS.index(kind)))
    ids = ids_of(kind)
    choose(page, kind)
    shown = page.evaluate(SET_AND_READ, [tab_of(kind), settings, list(ids)])
    wrong = []
    for setting, values in zip(settings, shown, strict=True):
        (expected,) = library_run(kind, setting, [setting["x"]])
        wrong += [
            (setting, identifier, values[identifier], expected[name])
            for identifier, name in ids.items()
            if not close(values[identifier], expected[name])
        ]
    assert wrong == []
    assert len({values["h"] for values in shown}) > N_SETTINGS / 3  # they do follow the settings


@pytest.mark.parametrize("kind", KINDS)
def test_a_played_sequence_is_the_cell_run_over_it(page, kind):
    rng = np.random.default_rng(5)
    setting = {
        name: float(value) for name, value in zip(setting_names(kind), rng.uniform(-2, 2, 20), strict=False)
    }
    xs = rng.uniform(-2, 2, 7).tolist()
    tab = tab_of(kind)
    choose(page, kind)
    page.evaluate(SET_AND_READ, [tab, [setting], []])
    page.fill(f"#{tab}-sequence", " ".join(map(str, xs)))
    steps = library_run(kind, setting, xs)
    for n in range(1, len(xs) + 1):
        page.click(f"#{tab}-step")
        assert page.inner_text(f"#{tab}-where").startswith(f"Step {n} of 7")
        assert close(
            read(page, f"{tab}-now-{'c' if kind == 'lstm' else 'h'}"),
            steps[n - 1]["c" if kind == "lstm" else "h"],
        )
    assert_is_run(history(page, tab), steps)
    assert "whole history" in page.inner_text(f"#{tab}-where")
    page.click(f"#{tab}-step")  # at the end there is nothing more to do
    assert len(history(page, tab)) == 7
    setting["x"], setting["h_prev"] = 0.0, 0.25  # the run follows the settings
    page.evaluate(SET_AND_READ, [tab, [setting], []])
    assert_is_run(history(page, tab), library_run(kind, setting, xs))
    page.click(f"#{tab}-reset")
    assert page.is_hidden(f"#{tab}-history")


def test_play_goes_to_the_end_by_itself_and_pause_holds_it(page):
    stop_clock(page)
    page.click("#lstm-play")
    assert page.inner_text("#lstm-play") == "Pause"
    page.clock.run_for(1000)
    page.click("#lstm-play")
    assert page.inner_text("#lstm-play") == "Play"
    page.clock.run_for(60_000)
    assert page.inner_text("#lstm-where").startswith("Step 2 of 8")
    page.click("#lstm-play")
    page.clock.run_for(60_000)
    assert page.inner_text("#lstm-where").startswith("Step 8 of 8")
    assert page.inner_text("#lstm-play") == "Play"
    page.click("#lstm-play")  # again from the start
    assert page.inner_text("#lstm-where").startswith("Step 1 of 8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The sequence is empty"),
        (" , ", "The sequence is empty"),
        ("1, two, 3", "Number 2, “two”, is not a number"),
        ("1 2 <b>x</b>", "Number 3, “<b>x</b>”, is not a number"),
        ("1 NaN", "Number 2, “NaN”, is not a number"),
        ("Infinity", "is not a number"),
        ("1e400", "Number 1, “1e400”, is too large"),
        ("5 -101", "Number 2, “-101”, is too large"),
        ("0 " * 101, "has 101 numbers"),
        ("x" * 500, "…”, is not a number"),
    ],
)
def test_a_bad_sequence_is_explained_in_place(page, text, message):
    page.click("#lstm-step")
    page.fill("#lstm-sequence", text)
    assert message in page.inner_text("#lstm-sequence-problem")
    assert page.get_attribute("#lstm-sequence", "aria-invalid") == "true"
    assert page.is_hidden("#lstm-history")
    page.click("#lstm-step")
    page.click("#lstm-play")
    assert page.inner_text("#lstm-where") == "Nothing to play yet."
    page.fill("#lstm-sequence", "1;−0.5\t+2e-1, .5")
    assert page.inner_text("#lstm-sequence-problem") == ""
    for _ in range(4):
        page.click("#lstm-step")
    assert [row["x"] for row in history(page, "lstm")] == [1, -0.5, 0.2, 0.5]


def test_a_field_takes_no_number_out_of_range_and_says_so(page):
    before = read(page, "lstm-f")
    for bad in ("101", "-1e9", ""):
        page.fill("#lstm-f-b", bad)
        assert "Write a number from −100 to 100" in page.inner_text("#lstm-f-b-problem")
        assert read(page, "lstm-f") == before
    page.fill("#lstm-f-b", "0.123456")
    assert page.inner_text("#lstm-f-b-problem") == ""
    assert read(page, "lstm-a_f") == 1.2 * 0.5 + 0.123456 + 0.1 * 0.3
    page.fill("#lstm-f-b", "")
    page.click("#lstm-preset-counter")
    assert page.inner_text("#lstm-f-b-problem") == ""


@pytest.mark.parametrize("tab", ["lstm", "gru", "rnn"])
def test_every_slider_moves_by_keyboard_and_moves_numbers(page, tab):
    choose(page, f"{tab}-after")
    sliders = page.locator(f"#panel-{tab} input[type=range]")
    assert sliders.count() == {"lstm": 15, "gru": 12, "rnn": 5}[tab]
    for index in range(sliders.count()):
        page.click(f"#{tab}-preset-start-values")
        slider = sliders.nth(index)
        name = slider.get_attribute("id").removesuffix("-slider")
        field, h = float(page.input_value(f"#{name}")), read(page, f"{tab}-h")
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert float(page.input_value(f"#{name}")) > field
        assert read(page, f"{tab}-h") != h, name
        page.keyboard.press("Home")
        assert page.input_value(f"#{name}") == slider.get_attribute("min")


def test_a_slider_says_the_true_value_where_a_field_goes_beyond_its_end(page):
    page.fill("#lstm-f-b", "55")
    assert page.input_value("#lstm-f-b-slider") == "10"
    assert page.get_attribute("#lstm-f-b-slider", "aria-valuetext") == "55.00"
    assert read(page, "lstm-a_f") > 55


def test_the_tabs_turn_with_the_arrow_keys(page):
    def shown():
        panels = [tab for tab in ("lstm", "gru", "rnn") if page.is_visible(f"#panel-{tab}")]
        selected = page.eval_on_selector_all(
            '[role=tab][aria-selected="true"]', "tabs => tabs.map(tab => tab.id)"
        )
        in_tab_order = page.eval_on_selector_all(
            '[role=tab][tabindex="0"]', "tabs => tabs.map(tab => tab.id)"
        )
        assert selected == in_tab_order == [f"tab-{tab}" for tab in panels]
        return panels

    assert shown() == ["lstm"]
    page.focus("#tab-lstm")
    for key, tab in [
        *(("ArrowRight", "gru"), ("ArrowRight", "rnn"), ("ArrowRight", "lstm"), ("ArrowLeft", "rnn")),
        *(("Home", "lstm"), ("End", "rnn"), ("ArrowLeft", "gru")),
    ]:
        page.keyboard.press(key)
        assert shown() == [tab]
        assert page.evaluate("document.activeElement.id") == f"tab-{tab}"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "panel-gru"


def test_an_address_can_name_the_tab(open_page, url):
    assert open_page(f"{url}#gru").is_visible("#panel-gru")
    assert open_page(f"{url}#nothing").is_visible("#panel-lstm")


def preset(page, tab, name):
    page.click(f"#{tab}-preset-{name}")
    pressed = page.eval_on_selector_all(
        f'#panel-{tab} .presets [aria-pressed="true"]', "all => all.map(one => one.id)"
    )
    assert pressed == [f"{tab}-preset-{name}"]
    for _ in range(8):
        page.click(f"#{tab}-step")
    return history(page, tab)


def test_the_lstm_presets_do_what_they_say(page):
    assert all(abs(row["c"]) < 1e-3 for row in preset(page, "lstm", "forget-all"))
    assert all(abs(row["c"] - 2) < 1e-2 for row in preset(page, "lstm", "keep-all"))
    assert all(abs(row["c"] - row["g"]) < 1e-3 for row in preset(page, "lstm", "write-only"))
    counted = [row["c"] for row in preset(page, "lstm", "counter")]
    assert np.allclose(counted, np.cumsum([1, 0, 1, 1, 0, -1, 0, 1]), atol=1e-2)
    page.fill("#lstm-o-b", "0")
    assert page.locator('#panel-lstm .presets [aria-pressed="true"]').count() == 0
    page.click("#lstm-preset-start-values")
    assert page.input_value("#lstm-x") == "1.2"


def test_the_gru_presets_do_what_they_say(page):
    choose(page, "gru-before")
    assert all(abs(row["h"] + 0.6) < 1e-2 for row in preset(page, "gru", "keep"))
    assert all(abs(row["h"] - row["n"]) < 1e-3 for row in preset(page, "gru", "write"))
    assert all(abs(row["h"] - math.tanh(row["x"])) < 1e-3 for row in preset(page, "gru", "write-afresh"))


def test_the_rnn_presets_do_what_they_say(page):
    choose(page, "rnn")
    vanishing = preset(page, "rnn", "vanish")
    assert all(later["h"] <= row["h"] / 2 for row, later in pairwise(vanishing))
    assert vanishing[-1]["product"] < 0.5**8
    saturated = preset(page, "rnn", "saturate")
    assert all(row["h"] > 0.99 and row["slope"] < 0.04 for row in saturated)


def test_the_remark_on_z_is_refuted_with_the_numbers(page):
    choose(page, "gru-before")
    page.click("#gru-preset-write")
    z, n = read(page, "gru-z"), read(page, "gru-n")
    assert read(page, "gru-equation-reading") == read(page, "gru-h")
    assert abs(read(page, "gru-h") - n) < 1e-3
    assert close(read(page, "gru-remark-reading"), z * -0.6 + (1 - z) * n)
    assert "keeps 0.0 % of the old state −0.600" in page.inner_text("#gru-verdict")


def test_the_bias_of_the_product_belongs_to_the_reset_after_it(page):
    choose(page, "gru-before")
    assert page.is_hidden("#gru-b_hn")
    assert "tanh(wxn·xt + whn·(rt·ht−1) + bn)" in page.inner_text("#gru-n-equation")
    choose(page, "gru-after")
    assert page.is_visible("#gru-b_hn")
    assert "rt·(whn·ht−1 + bhn)" in page.inner_text("#gru-n-equation")
    page.keyboard.press("ArrowUp")  # radio buttons turn with the arrow keys
    assert page.is_checked("#gru-reset-before")


def test_the_equations_hold_the_current_numbers(page):
    assert "= σ(0.50·1.20 + 0.30·0.10 + 1.00)\n= σ(1.63) = 0.836" in re.sub(
        r"\n+", "\n", page.inner_text("#lstm-f-equation")
    )
    page.fill("#lstm-x", "-2")
    assert "= σ(0.50·(−2.00) + 0.30·0.10 + 1.00)" in page.inner_text("#lstm-f-equation")
    page.fill("#lstm-f-b", "-90")
    assert page.inner_text("#lstm-f") == "0.000"  # as 0.5 + 0.5 tanh: exactly 0
    page.fill("#lstm-f-b", "-20")
    assert re.fullmatch(r"\d\.\d·10⁻[⁰¹²³⁴-⁹]+", page.inner_text("#lstm-f"))


def test_a_listener_is_told_the_results_once_the_slider_rests(page):
    stop_clock(page)
    page.focus("#lstm-f-b-slider")
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
        page.clock.run_for(200)
    assert page.text_content("#spoken") == ""
    page.clock.run_for(1000)
    f = page.inner_text("#lstm-f")
    assert page.text_content("#spoken").startswith(f"f {f}, i 0.715, candidate 0.848")


@pytest.mark.parametrize("width", [320, 360, 1200])
@pytest.mark.parametrize("tab", ["lstm", "gru", "rnn"])
def test_nothing_is_wider_than_the_screen(open_page, url, width, tab):
    page = open_page(url, width=width, scheme="dark", calm=True)
    choose(page, f"{tab}-after")
    page.click(f"#panel-{tab} summary")
    page.fill(f"#{tab}-sequence", "-100 100 -99.999 0.00001 " * 10)
    gate = {"lstm": "g", "gru": "n", "rnn": "h"}[tab]
    for name in ("x", "h_prev", f"{gate}-w_x", f"{gate}-w_h", f"{gate}-b"):
        page.fill(f"#{tab}-{name}", "-99.999")
    for _ in range(20):
        page.click(f"#{tab}-step")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = """all => all.filter((one) => one.scrollWidth > one.clientWidth + 1)
        .map((one) => one.className || one.tagName)"""
    assert page.eval_on_selector_all(f"#panel-{tab} :is(.card, .equation, .strip, .result, td)", wide) == []


CONTRAST = """() => {
    const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => {
        const linear = (one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = parse(colour).map((one) => linear(one / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (node) => {
        for (; node; node = node.parentElement) {
            const colour = getComputedStyle(node).backgroundColor;
            if (parse(colour)[3] !== 0) return colour;
        }
    };
    const low = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !node.getClientRects().length) continue;
        const style = getComputedStyle(node);
        const [one, other] = [light(node.closest("svg") ? style.fill : style.color), light(ground(node))];
        const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (contrast < 4.5) low.push(`${contrast.toFixed(2)}: ${walker.currentNode.data}`);
    }
    return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["lstm", "gru", "rnn"])
def test_all_text_stands_out_from_its_ground(open_page, url, scheme, tab):
    page = open_page(url, scheme=scheme)
    choose(page, f"{tab}-after")
    page.click(f"#panel-{tab} summary")
    page.fill(f"#{tab}-x", "1000")
    page.click(f"#{tab}-step")
    page.mouse.move(0, 0)
    assert page.evaluate(CONTRAST) == []


def test_the_colours_follow_the_system_and_motion_can_be_switched_off(open_page, url):
    def style(name, selector, **how):
        return open_page(url, **how).eval_on_selector(selector, f"node => getComputedStyle(node).{name}")

    assert style("backgroundColor", "body") != style("backgroundColor", "body", scheme="dark")
    assert "0.12s" in style("transitionDuration", ".fill")
    assert style("transitionDuration", ".fill", calm=True) == "0s"


NAMELESS = """() => [...document.querySelectorAll("input, button, summary")]
    .filter((node) => {
        const labels = [...(node.labels ?? [])].map((label) => label.textContent).join("");
        return !(node.getAttribute("aria-label") || labels || node.textContent).trim();
    })
    .map((node) => node.id)"""

DUPLICATES = """() => [...document.querySelectorAll("[id]")].map((node) => node.id)
    .filter((id, index, all) => all.indexOf(id) !== index)"""

DANGLING = """() => ["aria-labelledby", "aria-describedby", "aria-controls", "for"].flatMap((name) =>
    [...document.querySelectorAll(`[${name}]`)].map((node) => node.getAttribute(name))
        .filter((id) => !document.getElementById(id)))"""


def test_every_control_has_a_name_and_every_reference_an_end(page):
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(DUPLICATES) == []
    assert page.evaluate(DANGLING) == []
    names = page.eval_on_selector_all(
        "input[type=range]", "all => all.map(one => one.getAttribute('aria-label'))"
    )
    assert "weight of the input, forget gate, slider" in names


def test_focus_can_be_seen(page):
    page.focus("#tab-lstm")
    for _ in range(12):
        page.keyboard.press("Tab")
        style = "getComputedStyle(document.activeElement)"
        outline = page.evaluate(f"[{style}.outlineStyle, {style}.outlineWidth]")
        assert outline == ["solid", "3px"]


def test_what_has_the_focus_is_not_hidden_under_the_results(page):
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.focus("#lstm-o-b")
    for _ in range(14):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.closest('.setting') !== null"):
            top = page.evaluate("document.activeElement.getBoundingClientRect().top")
            assert top >= page.evaluate("document.querySelector('.strip').getBoundingClientRect().bottom")


def test_the_two_resets_differ_and_leave_the_preset_chosen(page):
    choose(page, "gru-before")
    before = read(page, "gru-h")
    choose(page, "gru-after")
    assert abs(read(page, "gru-h") - before) > 0.01
    assert page.get_attribute("#gru-preset-start-values", "aria-pressed") == "true"


def test_it_works_in_the_frame_of_a_notebook(open_page, tmp_path):
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><body>{gate_explorer()._repr_html_()}</body>", "utf-8")
    page = open_page(notebook.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("#lstm-preset-counter").click()
    for _ in range(3):
        frame.locator("#lstm-step").click()
    assert abs(float(frame.locator("#lstm-now-c").get_attribute("data-value")) - 2) < 1e-2
    frame.locator("#tab-gru").click()
    assert frame.locator("#gru-h").inner_text() == "0.330"


def test_markup_that_got_into_a_page_cannot_run_or_fetch(browser, tmp_path):
    body = """<p id="p">still</p><script>p.textContent = "ran"</script>
        <img src="http://127.0.0.1:9/x.png" onerror="p.textContent = 1">"""
    page = browser.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(
        compose("A page", body=body, scripts=["document.title = 'Its own'"])
        .save(tmp_path / "page.html")
        .as_uri()
    )
    assert (page.inner_text("#p"), page.title()) == ("still", "Its own")
    assert sum("Content Security Policy" in text for text in refused) >= 2
    page.close()


def test_the_page_names_no_other_address():
    html = gate_explorer().html
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", html))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, which nothing fetches
    assert "</script" not in html.partition("<script>")[2].partition("</script>")[0]


def test_a_frame_holds_the_document_escaped():
    page = compose('"<b>', body='<p class="a">&amp;</p>')
    frame = page._repr_html_()
    assert frame.count("<") == 2
    assert 'title="&quot;&lt;b&gt;"' in frame
    assert "&lt;p class=&quot;a&quot;&gt;&amp;amp;" in frame
    assert "&quot;&lt;b&gt;</title>" in page.html


@pytest.mark.parametrize(
    "parts", [{"styles": ["</STYLE>"]}, {"scripts": ["'</script>'"]}, {"scripts": ["<!--"]}]
)
def test_a_script_that_would_end_its_element_is_refused(parts):
    with pytest.raises(ValueError, match="which would end its element"):
        compose("A page", body="", **parts)


def test_a_missing_browser_skips_with_its_name_and_fails_where_it_is_required(missing, monkeypatch):
    monkeypatch.delenv("SEQMEM_REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no_such_browser"):
        missing("no_such_browser")
    monkeypatch.setenv("SEQMEM_REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="no_such_browser"):
        missing("no_such_browser")


def strip_of(page, tab):
    cells = page.locator(f"#panel-{tab} .strip [data-strip]")
    names = cells.evaluate_all("all => all.map((one) => one.dataset.strip)")
    return dict(
        zip(names, cells.evaluate_all("all => all.map((one) => Number(one.dataset.value))"), strict=True)
    )


@pytest.mark.parametrize("tab", ["lstm", "gru", "rnn"])
def test_the_strip_shows_the_step_that_plays(page, tab):
    choose(page, f"{tab}-before")
    single = strip_of(page, tab)
    assert page.inner_text(f"#{tab}-strip-says") == "The single step below"
    for n in (1, 2, 3):
        page.click(f"#{tab}-step")
        row, strip = history(page, tab)[-1], strip_of(page, tab)
        assert strip == {name: row[name] for name in strip}
        assert page.inner_text(f"#{tab}-strip-says").startswith(f"Step {n} of 8 of the sequence, input ")
    assert strip != single
    page.click(f"#{tab}-reset")
    assert strip_of(page, tab) == single


def test_the_scales_of_the_bars_stand_still(page):
    page.click("#lstm-preset-keep-all")

    def widths(c_prev):
        page.fill("#lstm-c_prev", c_prev)
        bars = page.locator("#panel-lstm :is(.strip, .update) [data-bar=c]")
        return bars.evaluate_all("all => all.map((one) => parseFloat(one.firstChild.style.width))")

    for before, after in zip(widths("1"), widths("1.05"), strict=True):
        assert 1.04 * before < after < 1.06 * before
    assert page.locator("#panel-lstm .bar.over").count() == 0
    assert max(widths("50")) == 50  # half of the bar: as far as it goes
    assert page.locator('#panel-lstm [data-bar="c"].over').count() == 2
    widths("-50")
    assert page.locator('#panel-lstm [data-bar="c"].under').count() == 2


def test_a_field_takes_a_decimal_comma_and_refuses_what_is_no_number(page):
    page.fill("#lstm-f-b", "0,5")
    assert page.inner_text("#lstm-f-b-problem") == ""
    assert read(page, "lstm-a_f") == 1.2 * 0.5 + 0.5 + 0.1 * 0.3
    page.keyboard.press("Tab")
    assert page.input_value("#lstm-f-b") == "0.5"
    for bad in ("1,2,3", "5x", "--1", "1 2"):
        page.fill("#lstm-f-b", bad)
        assert "Write a number" in page.inner_text("#lstm-f-b-problem")


def test_a_field_that_is_left_shows_the_number_that_counts(page):
    page.fill("#lstm-x", "")
    assert page.get_attribute("#lstm-x", "aria-invalid") == "true"
    page.keyboard.press("Tab")
    assert (page.input_value("#lstm-x"), page.inner_text("#lstm-x-problem")) == ("1.2", "")
    page.focus("#lstm-x")
    page.keyboard.press("ArrowDown")
    assert page.input_value("#lstm-x") == "1.15"


def test_a_signed_slider_has_a_mark_at_zero(page):
    marks = page.locator("#panel-lstm .track.signed").evaluate_all(
        'all => all.map((one) => getComputedStyle(one).getPropertyValue("--zero"))'
    )
    assert marks == ["0.5"] * 15


def test_a_tab_named_by_an_address_that_changes_is_opened(page):
    page.evaluate("location.hash = '#gru'")
    page.wait_for_selector("#panel-gru:not([hidden])")
    assert page.is_hidden("#panel-lstm")

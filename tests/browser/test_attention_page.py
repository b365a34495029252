"""The attention visualiser shows the model's own weights, and can be used by everyone."""

import numpy as np
import pytest
from browsing import least_contrast, overflow, texts, values
from comparing import ROUNDING

from seqmem import AdditiveAttention, Decoder, Encoder, FixedContext, Seq2Seq, Translator, Vocabulary
from seqmem.pages.attention import attention_page

HOSTILE = ['<script>document.title="run"</script>', '"><img src=x onerror="document.title=1">', "&amp;", "'"]
WORDS = ["the", "cat", "sat", "on", "mat", "dog", "שלום", "עולם", "قطة", "🐈", *HOSTILE]


def translator_of(*, fixed=False, dtype=np.float64, writes=WORDS):
    """Untrained: it writes words of `writes` until it is cut off."""
    vocabulary = Vocabulary(WORDS)
    V, H = len(vocabulary), 6
    context = FixedContext() if fixed else AdditiveAttention(H, H, 5, rng=1, dtype=dtype)
    encoder = Encoder(V, 4, H, cell="gru", rng=2, dtype=dtype)
    decoder = Decoder(V, 4, H, context=context, cell="gru", rng=3, dtype=dtype)
    for name, array in [*encoder.params.items(), *decoder.params.items()]:
        if not name.endswith("b"):
            array *= 3  # weights that differ from word to word
    decoder.output.b[...] = -100
    decoder.output.b[vocabulary.encode(writes)] = 0
    return Translator(Seq2Seq(encoder, decoder, rng=4), vocabulary, vocabulary, "word")


@pytest.fixture
def show(open_page, tmp_path):
    def show(*args, max_length=7, width=1200, scheme="light", **kwargs):
        path = attention_page(*args, max_length=max_length, **kwargs).save(tmp_path / "attention.html")
        return open_page(path.as_uri(), width=width, scheme=scheme)

    return show


def chosen(page, panel=0):
    marks = f'[data-panel="{panel}"] [data-output] [role=radio]'
    return page.eval_on_selector_all(marks, "nodes => nodes.map((node) => node.ariaChecked)").index("true")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_each_word_that_is_clicked_shows_its_own_weights(show, dtype):
    translator = translator_of(dtype=dtype)
    (found,) = translator.translate(["the cat sat on mat"], max_length=7)
    page = show(translator, ["the cat sat on mat"])
    assert texts(page, "[data-output] button") == found.target
    assert texts(page, "[data-source] .word") == found.source
    for step in reversed(range(len(found.target))):
        page.click(f"[data-output] button >> nth={step}")
        shown = values(page, "[data-source] li")
        np.testing.assert_allclose(shown, found.weights[step], rtol=0, atol=ROUNDING)
        assert chosen(page) == step
        assert page.locator("[data-matrix] tbody tr").nth(step).get_attribute("aria-current") == "true"
        assert page.locator("[data-matrix] tr[aria-current]").count() == 1
        best = int(found.weights[step].argmax())
        said = page.inner_text("[data-said]")
        assert said.startswith(
            f"Before {found.target[step]} ({step + 1} of 7) the model looked at {found.source[best]} "
        )


def test_the_matrix_is_a_table_of_all_weights_with_its_headings(show):
    translator = translator_of()
    (found,) = translator.translate(["the cat sat on mat"], max_length=7)
    page = show(translator, ["the cat sat on mat"])
    assert texts(page, "[data-matrix] thead th[scope=col]") == found.source
    assert texts(page, "[data-matrix] tbody th[scope=row]") == found.target
    shown = np.reshape(values(page, "[data-matrix] tbody td"), found.weights.shape)
    np.testing.assert_allclose(shown, found.weights, rtol=0, atol=ROUNDING)
    for text, value in zip(texts(page, "[data-matrix] tbody td"), shown.ravel(), strict=True):
        assert float(text.strip("<>")) == pytest.approx(100 * value, abs=1)


def test_a_keyboard_chooses_words(show):
    page = show(translator_of(writes=WORDS[:6]), ["the cat sat on mat"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "radio"
    for key, step in [
        *(("ArrowRight", 1), ("ArrowDown", 2), ("ArrowLeft", 1), ("End", 6)),
        *(("ArrowRight", 0), ("ArrowUp", 6), ("Home", 0)),
    ]:
        page.keyboard.press(key)
        assert chosen(page) == step
        assert page.evaluate("document.activeElement.ariaChecked") == "true"
    page.keyboard.press("Tab")  # one Tab leaves the words, however many there are
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"


def test_a_row_of_the_matrix_can_be_clicked_and_a_word_tapped(show, browser, tmp_path):
    page = show(translator_of(), ["the cat sat on mat"])
    page.click("[data-matrix] tbody tr >> nth=3")
    assert chosen(page) == 3
    context = browser.new_context(has_touch=True, viewport={"width": 360, "height": 700})
    touched = context.new_page()
    touched.goto((tmp_path / "attention.html").as_uri())
    touched.tap("[data-output] button >> nth=4")
    assert chosen(touched) == 4
    context.close()


def test_what_is_darker_has_more_weight(show):
    page = show(translator_of(), ["the cat sat on mat"])
    weights = values(page, "[data-source] li")
    light = page.eval_on_selector_all(
        "[data-source] li",
        """nodes => nodes.map((node) => {
            const numbers = getComputedStyle(node).backgroundColor.match(/[\\d.]+/g).slice(-3).map(Number);
            return numbers[0] + numbers[1] + numbers[2];
        })""",
    )
    assert np.array_equal(np.argsort(weights), np.argsort(light)[::-1])


def test_a_fixed_context_says_that_every_step_sees_the_same(show):
    page = show(translator_of(), ["the cat sat"], contrast=translator_of(fixed=True))
    assert texts(page, "h2") == ["With attention", "Fixed context"]
    assert "Every step sees the same context" in page.inner_text('[data-panel="1"]')
    for step in range(7):
        page.click(f'[data-panel="1"] [data-output] button >> nth={step}')
        assert values(page, '[data-panel="1"] [data-source] li') == [0, 0, 1]
    assert chosen(page, 0) == 0  # the panels are chosen from apart


def test_another_sentence_is_chosen_from_the_list(show):
    translator = translator_of()
    page = show(translator, ["the cat", "on mat sat"])
    assert texts(page, "#sentence option") == ["1. the cat", "2. on mat sat"]
    page.select_option("#sentence", "1")
    assert texts(page, "[data-source] .word") == ["on", "mat", "sat"]


def test_markup_in_words_is_text(show):
    text = " ".join(HOSTILE)
    translator = translator_of()
    page = show(translator, [text, *HOSTILE])
    assert page.title() == "Attention visualiser"
    assert "".join(texts(page, "[data-source] .word")).startswith("<script>document.title")
    for index in range(5):
        page.select_option("#sentence", str(index))
        page.click("[data-output] button >> nth=1")
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    assert page.title() == "Attention visualiser"


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The input is empty: there is nothing to look at."),
        ("cat", "The input has one word only, so all weight is on it."),
        ("cat zebra", "Not in the model's vocabulary: zebra."),
        ("cat sat", "The translation was cut off after 7 words."),
    ],
)
def test_an_unusual_input_has_its_message(show, text, message, fixed):
    page = show(translator_of(fixed=fixed), [text])
    assert message in texts(page, ".message")


def test_a_model_that_writes_nothing_has_its_message(show):
    page = show(translator_of(), ["the cat"], max_length=0)
    assert "The model wrote nothing for this input." in texts(page, ".message")
    assert "the cat" in page.inner_text("main")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "text",
    ["the cat sat on mat", " ".join(["the cat sat on"] * 50), "x" * 400, "שלום עולם قطة", "🐈 cat", ""],
    ids=["short", "200 words", "one long word", "right to left", "emoji", "empty"],
)
def test_nothing_overflows_on_a_narrow_screen(show, text, scheme):
    page = show(
        translator_of(), [text, "the cat"], contrast=translator_of(fixed=True), width=360, scheme=scheme
    )
    assert overflow(page) <= 0
    page.click("summary")
    assert overflow(page) <= 0


def test_a_200_word_sentence_shows_all_its_weights(show):
    translator, text = translator_of(), " ".join(["the cat sat on"] * 50)
    (found,) = translator.translate([text], max_length=100)
    page = show(translator, [text], max_length=100)
    page.click("[data-output] button >> nth=99")
    np.testing.assert_allclose(values(page, "[data-source] li"), found.weights[99], rtol=0, atol=ROUNDING)
    assert page.locator("[data-matrix] tbody td").count() == 20_000
    best = int(found.weights[99].argmax())
    for list_of, node in (
        ("[data-source]", f"[data-source] li >> nth={best}"),
        (".scroller", f"[data-matrix] tbody td >> nth={99 * 200 + best}"),
    ):
        frame, box = page.locator(list_of).bounding_box(), page.locator(node).bounding_box()
        assert frame["x"] <= box["x"] + 1 < frame["x"] + frame["width"]
        assert frame["y"] <= box["y"] + 1 < frame["y"] + frame["height"]
    assert f"(number {best + 1})" in page.inner_text("[data-said]")


def test_right_to_left_words_run_from_the_right_and_so_do_the_keys(show):
    page = show(translator_of(writes=["שלום", "قطة"]), ["שלום עולם قطة"])
    for words in ("[data-source] li", "[data-output] button"):
        left = page.eval_on_selector_all(words, "nodes => nodes.map((n) => n.getBoundingClientRect().x)")
        assert left == sorted(left, reverse=True)
    assert page.get_attribute("[data-matrix]", "dir") == "rtl"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    assert chosen(page) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_a_contrast_of_at_least_4_5(show, scheme):
    page = show(translator_of(), ["the cat sat zebra"], contrast=translator_of(fixed=True), scheme=scheme)
    page.click("summary")
    assert least_contrast(page) >= 4.5
    for weight in np.linspace(0, 1, 51):  # a shade of every weight
        page.evaluate(
            "(weight) => shadeBy(document.querySelector('[data-source] li'), weight)", float(weight)
        )
        page.evaluate("document.getAnimations().forEach((animation) => animation.finish())")
        assert least_contrast(page, "[data-source] li:first-child") >= 4.5

"""The pages about a trained model as documents, without a browser: what is in them, what they refuse."""

import base64
import json
import re

import numpy as np
import pytest
from comparing import assert_close

from seqmem import (
    AdditiveAttention,
    Decoder,
    Encoder,
    FixedContext,
    GRUCell,
    LSTMCell,
    Recurrent,
    RNNCell,
    Seq2Seq,
    Translator,
    Vocabulary,
)
from seqmem.data import END, UNKNOWN
from seqmem.pages.attention import attention_page
from seqmem.pages.movie import gate_movie
from seqmem.pages.page_data import data_block

HOSTILE = ["</script><script>alert(1)</script>", "<!--", "\"&'<b>", "\u2028\u202e", "]]>", "🐈‍⬛", "\ud800"]


def translator_of(words, *, cell="lstm", fixed=False, dtype=np.float64, level="word"):
    """Untrained: it writes until it is cut off."""
    vocabulary = Vocabulary(words)
    V, H = len(vocabulary), 5
    context = FixedContext() if fixed else AdditiveAttention(H, H, 3, rng=0, dtype=dtype)
    encoder = Encoder(V, 3, H, cell=cell, rng=1, dtype=dtype)
    decoder = Decoder(V, 3, H, context=context, cell=cell, rng=2, dtype=dtype)
    decoder.output.b[: UNKNOWN + 1] = -100  # no special symbol is ever the most probable
    return Translator(Seq2Seq(encoder, decoder, rng=3), vocabulary, vocabulary, level)


def data_in(page):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.html, re.DOTALL)
    return json.loads(text)


def array_of(quantity):
    kind = {32: "<f4", 64: "<f8"}[quantity["bits"]]
    values = np.frombuffer(base64.b64decode(quantity["bytes"]), kind)
    return values.reshape(-1, quantity["count"]) if quantity["count"] else values


@pytest.fixture(params=[np.float64, np.float32], ids=["float64", "float32"])
def translator(request):
    return translator_of(["a", "b", "c"], dtype=request.param)


def pages_about(translator):
    layer = Recurrent(LSTMCell(2, 3, rng=0))
    return [
        attention_page(translator, ["a b c", "b"], max_length=4),
        gate_movie(translator, "a b c", max_length=4),
        gate_movie(layer, np.ones((4, 2))),
    ]


@pytest.mark.parametrize("which", range(3))
def test_a_page_carries_everything_and_fetches_nothing(translator, which):
    html = pages_about(translator)[which].html
    assert "default-src 'none'" in html
    assert not re.search(r"unsafe|https?://(?!www\.w3\.org/2000/svg)|<link|<img|@import|url\(|\son\w+=", html)
    assert len(re.findall(r"<script\b", html)) == 2  # the data, and the one whose hash the policy names
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(|DOMParser", html)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markup(text):
    words = ["a", *text.split()]
    page = attention_page(translator_of(words), [text, "a " + text], max_length=3)
    (data,) = re.findall(r'id="data">(.*?)</script>', page.html, re.DOTALL)
    assert "<" not in data
    assert page.html.count("</script>") == page.html.count("<script") == 2
    assert data_in(page)["texts"][1]["text"] == "a " + text
    movie = gate_movie(Recurrent(RNNCell(1, 2, rng=0)), np.ones((1, 1)), steps=[text])
    assert data_in(movie)["parts"][0]["steps"] == [text]
    assert movie.html.count("</script>") == 2


def test_a_data_block_has_no_opening_bracket_and_no_nan():
    assert "<" not in data_block({"a": HOSTILE})[len('<script type="application/json" id="data">') : -9]
    with pytest.raises(ValueError, match="not JSON compliant"):
        data_block([float("nan")])


def test_the_weights_are_the_translations_own(translator):
    (found,) = translator.translate(["a c b b"], max_length=6)
    (panel,) = data_in(attention_page(translator, ["a c b b"], max_length=6))["texts"][0]["panels"]
    assert np.array_equal(np.array(panel["weights"]), found.weights.astype(float))
    assert (panel["source"], panel["target"]) == (found.source, found.target)
    assert panel["cut"]
    assert not panel["fixed"]


def test_a_contrast_stands_beside_the_first_and_says_that_its_context_is_fixed():
    one, other = translator_of("ab", level="char"), translator_of("ab", level="char", fixed=True)
    page = attention_page(one, ["ab"], contrast=other, max_length=3)
    first, second = data_in(page)["texts"][0]["panels"]
    assert (first["fixed"], second["fixed"]) == (False, True)
    assert second["weights"] == [[0, 1]] * 3


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_movie_shows_the_traces_of_encoder_and_decoder(cell):
    translator = translator_of(["a", "b"], cell=cell)
    model = translator.model
    reads, writes = data_in(gate_movie(translator, "b a b", max_length=4))["parts"]
    source = np.array(translator.source_vocabulary.encode(["b", "a", "b"]))[:, None]
    (hypothesis,) = model.generate(source, max_length=4)
    _, cache = model.forward(source, np.array([model.start, *hypothesis.tokens[:-1]])[:, None])
    for part, trace in (
        (reads, model.encoder.layer.trace(cache.encoder.layer)),
        (writes, model.decoder.trace(cache.decoder)),
    ):
        shown = {quantity["name"]: array_of(quantity) for quantity in part["quantities"]}
        assert shown.keys() == trace.keys()
        assert all(np.array_equal(shown[name], trace[name][:, 0]) for name in trace)
    assert reads["steps"] == ["b", "a", "b"]
    assert len(writes["steps"]) == 4
    # a search and teacher forcing are the same arithmetic
    weights = next(array_of(one) for one in writes["quantities"] if one["name"] == "weights")
    assert_close(weights, hypothesis.weights)


def test_a_movie_names_the_step_that_ends_the_text():
    translator = translator_of(["a"])
    translator.model.decoder.output.b[END] = 100
    reads, writes = data_in(gate_movie(translator, "a a"))["parts"]
    assert (reads["steps"], writes["steps"]) == (["a", "a"], ["end of the text"])


@pytest.mark.parametrize("special", [0, 1])
def test_pages_say_that_a_text_was_cut_off_though_it_holds_special_symbols(special):
    translator = translator_of(["a"])
    translator.model.decoder.output.b[special] = 100
    (panel,) = data_in(attention_page(translator, ["a"], max_length=3))["texts"][0]["panels"]
    assert (panel["target"], panel["cut"]) == ([], True)
    _, writes = data_in(gate_movie(translator, "a", max_length=3))["parts"]
    assert writes["steps"] == [["<pad>", "<start>"][special]] * 3
    translator.model.decoder.output.b[END] = 1000
    (panel,) = data_in(attention_page(translator, ["a"], max_length=3))["texts"][0]["panels"]
    assert not panel["cut"]


def test_a_movie_of_several_texts_has_the_parts_of_each():
    translator = translator_of("ab", level="char")
    data = data_in(gate_movie(translator, ["ab", "b"], max_length=2))
    assert data["texts"] == ["ab", "b"]
    assert [part["steps"] for part in data["parts"][::2]] == [["a", "b"], ["b"]]
    alone = data_in(gate_movie(translator, "b", max_length=2))
    assert data["parts"][2:] == alone["parts"]


def test_a_movie_reads_a_text_as_a_translation_does():
    translator = translator_of("ab", level="char")
    for text in ("ab", "\ufeffab\r\n", "\u00a0ab\t"):
        reads, _ = data_in(gate_movie(translator, text, max_length=2))["parts"]
        assert reads["steps"] == ["a", "b"]


def test_a_layer_keeps_its_precision_and_its_labels():
    layer = Recurrent(GRUCell(2, 3, rng=0, dtype=np.float32, reset="after"))
    xs = np.random.default_rng(0).normal(size=(5, 1, 2)).astype(np.float32)
    _, cache = layer.forward(xs)
    (part,) = data_in(gate_movie(layer, xs, steps=list("abcde")))["parts"]
    trace = layer.trace(cache)
    assert part["steps"] == list("abcde")
    for quantity in part["quantities"]:
        assert quantity["bits"] == 32
        assert np.array_equal(array_of(quantity), trace[quantity["name"]][:, 0])


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("text", ["", " ", "a", "nowhere", " ".join(["a b"] * 100), "שלום", "x" * 500])
def test_every_text_gives_a_page(text, fixed):
    translator = translator_of(["a", "b"], fixed=fixed)
    panel = data_in(attention_page(translator, [text], max_length=5))["texts"][0]["panels"][0]
    assert panel["source"] == text.split()
    assert [len(row) for row in panel["weights"]] == [len(panel["source"])] * len(panel["target"])
    reads, _ = data_in(gate_movie(translator, text, max_length=5))["parts"]
    assert len(reads["steps"]) == len(text.split())


def test_a_large_trace_stays_small_enough_for_a_file():
    layer = Recurrent(LSTMCell(4, 128, rng=0))
    page = gate_movie(layer, np.ones((200, 4)))
    assert len(page.html) < 3e6
    assert all(len(array_of(quantity)) == 200 for quantity in data_in(page)["parts"][0]["quantities"])


def test_what_is_no_translator_or_no_text_is_refused():
    translator = translator_of(["a"])
    with pytest.raises(TypeError, match="translator is of type Seq2Seq, expected a Translator"):
        attention_page(translator.model, ["a"])
    with pytest.raises(TypeError, match="contrast is of type str, expected a Translator"):
        attention_page(translator, ["a"], contrast="fixed")
    with pytest.raises(TypeError, match="texts is of type str, expected a list of strings"):
        attention_page(translator, "a")
    with pytest.raises(TypeError, match=r"texts\[1\] is 3, expected a string"):
        attention_page(translator, ["a", 3])
    with pytest.raises(ValueError, match="texts is empty"):
        attention_page(translator, [])


def test_what_a_movie_cannot_show_is_refused():
    translator, layer = translator_of(["a"]), Recurrent(LSTMCell(2, 3, rng=0))
    with pytest.raises(TypeError, match="model is of type LSTMCell, expected a Translator or a layer"):
        gate_movie(LSTMCell(2, 3, rng=0), np.ones((1, 2)))
    with pytest.raises(TypeError, match="text_or_xs is of type list, expected a text or a list of texts"):
        gate_movie(translator, ["a", 3])
    with pytest.raises(TypeError, match="text_or_xs is of type ndarray, expected a text or a list of texts"):
        gate_movie(translator, np.ones((2, 2)))
    with pytest.raises(ValueError, match="text_or_xs is empty"):
        gate_movie(translator, [])
    with pytest.raises(TypeError, match="text_or_xs is a text, expected inputs"):
        gate_movie(layer, "a")
    with pytest.raises(TypeError, match="steps are a layer's"):
        gate_movie(translator, "a", steps=["a"])
    with pytest.raises(ValueError, match=r"shape \(5, 2, 2\), expected \(T, D\) or \(T, 1, D\)"):
        gate_movie(layer, np.ones((5, 2, 2)))
    with pytest.raises(ValueError, match="steps has 1 labels, expected 5: T"):
        gate_movie(layer, np.ones((5, 2)), steps=["a"])


def test_a_broken_model_is_named_and_gives_no_page():
    translator = translator_of(["a", "b"])
    translator.model.encoder.embedding.W[...] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        attention_page(translator, ["a b"], max_length=3)
    with pytest.raises(ValueError, match="not finite"):
        gate_movie(translator, "a b", max_length=3)
    layer = Recurrent(LSTMCell(2, 3, rng=0))
    with pytest.raises(ValueError, match="trace of 'i' is not finite"):
        gate_movie(layer, np.full((4, 2), np.nan))

"""Models as files: what is saved comes back bit for bit, and no other file does."""

import json
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparing import assert_close
from hypothesis import given
from hypothesis import strategies as st

from seqmem import registry
from seqmem.cells import GRUCell, LayerNormLSTMCell, LSTMCell, PeepholeLSTMCell, RNNCell
from seqmem.contexts import (
    AdditiveAttention,
    BilinearAttention,
    DotProductAttention,
    FixedContext,
    NoContext,
)
from seqmem.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dropout,
    Embedding,
    Linear,
    Recurrent,
    Stack,
    TruncatedBPTT,
)
from seqmem.models import (
    Decoder,
    Encoder,
    LanguageModel,
    Seq2Seq,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from seqmem.module import Module
from seqmem.training import CheckpointError, check_save, load, read_metadata, save
from seqmem.training.files import checkpoint
from seqmem.training.files.npz import write

CELLS = st.sampled_from(["rnn", "lstm", "gru", "reset-after"])
DTYPES = st.sampled_from(["float64", "float32"])
READOUTS: Any = st.sampled_from(["state", "all"])
SIZES = st.integers(1, 5)
ATOMS = [st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.text()]
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), *ATOMS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def seq2seqs(draw: st.DrawFn) -> Seq2Seq:
    """A model of any cells, sizes, context and dtype; all sizes may differ."""
    V, E, H, W, F, G, A = (draw(SIZES) for _ in range(7))
    dtype = draw(DTYPES)

    def cell(D: int, H: int) -> Any:
        kind = draw(CELLS)
        return GRUCell(D, H, reset="after", dtype=dtype) if kind == "reset-after" else kind

    encoder = Encoder(V, E, H, cell=cell(E, H), dropout=draw(st.sampled_from([0.0, 0.3])), dtype=dtype)
    attention = AdditiveAttention(G, H, A, dtype=dtype)
    context = draw(st.sampled_from([attention, FixedContext()]))
    options: dict[str, Any] = {"context": context, "key_size": H, "cell": cell(F + H, G), "dtype": dtype}
    options |= {"readout": draw(READOUTS), "embedding_std": draw(st.sampled_from([0.1, 1, 5_000]))}
    decoder = Decoder(W + 3, F, G, **options)
    return Seq2Seq(encoder, decoder, start=draw(st.integers(0, W + 2)))


MODULES = [
    RNNCell(3, 4),
    LSTMCell(3, 4, forget_bias=2.5),
    GRUCell(3, 4),
    GRUCell(3, 4, reset="after", dtype="float32"),
    RNNCell(3, 4, activation="relu", recurrent_init="identity"),
    GRUCell(3, 4, update_bias=-1.5, chrono=5_000),
    PeepholeLSTMCell(3, 4, forget_bias=0.5, input_init="uniform"),
    LayerNormLSTMCell(3, 4, eps=1e-3, chrono=30),
    Linear(3, 4),
    Embedding(3, 4, std=0.1),
    Dropout(0.25),
    Recurrent(LSTMCell(3, 4), reverse=True),
    Bidirectional(Recurrent(RNNCell(3, 4)), Recurrent(GRUCell(3, 2), reverse=True)),
    Stack(Recurrent(LSTMCell(3, 4)), Stack(Recurrent(RNNCell(4, 2))), dropout=0.5),
    TruncatedBPTT(Recurrent(LSTMCell(3, 4)), 5),
    RNN(3, 4, num_layers=3, dropout=0.125),
    LSTM(3, 4, num_layers=2, bidirectional=True, forget_bias=0.5),
    GRU(3, 4, reset="after", dtype="float32"),
    TruncatedBPTT(Recurrent(GRUCell(3, 4)), 7),
    AdditiveAttention(3, 4, 5),
    FixedContext(),
    DotProductAttention(4, scaled=True),
    BilinearAttention(3, 4),
    NoContext(),
    Encoder(7, 3, 4, cell="gru", embedding_std=0.1, dropout=0.1),
    Decoder(7, 3, 4, context=AdditiveAttention(4, 6, 5), cell="rnn", readout="all"),
    Seq2Seq(Encoder(7, 3, 4), Decoder(6, 2, 5, key_size=4), start=3, end=4),
    LanguageModel(Encoder(9, 4, 4, cell="gru"), tied=True),
    SequenceClassifier(GRU(3, 4, bidirectional=True), 5, pooling="attention"),
    SequenceTagger(LSTM(3, 4, bidirectional=True), 5),
    SequenceRegressor(GRU(3, 4), 2, horizon=3),
]


def assert_equal(found: Module, wanted: Module) -> None:
    """The same class, making and parameters, bit for bit."""
    assert type(found) is type(wanted)
    assert repr(found) == repr(wanted)
    assert found.dtype == wanted.dtype
    assert list(found.params) == list(wanted.params)
    for name, param in wanted.params.items():
        assert (found.params[name].dtype, found.params[name].shape) == (param.dtype, param.shape)
        same = found.params[name].tobytes() == param.tobytes()
        assert same, name  # without showing all bytes of a large array


@given(seq2seqs(), st.integers(0, 2**32))
def test_a_model_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, model: Seq2Seq, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    for param in model.params.values():  # any bits at all, infinities and NaNs with a message among them
        param.view(np.uint8)[...] = rng.integers(0, 256, param.view(np.uint8).shape)
    path = tmp_path_factory.mktemp("model") / "model"
    save(path, model)
    assert_equal(load(path), model)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: type(module).__name__)
def test_every_class_that_a_file_can_name_comes_back(tmp_path: Path, module: Module) -> None:
    save(tmp_path / "module", module)
    assert_equal(load(tmp_path / "module"), module)


def test_no_class_is_left_out_above() -> None:
    assert {type(module) for module in MODULES} == {
        registry.find(entry.name) for entry in registry.PUBLIC if entry.kind not in ("", "task")
    }


def test_a_loaded_model_works_like_the_saved_one(tmp_path: Path) -> None:
    model = small_model()
    save(tmp_path / "model", model)
    source = np.array([[1, 2, 3], [4, 5, 6]])
    for ours, theirs in zip(model.generate(source), load(tmp_path / "model").generate(source), strict=True):  # type: ignore[attr-defined]
        assert list(ours.tokens) == list(theirs.tokens)
        assert ours.score == theirs.score


def small_model() -> Seq2Seq:
    """A model whose sizes all differ."""
    encoder = Encoder(7, 3, 4, cell="gru", rng=0)
    return Seq2Seq(encoder, Decoder(6, 2, 5, context=AdditiveAttention(5, 4, 8, rng=1), rng=2), rng=3)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_metadata_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, metadata: Any) -> None:
    path = tmp_path_factory.mktemp("model") / "model"
    save(path, Dropout(0.5), metadata)
    assert read_metadata(path) == metadata
    assert_equal(load(path), Dropout(0.5))


def test_without_metadata_there_are_none(tmp_path: Path) -> None:
    save(tmp_path / "model", Dropout(0.5))
    assert read_metadata(tmp_path / "model") == {}


@pytest.mark.parametrize(("some", "others"), [("de-wort", "en-word"), ("слово", "단어"), ("word,", "[:{")])
def test_two_large_vocabularies_fit_in_any_script(tmp_path: Path, some: str, others: str) -> None:
    words = {side: [f"{word}-{i}" for i in range(100_000)] for side, word in (("a", some), ("b", others))}
    check_save(tmp_path / "model", Dropout(0.5), words)
    save(tmp_path / "model", Dropout(0.5), words)
    assert read_metadata(tmp_path / "model") == words


@pytest.mark.parametrize(("letter", "size"), [("a", 1), ("ł", 2), ("语", 3), ("😀", 4)])
def test_metadata_may_have_so_many_bytes_in_utf_8(tmp_path: Path, letter: str, size: int) -> None:
    room = (checkpoint.MAX_METADATA - len('{"": ""}')) // size
    save(tmp_path / "model", Dropout(0.5), {"": letter * room})
    assert read_metadata(tmp_path / "model") == {"": letter * room}
    with pytest.raises(
        ValueError, match=r"metadata has 4,\d+,\d+ bytes in UTF-8, expected at most 4,194,304"
    ):
        save(tmp_path / "model", Dropout(0.5), {"": letter * (room + 1)})


def test_half_a_surrogate_pair_comes_back(tmp_path: Path) -> None:
    save(tmp_path / "model", Dropout(0.5), {"half": "\ud83d", "ł": "ł"})
    assert read_metadata(tmp_path / "model") == {"half": "\ud83d", "ł": "ł"}


@given(JSON, st.integers(1, 12))
def test_values_are_counted_and_not_what_stands_in_strings(value: Any, most: int) -> None:
    def count(value: Any) -> int:
        """As many as there are openings and separators outside strings."""
        if isinstance(value, dict):
            return max(1, 2 * len(value)) + sum(map(count, value.values()))
        return max(1, len(value)) + sum(map(count, value)) if isinstance(value, list) else 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "MAX_VALUES", most)
        for ascii_only in (True, False):
            text = json.dumps(value, ensure_ascii=ascii_only)
            assert checkpoint._has_too_many_values(text) == (count(value) >= most)


def deep(levels: int) -> list[Any]:
    """A list in a list in a list."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("metadata", "error", "message"),
    [
        ({"pair": (1, 2)}, ValueError, "metadata would change in JSON"),
        ({"by id": {1: "a"}}, ValueError, "metadata would change in JSON"),
        ({"nan": float("nan")}, ValueError, "save: metadata: .*not JSON compliant"),
        ({"array": np.zeros(2)}, TypeError, "save: metadata: .*not JSON serializable"),
        ({(1, 2): "a"}, TypeError, "save: metadata: keys must be"),
        ({"long": 10**5000}, ValueError, "save: metadata: "),
        ({"deep": deep(100_000)}, ValueError, "save: metadata: "),
        (3.5, TypeError, "save: metadata is of type float, expected a dict"),
        (["a"], TypeError, "save: metadata is of type list, expected a dict"),
        ("text", TypeError, "save: metadata is of type str, expected a dict"),
        ({"long": "a" * (1 << 22)}, ValueError, "expected at most"),
        ({"many": [0] * 300_000}, ValueError, "expected at most"),
    ],
)
def test_metadata_that_would_not_come_back_are_refused_and_the_old_file_stays(
    tmp_path: Path, metadata: Any, error: type[Exception], message: str
) -> None:
    save(tmp_path / "model", Dropout(0.5), {"old": True})
    for check in (check_save, save):
        with pytest.raises(error, match=message) as raised:
            check(tmp_path / "model", Dropout(0.25), metadata)
        assert len(str(raised.value)) < 600
    assert read_metadata(tmp_path / "model") == {"old": True}
    assert os.listdir(tmp_path) == ["model"]


class Other(Module):
    """A module that no file can name."""

    def __init__(self, value: Any = None) -> None:
        self.value = value


def test_what_could_not_be_built_again_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for model, error, message in (
        (Other(), TypeError, "save: Other is not a class that a file can name: RNNCell, "),
        (Recurrent(type("GRUCell", (GRUCell,), {})(2, 3)), TypeError, "save: GRUCell is not a class"),
        (type("Linear", (Linear,), {})(2, 3), TypeError, "save: Linear is not a class"),
        (
            Linear(2, 3).astype(complex),
            ValueError,
            "save: W has dtype complex128, expected float64 or float32",
        ),
    ):
        for check in (check_save, save):
            with pytest.raises(error, match=message):
                check(tmp_path / "model", model)
    monkeypatch.setattr(registry, "_registered", {"Other": Other})
    with pytest.raises(
        TypeError, match=r"save: Other.value is a list, expected a number, a string or a module"
    ):
        save(tmp_path / "model", Other([1]))
    assert os.listdir(tmp_path) == []


def spoiled(change: Any) -> Module:
    """A layer in which something was set that its making does not call for."""
    model = Recurrent(LSTMCell(3, 4, rng=0))
    change(model.cell)
    return model


SPOILED: dict[str, tuple[Any, str]] = {
    "a bias in float32": (
        lambda cell: setattr(cell, "b", cell.b.astype(np.float32)),
        r"save: cell.b: expected float64 \(4, 4\), found float32 \(4, 4\)",
    ),
    "weights in float32": (
        lambda cell: setattr(cell, "W_x", cell.W_x.astype(np.float32)),
        r"save: cell.W_h: expected float32 \(4, 4, 4\), found float64 \(4, 4, 4\)",
    ),
    "transposed": (
        lambda cell: setattr(cell, "W_x", cell.W_x.swapaxes(1, 2).copy()),
        r"save: cell.W_x: expected float64 \(4, 3, 4\), found float64 \(4, 4, 3\)",
    ),
    "one too many": (
        lambda cell: setattr(cell, "extra", np.zeros(2)),
        "save: cell.extra: expected no such entry",
    ),
    "one too few": (lambda cell: setattr(cell, "b", None), "save: cell.b: expected .*found no such entry"),
    "a size that nothing has": (lambda cell: setattr(cell, "hidden_size", 5), "save: .*expected"),
    "a size that makes no sense": (
        lambda cell: setattr(cell, "hidden_size", -5),
        "save: .*hidden_size is -5",
    ),
    "another number of sizes": (lambda cell: setattr(cell, "forget_bias", "a"), "save: .*expected"),
}


@pytest.mark.parametrize(("change", "message"), SPOILED.values(), ids=SPOILED)
def test_what_load_would_refuse_is_not_saved(tmp_path: Path, change: Any, message: str) -> None:
    save(tmp_path / "model", Linear(2, 3, rng=0))
    for check in (check_save, save):
        with pytest.raises(ValueError, match=message):
            check(tmp_path / "model", spoiled(change))
    assert_equal(load(tmp_path / "model"), Linear(2, 3, rng=0))


@given(seq2seqs())
def test_what_check_save_accepts_is_saved_and_loaded(
    tmp_path_factory: pytest.TempPathFactory, model: Seq2Seq
) -> None:
    path = tmp_path_factory.mktemp("model") / "model"
    check_save(path, model)
    assert os.listdir(path.parent) == []
    save(path, model)
    assert_equal(load(path), model)


def tied() -> Seq2Seq:
    """Encoder and decoder read with the same vectors, which also score what is written, and with one bias."""
    model = Seq2Seq(Encoder(7, 5, 5, cell="gru", rng=0), Decoder(7, 5, 5, cell=GRUCell(10, 5, rng=1), rng=2))
    model.decoder.embedding.W = model.encoder.embedding.W
    model.decoder.output.W = model.encoder.embedding.W.T
    model.decoder.cell.b = model.encoder.layer.cell.b
    return model


def test_arrays_that_are_tied_come_back_tied(tmp_path: Path) -> None:
    model = tied()
    check_save(tmp_path / "model", model)
    save(tmp_path / "model", model)
    found = load(tmp_path / "model")
    assert isinstance(found, Seq2Seq)
    assert found.ties == model.ties
    assert found.decoder.embedding.W is found.encoder.embedding.W
    assert found.decoder.cell.b is found.encoder.layer.cell.b
    found.encoder.embedding.W[3, 1] = 9
    assert found.decoder.output.W[1, 3] == 9
    found.encoder.embedding.W[...] = model.encoder.embedding.W
    assert_equal(found, model)
    with np.load(tmp_path / "model") as arrays:
        assert "encoder.embedding.W" in arrays
        assert {"decoder.embedding.W", "decoder.output.W", "decoder.cell.b"}.isdisjoint(arrays)
    save(tmp_path / "again", found)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def test_modules_that_are_shared_come_back_with_shared_parameters(tmp_path: Path) -> None:
    shared = Embedding(7, 4, rng=0)
    model = small_model()
    model = Seq2Seq(Encoder(7, 4, 5, rng=0), Decoder(7, 4, 5, rng=1))
    model.encoder.embedding = model.decoder.embedding = shared
    save(tmp_path / "model", model)
    found: Any = load(tmp_path / "model")
    assert found.decoder.embedding.W is found.encoder.embedding.W
    assert_equal(found, model)


def test_a_tie_is_kept_whichever_name_comes_first(tmp_path: Path) -> None:
    model = tied()
    model.decoder.output.W = np.arange(35.0).reshape(5, 7)
    model.encoder.embedding.W = model.decoder.embedding.W = model.decoder.output.W.T
    save(tmp_path / "model", model)
    found = load(tmp_path / "model")
    assert found.ties == model.ties
    assert_equal(found, model)


OLD = Path(__file__).parent  # written by earlier versions, with what they computed as metadata


@pytest.mark.parametrize("path", sorted(OLD.glob("*.npz")), ids=lambda path: path.stem)
def test_a_file_of_an_earlier_version_loads_and_computes_the_same(path: Path) -> None:
    model, told = load(path), read_metadata(path)
    assert isinstance(model, Seq2Seq)
    source, lengths = np.array(told["source"]), told["lengths"]
    outputs, _ = model.forward(source, np.array(told["inputs"]), lengths=lengths)
    assert_close(outputs, (np.array(told["logits"]), np.array(told["weights"])))
    found = model.generate(source, lengths, max_length=len(told["tokens"][0]))
    assert [one.tokens for one in found] == told["tokens"]
    tied = {"decoder.embedding.W": "encoder.embedding.W", "decoder.cell.b": "encoder.layer.cell.b"}
    assert {name: tie.first for name, tie in model.ties.items()} == (tied if path.stem == "tied" else {})


@pytest.mark.parametrize("view", [lambda W: W[::-1], lambda W: W[:, ::-1].T])
def test_arrays_that_overlap_without_being_one_are_not_saved(tmp_path: Path, view: Any) -> None:
    model = Seq2Seq(Encoder(4, 4, 5, rng=0), Decoder(4, 4, 5, rng=1))
    model.decoder.embedding.W = view(model.encoder.embedding.W)
    for check in (check_save, save):
        with pytest.raises(
            ValueError, match=r"save: encoder.embedding.W and decoder.embedding.W overlap in memory"
        ):
            check(tmp_path / "model", model)
    assert os.listdir(tmp_path) == []


def test_parameters_that_are_parts_of_one_buffer_are_not_tied(tmp_path: Path) -> None:
    model = Linear(2, 3, rng=0)
    buffer = np.arange(18.0)
    model.W, model.b = buffer[:12:2].reshape(2, 3), buffer[1:7:2]
    save(tmp_path / "model", model)
    assert_equal(load(tmp_path / "model"), model)


TIES: dict[str, tuple[Any, str]] = {
    "a list": ([], "seqmem.json: expected a name for each name in ties"),
    "a number": ({"decoder.embedding.W": 3}, "seqmem.json: expected a name for each name in ties"),
    "half a tie": ({"decoder.embedding.W": {"first": "a"}}, "seqmem.json: expected a name for each name"),
    "no yes or no": (
        {"decoder.embedding.W": {"first": "encoder.embedding.W", "transposed": 1}},
        "seqmem.json: expected a name for each name",
    ),
    "of a tie": (
        {"decoder.embedding.W": "encoder.embedding.W", "decoder.output.W": "decoder.embedding.W"},
        "decoder.output.W: expected a tie to an array before it",
    ),
    "transposed": (
        {"decoder.embedding.W": {"first": "encoder.embedding.W", "transposed": True}},
        r"decoder.embedding.W: expected a tie to an array like it, found .* float64 \(5, 7\) transposed",
    ),
    "an unknown name": ({"decoder.W": "encoder.embedding.W"}, "decoder.W: expected a tie to an array"),
    "to an unknown name": ({"decoder.embedding.W": "W"}, "decoder.embedding.W: expected a tie"),
    "to itself": ({"decoder.embedding.W": "decoder.embedding.W"}, "decoder.embedding.W: expected a tie"),
    "backwards": ({"encoder.embedding.W": "decoder.embedding.W"}, "encoder.embedding.W: expected a tie"),
    "another shape": ({"decoder.embedding.W": "encoder.layer.cell.b"}, "decoder.embedding.W: expected a tie"),
    "an array that is there": ({}, "embedding.W: expected .*found no such entry"),
    "a private name": ({"decoder.__class__": "encoder.embedding.W"}, "decoder.__class__: expected a tie"),
    "many": ({str(i): "encoder.embedding.W" for i in range(1000)}, "expected a tie"),
}


@pytest.mark.parametrize(("ties", "message"), TIES.values(), ids=TIES)
def test_ties_that_make_no_sense_are_refused(tmp_path: Path, frugal: None, ties: Any, message: str) -> None:
    save(tmp_path / "model", tied())
    with np.load(tmp_path / "model") as file:
        arrays = dict(file)
    head = json.loads(arrays.pop("seqmem.json").tobytes())
    arrays["more"] = np.zeros(500)  # enough numbers for a model without ties
    with pytest.raises(CheckpointError, match=message):
        load(forge(tmp_path / "file", arrays, head | {"ties": ties}))


def test_a_file_from_before_an_argument_was_there_has_its_default(tmp_path: Path) -> None:
    """The arrays come from the file; how they were drawn once decides nothing."""
    model = Seq2Seq(Encoder(7, 3, 4, embedding_std=0.1, rng=0), Decoder(6, 2, 4, embedding_std=0.1, rng=1))
    save(tmp_path / "model", model)
    with np.load(tmp_path / "model") as file:
        arrays = dict(file)
    head = json.loads(arrays.pop("seqmem.json").tobytes())
    for part in ("encoder", "decoder"):
        del head["model"]["config"][part]["config"]["embedding_std"]
    del head["model"]["config"]["decoder"]["config"]["readout"]
    found: Any = load(forge(tmp_path / "file", arrays, head))
    assert found.encoder.embedding_std == found.decoder.embedding_std == Embedding(2, 2).std
    assert found.decoder.readout == "state"
    for name, param in model.params.items():
        np.testing.assert_array_equal(found.params[name], param)


def test_the_file_is_plain_npz(tmp_path: Path) -> None:
    save(tmp_path / "model", Linear(2, 3, rng=0), {"a": 1})
    with np.load(tmp_path / "model", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["W", "b", "metadata.json", "seqmem.json"]
        np.testing.assert_array_equal(arrays["W"], Linear(2, 3, rng=0).W)
        assert json.loads(arrays["metadata.json"].tobytes()) == {"a": 1}
        assert json.loads(arrays["seqmem.json"].tobytes()) == {
            "format": "seqmem",
            "version": 1,
            "model": {
                "type": "Linear",
                "config": {"input_size": 2, "output_size": 3, "dtype": "float64"},
            },
        }


def description(kind: str = "Linear", **config: Any) -> dict[str, Any]:
    return {"format": "seqmem", "version": 1, "model": {"type": kind, "config": config}}


LINEAR = description("Linear", input_size=2, output_size=3, dtype="float64")
ARRAYS = {"W": np.arange(6.0).reshape(2, 3), "b": np.zeros(3)}


def forge(path: Path, arrays: dict[str, Any], model: Any = LINEAR, metadata: Any = None) -> Path:
    """A file with any entries and texts."""
    texts = {"seqmem.json": model, "metadata.json": {} if metadata is None else metadata}
    raw = {
        name: np.frombuffer((text if isinstance(text, str) else json.dumps(text)).encode(), np.uint8)
        for name, text in texts.items()
    }
    write(path, {name: array for name, array in (raw | arrays).items() if array is not None})
    return path


def test_a_forged_file_that_fits_is_loaded(tmp_path: Path) -> None:
    model = load(forge(tmp_path / "file", ARRAYS))
    np.testing.assert_array_equal(model.params["W"], ARRAYS["W"])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"b": None}, r"b: expected float64 \(3,\), found no such entry"),
        ({"c": np.zeros(3)}, "c: expected no such entry: the model has no parameter of this name"),
        ({"b": None, "B": np.zeros(3)}, "b: expected .*, found no such entry"),
        ({"W": ARRAYS["W"].T}, r"W: expected float64 \(2, 3\), found float64 \(3, 2\)"),
        ({"W": ARRAYS["W"].reshape(-1)}, r"W: expected float64 \(2, 3\), found float64 \(6,\)"),
        ({"b": np.zeros(3, np.float32)}, r"b: expected float64 \(3,\), found float32 \(3,\)"),
        ({"b": np.zeros(24, np.uint8)}, r"b: expected float64 \(3,\), found uint8 \(24,\)"),
        ({"b": np.zeros(3, int)}, "b: expected float64 .*found int64"),
        ({"seqmem.json": None}, "seqmem.json: expected this entry, found none"),
        ({"metadata.json": None}, "metadata.json: expected this entry, found none"),
        ({"seqmem.json": np.zeros(3)}, "seqmem.json: expected uint8"),
    ],
)
def test_entries_that_do_not_fit_the_description_are_refused(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError, match=f"file: {message}"):
        load(forge(tmp_path / "file", ARRAYS | arrays))


def nest(depth: int) -> str:
    """A Recurrent of a Recurrent of ..., as text: too deep for json.dumps."""
    model = '{"type": "Recurrent", "config": {"cell": ' * depth + "0" + "}}" * depth
    return f'{{"format": "seqmem", "version": 1, "model": {model}}}'


def stack_of(*parts: Any) -> Any:
    model = {"type": "Stack", "config": {"dropout": 0.0}, "positional": list(parts)}
    return LINEAR | {"model": model}


DESCRIPTIONS: dict[str, tuple[Any, str]] = {
    "no JSON": ("hello", "expected JSON, found: "),
    "nothing": ("", "expected JSON, found: "),
    "a constant": ('{"format": NaN}', "expected JSON, found: NaN is not JSON"),
    "deep JSON": ("[" * 60_000, "expected JSON, found: "),
    "a list": ([], "expected a model's description"),
    "another format": ({"format": "torch"}, "expected a model's description"),
    "a later version": (
        LINEAR | {"version": 2},
        "expected version 1 of the format, found 2: a newer seqmem wrote",
    ),
    "no version": ({"format": "seqmem"}, "expected version 1, found None"),
    "no model": ({"format": "seqmem", "version": 1}, "None in the place of a type and its config"),
    "a model too many": (LINEAR | {"model": [LINEAR["model"]]}, "in the place of a type"),
    "another class": (description("Pickle"), "type 'Pickle', which .* known without it: RNNCell, "),
    "a list for a class": ({**LINEAR, "model": {"type": [], "config": {}}}, "type '\\[\\]', which load"),
    "a class of Python": (description("os.system"), "type 'os.system', which load"),
    "no such argument": (
        description(input_size=2, output_size=3, bias=True),
        "Linear keeps no argument 'bias'",
    ),
    "an argument missing": (description(input_size=2), "missing 1 required .*'output_size'"),
    "an rng": (description(input_size=2, output_size=3, rng=0), "Linear keeps no argument 'rng'"),
    "a float size": (description(input_size=2.0, output_size=3), "input_size is 2.0"),
    "a negative size": (description(input_size=-2, output_size=3), "input_size is -2"),
    "a list for a size": (description(input_size=[2], output_size=3), "input_size is a list"),
    "another dtype": (description(input_size=2, output_size=3, dtype="object"), "dtype is 'object'"),
    "a huge size": (
        description(input_size=2, output_size=10**12),
        "output_size is 1000000000000, but no array",
    ),
    "an endless size": (description(input_size=2, output_size=10**4000), "output_size is 1000"),
    "too many numbers": (
        description(input_size=1024, output_size=1024),
        "more parameters than there are numbers",
    ),
    "too large a square": (description("LSTMCell", input_size=1, hidden_size=1024), "more parameters than"),
    "a module for a number": (description(input_size=LINEAR["model"], output_size=3), "input_size is Linear"),
    "a number for a module": (
        description("Encoder", vocab_size=2, embedding_size=2, hidden_size=2, cell=1),
        "cell",
    ),
    "modules for no argument": (
        LINEAR | {"model": LINEAR["model"] | {"positional": [LINEAR["model"]]}},
        "multiple values for argument",
    ),
    "a module that is none": (stack_of(3), "3 in the place of a type and its config"),
    "no list of modules": (
        LINEAR | {"model": LINEAR["model"] | {"positional": {}}},
        "{} in the place of a list of modules",
    ),
    "modules that do not fit": (stack_of(LINEAR["model"]), r"Stack: layers\[0\] is of type Linear"),
    "modules without end": (nest(1400), "expected "),
}


@pytest.mark.parametrize(("model", "message"), DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_a_description_that_makes_no_sense_is_refused(
    tmp_path: Path, frugal: None, model: Any, message: str
) -> None:
    path = forge(tmp_path / "file", ARRAYS, model)
    with pytest.raises(CheckpointError, match=f"file: seqmem.json: .*{message}"):
        load(path)


def test_modules_in_modules_as_deep_as_json_goes_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="file: "):
        load(forge(tmp_path / "file", ARRAYS, nest(330)))


@pytest.fixture
def frugal() -> Iterator[None]:
    """Fails a test that takes more than ten seconds of the processor's own time, or 50 MB."""
    tracemalloc.start()
    start = time.process_time()
    yield
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6
    assert seconds < 10


def test_every_class_stops_before_it_makes_more_parameters_than_the_file_has(tmp_path: Path) -> None:
    """A constructor that drew its weights past the bounded generator would be found here."""
    for module in MODULES:
        if sum(param.size for param in module.params.values()) == 0:
            continue
        texts = {"format": "seqmem", "version": 1, "model": checkpoint._describe(module, {})}
        path = forge(tmp_path / "file", {"only": np.zeros(2)}, texts)
        with pytest.raises(CheckpointError, match="more parameters than there are numbers in the file"):
            load(path)


METADATA: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "expected JSON, found: "),
    "a list": ([1], "expected a dict, found a list"),
    "too long": (json.dumps({"a": "b" * (1 << 22)}), r"expected uint8, at most \(4194304,\)"),
    "many values": ("[" + "{}," * 1_000_000 + "0]", "expected at most 250000 values, found more"),
    "the worst allowed": ("[" + '{"":0},' * 83_000 + "0]", "expected a dict, found a list"),
    "the worst allowed of wide letters": (
        "[" + '{"":0},' * 83_000 + '"' + "😀" * 900_000 + '"]',
        "expected a dict, found a list",
    ),
    "no string ever ends": ('"' + r"\"" * 2_000_000, "expected JSON"),
    "only marks and quotes": (r'",\"' * 1_000_000, "expected "),
    "deep": ("[" * 200_000, "expected JSON"),
    "an endless number": ("1" * 5000, "expected JSON"),
}


@pytest.mark.parametrize(("metadata", "message"), METADATA.values(), ids=METADATA)
def test_metadata_that_make_no_sense_are_refused(
    tmp_path: Path, frugal: None, metadata: Any, message: str
) -> None:
    path = forge(tmp_path / "file", ARRAYS, metadata=metadata)
    with pytest.raises(CheckpointError, match=f"file: metadata.json: {message}"):
        read_metadata(path)


@pytest.mark.parametrize("change", [*(pytest.param(k, marks=pytest.mark.slow) for k in (1, 16)), 255])
def test_any_change_of_a_byte_is_refused_or_changes_nothing(tmp_path: Path, change: int) -> None:
    model, metadata, path = Recurrent(GRUCell(1, 2, rng=0)), {"word": ["a"]}, tmp_path / "file"
    save(path, model, metadata)
    content = path.read_bytes()
    refused = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= change
        path.write_bytes(changed)
        try:
            assert_equal(load(path), model)
            assert read_metadata(path) == metadata
        except CheckpointError:
            refused += 1
    assert refused > len(content) / 2


def test_a_change_in_the_metadata_is_found_though_they_are_not_asked_for(tmp_path: Path) -> None:
    save(tmp_path / "model", Linear(2, 3, rng=0), {"long": "a" * 100_000})
    data = bytearray((tmp_path / "model").read_bytes())
    data[data.index(b'a"}')] ^= 1
    (tmp_path / "model").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"model: metadata.json: .*CRC"):
        load(tmp_path / "model")


def test_a_large_model_comes_back_with_little_more_memory_than_its_own(tmp_path: Path) -> None:
    model = Linear(1000, 1000, rng=0, dtype="float32")
    save(tmp_path / "model", model)
    load(tmp_path / "model")
    tracemalloc.start()
    found = load(tmp_path / "model")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * model.W.nbytes  # its first weights are drawn in double precision
    assert_equal(found, model)


def test_two_threads_may_save_to_one_path(tmp_path: Path) -> None:
    models = [Linear(30, 40, rng=seed) for seed in range(4)]
    threads = [threading.Thread(target=save, args=(tmp_path / "model", model)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = load(tmp_path / "model").params["W"]
    assert any(np.array_equal(found, model.W) for model in models)
    assert os.listdir(tmp_path) == ["model"]

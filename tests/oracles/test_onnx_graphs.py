"""Whole models as ONNX graphs compute in onnxruntime what they compute here, to single precision."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmem import (
    GRU,
    LSTM,
    RNN,
    AdditiveAttention,
    Bidirectional,
    GRUCell,
    LayerNormLSTMCell,
    LSTMCell,
    PeepholeLSTMCell,
    Recurrent,
    Stack,
)
from seqmem.interop import export_onnx, import_onnx, read_arrays
from seqmem.models import Decoder, Encoder, LanguageModel, Seq2Seq, SequenceClassifier, SequenceTagger
from seqmem.models.bridge import of_leaves
from seqmem.nests import tree_leaves

CLOSE = {"rtol": 1e-6, "atol": 1e-6}
T, B, V, E, H = 6, 3, 9, 4, 5


@pytest.fixture(scope="module")
def onnxruntime(require: Any) -> Any:
    require("onnx")
    return require("onnxruntime")


def exposed(model: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    for param in model.params.values():
        param[...] = rng.uniform(-0.7, 0.7, param.shape)
    return model


def run(onnxruntime: Any, path: Path, inputs: dict[str, Any]) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert {one.name for one in session.get_inputs()} == set(inputs)
    kinds = {"tokens": np.int64, "lengths": np.int32}
    given = {name: np.asarray(value, kinds.get(name, np.float32)) for name, value in inputs.items()}
    return dict(zip([one.name for one in session.get_outputs()], session.run(None, given), strict=True))


def draw(seed: int = 1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "tokens": rng.integers(0, V, (T, B)),
        "lengths": np.array([T, 2, 4]),
        "xs": rng.standard_normal((T, B, E)).astype(np.float32).astype(float),
    }


def arrays_of(state: Any) -> list[Any]:
    return [array for _, array in tree_leaves(state, "")]


LAYERS: dict[str, Any] = {
    "rnn": lambda: RNN(E, H, num_layers=2),
    "relu": lambda: RNN(E, H, activation="relu"),
    "lstm": lambda: LSTM(E, H),
    "lstm, both, 3 layers": lambda: LSTM(E, H, num_layers=3, bidirectional=True, dropout=0.5),
    "gru after": lambda: GRU(E, H, reset="after", num_layers=2, bidirectional=True),
    "gru before": lambda: GRU(E, H, reset="before"),
    "backward": lambda: Recurrent(LSTMCell(E, H), reverse=True),
    "peepholes": lambda: Recurrent(PeepholeLSTMCell(E, H)),
    "a stack of others": lambda: Stack(Recurrent(GRUCell(E, 7)), LSTM(7, H, bidirectional=True)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_layers_from_their_initial_states(onnxruntime: Any, tmp_path: Path, name: str, dtype: str) -> None:
    layer = exposed(LAYERS[name]()).astype(dtype)
    given = draw()
    del given["tokens"]
    rng = np.random.default_rng(2)
    parts = [rng.uniform(-1, 1, array.shape) for array in arrays_of(layer.zero_state(B))]
    state = of_leaves(_form(layer), parts)
    (hs, final), _ = layer.forward(given["xs"], state, lengths=given["lengths"])
    export_onnx(layer, tmp_path / "layer.onnx")
    grouped = _by_node(layer, parts)
    found = run(onnxruntime, tmp_path / "layer.onnx", given | grouped)
    np.testing.assert_allclose(found["hs"], hs, **CLOSE)
    for key, array in _by_node(layer, arrays_of(final)).items():
        field, _, place = key.partition("_")
        np.testing.assert_allclose(found[f"{field}_n_{place}"], array, **CLOSE)


def _form(layer: Any) -> Any:
    from seqmem.models.bridge import form_of

    return form_of(layer)


def _by_node(layer: Any, parts: list[Any]) -> dict[str, Any]:
    """The parts of a state by the names of the graph's inputs."""
    from seqmem.interop.graph import flat_layers, part_names

    left, found = iter(parts), {}
    for k, directions in enumerate(flat_layers(layer)):
        names = part_names(directions[0].cell)
        rows = [[next(left) for _ in names] for _ in directions]
        found |= {f"{name}_{k}": np.stack([row[n] for row in rows]) for n, name in enumerate(names)}
    return found


ENCODERS: dict[str, Any] = {
    "lstm": lambda: Encoder(V, E, H),
    "gru, both, 2 layers": lambda: Encoder(V, E, H, cell="gru", num_layers=2, bidirectional=True),
    "learned states": lambda: Encoder(V, E, H, num_layers=2, bidirectional=True, learned_state=True),
    "features": lambda: LSTM(E, H, bidirectional=True),
}
MODELS: dict[str, Any] = {
    "tagger": lambda encoder: SequenceTagger(encoder, 4, dropout=0.2),
    "last": lambda encoder: SequenceClassifier(encoder, 4),
    "mean": lambda encoder: SequenceClassifier(encoder, 4, pooling="mean"),
    "attention": lambda encoder: SequenceClassifier(encoder, 4, pooling="attention"),
}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("kind", MODELS)
def test_taggers_and_classifiers(onnxruntime: Any, tmp_path: Path, encoder: str, kind: str) -> None:
    model = exposed(MODELS[kind](ENCODERS[encoder]()))
    given = draw()
    del given["tokens" if encoder == "features" else "xs"]
    inputs = given.get("tokens", given.get("xs"))
    logits, _ = model.forward(inputs, lengths=given["lengths"])
    export_onnx(model, tmp_path / "model.onnx")
    np.testing.assert_allclose(run(onnxruntime, tmp_path / "model.onnx", given)["logits"], logits, **CLOSE)


def test_a_language_model_with_its_states(onnxruntime: Any, tmp_path: Path) -> None:
    model = exposed(LanguageModel(Encoder(V, E, H, num_layers=2, cell="gru")))
    given = draw()
    del given["xs"]
    states = np.random.default_rng(2).uniform(-1, 1, (2, 1, B, H))
    export_onnx(model, tmp_path / "model.onnx")
    found = run(onnxruntime, tmp_path / "model.onnx", given | {"h_0": states[0], "h_1": states[1]})
    (logits, final), _ = model.forward(given["tokens"], tuple(states[:, 0]), lengths=given["lengths"])
    np.testing.assert_allclose(found["logits"], logits, **CLOSE)
    for k, h in enumerate(final):
        np.testing.assert_allclose(found[f"h_n_{k}"][0], h, **CLOSE)


SEQ2SEQS: dict[str, Any] = {
    "attention": lambda: Seq2Seq(
        Encoder(V, E, H, bidirectional=True),
        Decoder(7, E, 6, context=AdditiveAttention(6, 2 * H, 3), num_layers=2, readout="all"),
    ),
    "fixed": lambda: Seq2Seq(Encoder(V, E, H), Decoder(7, E, H)),
    "gru": lambda: Seq2Seq(
        Encoder(V, E, H, cell="gru", num_layers=2),
        Decoder(7, E, 6, cell="gru", context=AdditiveAttention(6, H, 3)),
    ),
}


@pytest.mark.parametrize("kind", SEQ2SEQS)
def test_an_encoder_and_the_steps_of_its_decoder(onnxruntime: Any, tmp_path: Path, kind: str) -> None:
    model = exposed(SEQ2SEQS[kind]())
    source, lengths = draw()["tokens"], draw()["lengths"]
    for part in ("encoder", "decoder"):
        export_onnx(model, tmp_path / f"{part}.onnx", part=part)
    found = run(onnxruntime, tmp_path / "encoder.onnx", {"tokens": source, "lengths": lengths})
    (hs, final), _ = model.encoder.forward(source, lengths=lengths)
    state, _ = model.bridge.forward(final)
    memory = model.decoder.memory(hs, lengths=lengths)
    keys = found.pop("keys")
    np.testing.assert_allclose(keys, hs, **CLOSE)
    rng = np.random.default_rng(5)
    for _ in range(4):
        for ours, theirs in zip(arrays_of(state), found.values(), strict=True):
            np.testing.assert_allclose(theirs, ours, **CLOSE)
        tokens = rng.integers(0, 7, B)
        (logits, weights), state = model.decoder.step(tokens, state, memory)
        keys[2:, 1] = np.nan  # the padding of the second row has no effect
        given = {"tokens": tokens, "lengths": lengths, "keys": keys, **found}
        found = run(onnxruntime, tmp_path / "decoder.onnx", given)
        np.testing.assert_allclose(found.pop("logits"), logits, **CLOSE)
        np.testing.assert_allclose(found.pop("weights"), weights, **CLOSE)
        found = {name.replace("_n_", "_"): array for name, array in found.items()}


def test_a_graph_is_read_back_layer_by_layer(onnxruntime: Any, tmp_path: Path) -> None:
    layer = exposed(LAYERS["lstm, both, 3 layers"]()).astype("float32")
    export_onnx(layer, tmp_path / "layer.onnx")
    layers = import_onnx(tmp_path / "layer.onnx")
    assert [(one.input_size, one.hidden_size, one.bidirectional) for one in layers.values()] == [
        (E, H, True),
        (2 * H, H, True),
        (2 * H, H, True),
    ]
    xs = draw()["xs"]
    (hs, _), _ = Stack(*layers.values()).forward(xs)
    np.testing.assert_array_equal(hs, layer.forward(xs)[0][0])
    assert len(read_arrays(tmp_path / "layer.onnx")) >= 9


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (lambda: Recurrent(LayerNormLSTMCell(E, H)), {}, "LayerNormLSTMCell has no counterpart there"),
        (lambda: LSTM(E, H, zoneout_c=0.1), {}, "zoneout_c=0.1, which also acts in prediction"),
        (lambda: LSTM(E, H), {"part": "encoder"}, "part is 'encoder' for a LSTM, expected None"),
        (SEQ2SEQS["fixed"], {}, "part is None"),
        (lambda: LSTMCell(E, H), {}, "model is of type LSTMCell, expected one of"),
        (
            lambda: Bidirectional(Recurrent(LSTMCell(E, H)), Recurrent(GRUCell(E, H), reverse=True)),
            {},
            "kind",
        ),
    ],
)
def test_what_onnx_lacks_is_refused_by_name(
    onnxruntime: Any, tmp_path: Path, model: Any, options: Any, message: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        export_onnx(model(), tmp_path / "m.onnx", **options)
    assert not list(tmp_path.iterdir())

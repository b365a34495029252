"""How each pass of the corpus is run: its own calling convention in, outputs and named gradients out."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from corpus.truth import Case, Run

CASES: dict[tuple[str, str], Case] = {}
B, T, D, H, V = 2, 3, 4, 5, 6

IDS = np.array([[1, 5, 1], [0, 2, 5]])
TARGETS = np.array([[5, 1, 2], [2, 5, 3]])
LABELS = np.array([2, 0, 5])
WORDS = np.array([3, 1, 3, 0, 5])
NEXT = np.array([1, 3, 0, 5, 2])


_PREVIOUS = {"h": "prev_h", "c": "prev_c"}
NAMES: dict[tuple[str, str], dict[str, str]] = {
    ("students/week1_rnn.py", "rnn_cell"): {"x": "xt", "a": "a_prev"},
    ("students/week1_rnn.py", "rnn"): {"a": "a0"},
    ("students/week1_lstm.py", "lstm_cell"): {"x": "xt", "a": "a_prev", "c": "c_prev"},
    ("students/week1_lstm.py", "lstm"): {"a": "a0"},
    ("students/week1_lstm_cell.py", "lstm_cell"): {"x": "xt", "a": "a_prev", "c": "c_prev"},
    ("students/book_lstm.py", "LSTM"): {"h": "h_prev", "c": "c_prev"},
    ("students/book_time_rnn.py", "TimeRNN"): {"x": "xs"},
    ("students/char_lstm.py", "LSTM"): {"h": "h0", "c": "c0"},
    ("students/sequence_lstm.py", "lstm"): {"h": "h0"},
    ("students/step_lstm.py", "lstm"): {**_PREVIOUS, "Wx": "W", "Wh": "U"},
    ("students/rnn_caches.py", "rnn"): {"h": "h0"},
    ("students/rnn_without_first.py", "SimpleRNN"): {"x": "X"},
    ("students/two_slips.py", "rnn_step"): _PREVIOUS,
    ("students/lstm_step_carry.py", "lstm_step"): _PREVIOUS,
    ("students/attention_keys.py", "bahdanau"): {"s": "s_prev", "k": "enc", "W": "Wa", "U": "Ua", "v": "va"},
    ("students/gru_paths.py", "gru_step"): {"h": "h_prev", "Wx": "W", "Wh": "U"},
    ("notebooks/attention_pooling.ipynb", "AttentionPooling"): {"x": "X"},
}


def case(file: str, name: str, **shapes: Any) -> Callable[[Run], Run]:
    """Register a function of (module, arrays)."""

    def register(run: Run) -> Run:
        CASES[file, name] = Case(file, name, shapes, run, NAMES.get((file, name), {}))
        return run

    return register


def pair(file: str, names: str, gradients: str, extra: tuple[Any, ...] = (), **shapes: Any) -> None:
    """Register `*outputs, cache = forward(*arrays, *extra)`, `gradients = backward(*upstream, cache)`."""
    name, forward, backward = names.split()

    def run(m: Any, a: Any) -> Any:
        given = [dict(e) if isinstance(e, dict) else e for e in extra]
        *outputs, cache = getattr(m, forward)(*vars(a).values(), *given)
        return tuple(outputs), lambda *d: named(gradients, getattr(m, backward)(*d, cache))

    case(file, name, **shapes)(run)


def named(names: str, values: Any) -> dict[str, Any]:
    """Pair names with what a backward pass returns; `_` skips one."""
    if not isinstance(values, tuple | list):
        values = (values,)
    return {k: v for k, v in zip(names.split(), values, strict=True) if k != "_"}


def picked(names: str, values: Any, pattern: str = "d{}") -> dict[str, Any]:
    """Pick from a dictionary, or from an object's attributes, by a pattern of names."""
    get = values.__getitem__ if isinstance(values, dict) else lambda k: getattr(values, k)
    return {k: get(pattern.format(k)) for k in names.split()}


def subset(a: SimpleNamespace, names: str) -> dict[str, Any]:
    """The arrays of these names as a dictionary."""
    return {k: getattr(a, k) for k in names.split()}


def put(thing: Any, a: SimpleNamespace, names: str, pattern: str = "{}") -> Any:
    """Set arrays as attributes (of an object or of a module)."""
    for k in names.split():
        setattr(thing, pattern.format(k), getattr(a, k))
    return thing


RNN = {"Wx": (D, H), "Wh": (H, H), "b": (H,)}
LSTM = {"Wx": (D, 4 * H), "Wh": (H, 4 * H), "b": (4 * H,)}
GRU = {"Wx": (D, 3 * H), "Wh": (H, 3 * H), "b": (3 * H,)}
STEP = {"x": (B, D), "h": (B, H)}
CELL = {**STEP, "c": (B, H)}
SEQUENCE = {"x": (B, T, D), "h": (B, H)}

# --- course assignments: functions over (N, D) ---

LAYERS = "assignment/minicourse/layers.py"
RECURRENT = "assignment/minicourse/rnn_layers.py"
TRAIN = {"mode": "train"}
pair(LAYERS, "affine affine_forward affine_backward", "x w b", x=(B, 2, 3), w=(6, 4), b=(4,))
pair(LAYERS, "relu relu_forward relu_backward", "x", x=(B, D))
pair(LAYERS, "affine_relu affine_relu_forward affine_relu_backward", "x w b", x=(B, 6), w=(6, 4), b=(4,))
pair(
    LAYERS,
    "batchnorm batchnorm_forward batchnorm_backward",
    "x gamma beta",
    (TRAIN,),
    x=(5, D),
    gamma=(D,),
    beta=(D,),
)
pair(
    LAYERS,
    "layernorm layernorm_forward layernorm_backward",
    "x gamma beta",
    ({},),
    x=(3, D),
    gamma=(D,),
    beta=(D,),
)
pair(
    LAYERS,
    "dropout dropout_forward dropout_backward",
    "x",
    ({"mode": "train", "p": 0.6, "seed": 3},),
    x=(4, D),
)
pair(
    LAYERS,
    "conv conv_forward_naive conv_backward_naive",
    "x w b",
    ({"stride": 2, "pad": 1},),
    x=(2, 2, 5, 5),
    w=(3, 2, 3, 3),
    b=(3,),
)
pair(
    LAYERS,
    "max_pool max_pool_forward_naive max_pool_backward_naive",
    "x",
    ({"pool_height": 2, "pool_width": 2, "stride": 2},),
    x=(2, 2, 4, 4),
)


def loss_call(file: str, name: str, gradients: str, function: str = "", **shapes: Any) -> None:
    """Register one call that returns the loss and its gradients."""

    def run(m: Any, a: Any) -> Any:
        loss, *rest = getattr(m, function or name)(*vars(a).values())
        return loss, lambda _: named(gradients, rest)

    case(file, name, **shapes)(run)


loss_call(LAYERS, "svm_loss", "x", x=(3, V), y=LABELS)
loss_call(LAYERS, "softmax_loss", "x", x=(3, V), y=LABELS)
pair(RECURRENT, "rnn_step rnn_step_forward rnn_step_backward", "x h Wx Wh b", **STEP, **RNN)
pair(RECURRENT, "rnn rnn_forward rnn_backward", "x h Wx Wh b", **SEQUENCE, **RNN)
pair(RECURRENT, "lstm_step lstm_step_forward lstm_step_backward", "x h c Wx Wh b", **CELL, **LSTM)
pair(RECURRENT, "lstm lstm_forward lstm_backward", "x h Wx Wh b", **SEQUENCE, **LSTM)
pair(RECURRENT, "word_embedding word_embedding_forward word_embedding_backward", "W", ids=IDS, W=(V, D))
pair(
    RECURRENT,
    "temporal_affine temporal_affine_forward temporal_affine_backward",
    "x w b",
    x=(B, T, D),
    w=(D, 3),
    b=(3,),
)
MASK = np.array([[True, True, False], [True, False, True]])
loss_call(RECURRENT, "temporal_softmax_loss", "x", x=(B, T, V), y=TARGETS, mask=MASK)


def _model_loss(make: Callable[[Any], Any]) -> Run:
    def run(m: Any, a: Any) -> Any:
        model = make(m)
        params = {k: v for k, v in vars(a).items() if k in model.params}
        model.params.update(params)
        loss, grads = model.loss(*[v for k, v in vars(a).items() if k not in params])
        return loss, lambda _: {k: grads[k] for k in params}

    return run


VOCABULARY = {"<NULL>": 0, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
case(
    "assignment/minicourse/captioning.py",
    "CaptioningRNN",
    features=(B, 6),
    captions=np.array([[1, 5, 1, 2], [2, 4, 0, 0]]),
    W_embed=(V, 4),
    W_proj=(6, H),
    b_proj=(H,),
    Wx=(4, H),
    Wh=(H, H),
    b=(H,),
    W_vocab=(H, V),
    b_vocab=(V,),
)(_model_loss(lambda m: m.CaptioningRNN(VOCABULARY)))
case(
    "assignment/minicourse/fc_net.py",
    "TwoLayerNet",
    X=(3, D),
    y=LABELS,
    W1=(D, H),
    b1=(H,),
    W2=(H, V),
    b2=(V,),
)(_model_loss(lambda m: m.TwoLayerNet(D, H, V, reg=0.3)))
for _name in ("softmax_loss_naive", "softmax_loss_vectorized"):
    loss_call("assignment/softmax_classifier.py", _name, "W", W=(D, V), X=(3, D), y=LABELS, reg=np.array(0.2))
pair("assignment/gru_layers.py", "gru_step gru_step_forward gru_step_backward", "x h Wx Wh b", **STEP, **GRU)
pair("assignment/gru_layers.py", "gru gru_forward gru_backward", "x h Wx Wh b", **SEQUENCE, **GRU)
pair(
    "assignment/attention_layers.py",
    "dot_attention dot_attention_forward dot_attention_backward",
    "h A",
    h=(B, H),
    A=(B, H, 4, 4),
)
pair(
    "assignment/layernorm_rnn.py",
    "lnrnn_step lnrnn_step_forward lnrnn_step_backward",
    "x h Wx Wh gain bias",
    **STEP,
    Wx=(D, H),
    Wh=(H, H),
    gain=(H,),
    bias=(H,),
)
pair(
    "assignment/layernorm_rnn.py", "ln ln_forward ln_backward", "a gain bias", a=(B, H), gain=(H,), bias=(H,)
)

# --- columns: (n, m), parameters and gradients in dictionaries ---

COLUMN_RNN = {"Wax": (H, D), "Waa": (H, H), "Wya": (3, H), "ba": (H, 1), "by": (3, 1)}
COLUMN_LSTM = {
    **{"W" + k: (H, H + D) for k in "fico"},
    **{"b" + k: (H, 1) for k in "fico"},
    "Wy": (3, H),
    "by": (3, 1),
}
COLUMN_GRU = {**{"W" + k: (H, H + D) for k in "ruc"}, **{"b" + k: (H, 1) for k in "ruc"}}
GATES = "Wf Wi Wc Wo bf bi bc bo"


def _columns(
    file: str, stem: str, states: str, params: dict[str, Any], out: int, keys: dict[str, str]
) -> None:
    """Register forward(x, *states, parameters) -> *outputs, cache; only `out` outputs have a gradient."""
    sequence = "cell" not in stem
    shapes = {"x": (D, B, T) if sequence else (D, B), **dict.fromkeys(states.split(), (H, B)), **params}

    def run(m: Any, a: Any) -> Any:
        parameters = subset(a, " ".join(params))
        given = [a.x, *subset(a, states).values()]
        *outputs, cache = getattr(m, stem + "_forward")(*given, parameters)

        def back(*d: Any) -> dict[str, Any]:
            g = getattr(m, stem + "_backward")(*d, cache)
            return {k: g[key] for k, key in keys.items()}

        return tuple(outputs[:out]), back

    case(file, stem, **shapes)(run)


def _keys(names: str, **others: str) -> dict[str, str]:
    return {**{k: "d" + k for k in names.split()}, **others}


for _file in ("columns/recurrent_step_by_step.py", "students/week1_rnn.py", "notebooks/step_by_step.ipynb"):
    _columns(_file, "rnn_cell", "a", COLUMN_RNN, 1, _keys("Wax Waa ba", x="dxt", a="da_prev"))
    if "notebook" not in _file:
        _columns(_file, "rnn", "a", COLUMN_RNN, 1, _keys("Wax Waa ba x", a="da0"))
for _file in ("columns/lstm_step_by_step.py", "students/week1_lstm.py", "students/week1_lstm_cell.py"):
    _columns(_file, "lstm_cell", "a c", COLUMN_LSTM, 2, _keys(GATES, x="dxt", a="da_prev", c="dc_prev"))
    if "week1_lstm_cell" not in _file:
        _columns(_file, "lstm", "a", COLUMN_LSTM, 1, _keys(GATES + " x", a="da0"))
_columns(
    "columns/gru_step_by_step.py",
    "gru_cell",
    "c",
    COLUMN_GRU,
    1,
    _keys("Wr Wu Wc br bu bc", x="dxt", c="dc_prev"),
)


@case("columns/town_names.py", "rnn", a0=(H, 1), Waa=(H, H), Wax=(H, V), Wya=(V, H), b=(H, 1), by=(V, 1))
def _town_names(m: Any, a: Any) -> Any:
    parameters = subset(a, "Waa Wax Wya b by")
    loss, cache = m.rnn_forward(WORDS, NEXT, a.a0, parameters, V)
    return loss, lambda _: picked("Waa Wax Wya b by", m.rnn_backward(WORDS, NEXT, parameters, cache)[0])


# --- a book's layers: classes with params and grads ---


def layer(file: str, name: str, inputs: str, params: str = "", gradients: str = "", **shapes: Any) -> None:
    """Register a class made from its parameters, with `forward`, `backward` and a list `grads`."""

    def run(m: Any, a: Any) -> Any:
        thing = getattr(m, name)(*subset(a, params).values())
        outputs = thing.forward(*subset(a, inputs).values())

        def back(*d: Any) -> dict[str, Any]:
            returned = thing.backward(*d)
            given = named(gradients, returned) if gradients else {}
            return {**given, **dict(zip(params.split(), thing.grads if params else [], strict=True))}

        return outputs, back

    case(file, name, **shapes)(run)


BOOK = "book/common/layers.py"
TIME = "book/common/time_layers.py"
layer(BOOK, "MatMul", "x", "W", "x", x=(B, D), W=(D, H))
layer(BOOK, "Affine", "x", "W b", "x", x=(B, D), W=(D, H), b=(H,))
layer(BOOK, "Softmax", "x", gradients="x", x=(B, D))
layer(BOOK, "Sigmoid", "x", gradients="x", x=(B, D))
layer(BOOK, "SoftmaxWithLoss", "x t", gradients="x", x=(3, V), t=LABELS)
layer(BOOK, "Embedding", "ids", "W", ids=np.array([1, 5, 1]), W=(V, D))
layer(TIME, "RNN", "x h", "Wx Wh b", "x h", **STEP, **RNN)
layer(TIME, "TimeRNN", "x", "Wx Wh b", "x", x=(B, T, D), **RNN)
layer(TIME, "TimeEmbedding", "ids", "W", ids=IDS, W=(V, D))
layer(TIME, "TimeAffine", "x", "W b", "x", x=(B, T, D), W=(D, 3), b=(3,))
layer(TIME, "TimeSoftmaxWithLoss", "x t", gradients="x", x=(B, T, V), t=np.array([[5, 1, 2], [2, -1, 3]]))
layer("book/ch06/time_lstm.py", "LSTM", "x h c", "Wx Wh b", "x h c", **CELL, **LSTM)
layer("book/ch06/time_lstm.py", "TimeLSTM", "x", "Wx Wh b", "x", x=(B, T, D), **LSTM)
ATTENTION = "book/ch08/attention_layer.py"
layer(ATTENTION, "WeightSum", "hs a", gradients="hs a", hs=(B, T, H), a=(B, T))
layer(ATTENTION, "AttentionWeight", "hs h", gradients="hs h", hs=(B, T, H), h=(B, H))
layer(ATTENTION, "Attention", "hs h", gradients="hs h", hs=(B, T, H), h=(B, H))
layer("students/book_lstm.py", "LSTM", "x h c", "Wx Wh b", "x h c", **CELL, **LSTM)
layer("students/book_time_rnn.py", "TimeRNN", "x", "Wx Wh b", "x", x=(B, T, D), **RNN)
layer("students/book_time_rnn.py", "RNNCell", "x h", "Wx Wh b", "x h", **STEP, **RNN)


def attributed(
    file: str,
    name: str,
    make: tuple[Any, ...],
    inputs: str,
    params: str,
    pattern: str = "d{}",
    gradients: str = "",
    **shapes: Any,
) -> None:
    """Register a class whose parameters and gradients are attributes of the object."""

    def run(m: Any, a: Any) -> Any:
        thing = put(getattr(m, name)(*make), a, params)
        forward = getattr(thing, "forward", thing)
        outputs = forward(*subset(a, inputs).values())

        def back(*d: Any) -> dict[str, Any]:
            returned = thing.backward(*d)
            return {**(named(gradients, returned) if gradients else {}), **picked(params, thing, pattern)}

        return outputs, back

    case(file, name, **shapes)(run)


_ZERO = np.zeros
attributed(
    "book/ch06/gru_cell.py",
    "GRU",
    (_ZERO((D, 3 * H)), _ZERO((H, 3 * H)), _ZERO(3 * H)),
    "x h",
    "Wx Wh b",
    gradients="x h",
    **STEP,
    **GRU,
)
CONVOLUTION = "book/ch07/convolution.py"
layer(CONVOLUTION, "Relu", "x", gradients="x", x=(B, D))
attributed(
    CONVOLUTION,
    "Convolution",
    (_ZERO((3, 2, 2, 2)), _ZERO(3)),
    "x",
    "W b",
    gradients="x",
    x=(2, 2, 4, 4),
    W=(3, 2, 2, 2),
    b=(3,),
)


@case(CONVOLUTION, "Pooling", x=(2, 2, 4, 4))
def _pooling(m: Any, a: Any) -> Any:
    pool = m.Pooling(2, 2)
    return pool.forward(a.x), lambda d: {"x": pool.backward(d)}


# --- scripts that train at top level ---

CHAR = {"Wxh": (H, V), "Whh": (H, H), "Why": (V, H), "bh": (H, 1), "by": (V, 1)}


def _char(file: str, name: str) -> None:
    @case(file, name, hprev=(H, 1), **CHAR)
    def run(m: Any, a: Any) -> Any:
        put(m, a, " ".join(CHAR))
        m.vocab_size, m.hidden_size = V, H
        loss, *grads, _ = getattr(m, name)(list(WORDS), list(NEXT), a.hprev)
        return loss, lambda _: dict(zip(CHAR, grads, strict=True))


_MINI = {"W_in": (H, V), "W_rec": (H, H), "W_out": (V, H), "b_h": (H, 1), "b_y": (V, 1)}


@case("scripts/mini_char.py", "loss_fun", h0=(H, 1), **_MINI)
def _mini_char(m: Any, a: Any) -> Any:
    put(m, a, " ".join(_MINI))
    m.n_vocab, m.n_hidden = V, H
    loss, *grads, _ = m.loss_fun(list(WORDS), list(NEXT), a.h0)
    return loss, lambda _: dict(zip(_MINI, grads, strict=True))


_char("students/char_rnn_list.py", "lossFun")
_JOINED = {
    **{"W" + k: (H, H + V) for k in "fioc"},
    "Wy": (V, H),
    **{"b" + k: (H, 1) for k in "fioc"},
    "by": (V, 1),
}


@case("scripts/char_lstm_py2.py", "lossFun", h=(H, 1), c=(H, 1), **_JOINED)
def _char_lstm(m: Any, a: Any) -> Any:
    put(m, a, " ".join(_JOINED))
    m.H, m.V = H, V
    loss, grads, *_ = m.lossFun(WORDS, NEXT, a.h, a.c)
    return loss, lambda _: {k: grads[k] for k in _JOINED}


_SINE = {"Wx": (H, 1), "Wh": (H, H), "b": (H, 1), "Wy": (1, H), "by": (1, 1)}


@case("scripts/sine_many_to_one.py", "forward", xs=np.linspace(-1, 1, 4), **_SINE)
def _sine(m: Any, a: Any) -> Any:
    put(m, a, " ".join(_SINE))
    y, cache = m.forward(a.xs)
    return y, lambda d: named(" ".join(_SINE), m.backward(d, cache))


@case("scripts/count_ones.py", "backward_gradient", X=(3, 4), w=(2,))
def _count(m: Any, a: Any) -> Any:
    states = m.forward_states(a.X, a.w[0], a.w[1])
    target = np.array([1.0, 0.5, -2.0])
    loss = m.loss(states[:, -1], target)

    def back(_: Any) -> dict[str, Any]:
        grads, _ = m.backward_gradient(a.X, states, m.output_gradient(states[:, -1], target), a.w[1])
        return {"w": np.array(grads)}

    return loss, back


_MODEL = {"E": (V, H), "U": (H, H), "W": (H, H), "b": (H,), "V": (H, V), "c": (V,)}


@case("scripts/train_language_model.py", "step", h0=(B, H), **_MODEL)
def _language_model(m: Any, a: Any) -> Any:
    loss, grads, _ = m.step(subset(a, " ".join(_MODEL)), IDS, TARGETS, a.h0)
    return loss, lambda _: {k: grads[k] for k in _MODEL}


# --- classes with state ---

_NODE = {**{"w" + g: (H, D + H) for g in "gifo"}, **{"b" + g: (H,) for g in "gifo"}}


@case("classes/node_lstm.py", "CellNode", x=(D,), s=(H,), h=(H,), **_NODE)
def _node(m: Any, a: Any) -> Any:
    param = put(m.CellParam(H, D), a, " ".join(_NODE))
    node = m.CellNode(param, m.CellState(H, D))
    node.data_is(a.x, a.s, a.h)

    def back(d_h: Any, d_s: Any) -> dict[str, Any]:
        node.diff_is(d_h, d_s)
        states = {k: getattr(node.state, "below_" + k) for k in "xsh"}
        return {**states, **picked(" ".join(_NODE), param, "{}_diff")}

    return (node.state.h, node.state.s), back


@case("classes/layer_params.py", "RNN", x=(B, T, D), W=(D, H), U=(H, H), b=(H,))
def _layer_params(m: Any, a: Any) -> Any:
    layer = m.RNN(H)
    layer.setup(a.x.shape)
    layer._params.update(subset(a, "W U b"))
    out = layer.forward_pass(a.x)
    return out, lambda d: {
        "x": layer.backward_pass(d),
        **subset(SimpleNamespace(**layer._params.grad), "W U b"),
    }


_RECORDED = {**{"W" + k: (H + D, H) for k in "fuco"}, **{"b" + k: (1, H) for k in "fuco"}}


@case("classes/recorded_cell.py", "LSTMCell", x=(B, T, D), **_RECORDED)
def _recorded(m: Any, a: Any) -> Any:
    cell = m.LSTMCell(H)
    cell.n_in = D
    cell._init_params()
    cell.parameters.update(subset(a, " ".join(_RECORDED)))
    hs = np.stack([cell.forward(a.x[:, t])[0] for t in range(T)], axis=1)

    def back(d: Any) -> dict[str, Any]:
        d_x = np.stack([cell.backward(d[:, t]) for t in reversed(range(T))][::-1], axis=1)
        return {"x": d_x, **{k: cell.gradients[k] for k in _RECORDED}}

    return hs, back


def _closure(name: str, maker: str, params: str, **shapes: Any) -> None:
    @case("classes/closure_layers.py", name, **shapes)
    def run(m: Any, a: Any) -> Any:
        model = getattr(m, maker)(*subset(a, params).values())
        y, backprop = model(a.X)

        def back(d: Any) -> dict[str, Any]:
            d_x = backprop(d)
            return {"X": d_x, **{k: model.grads[k] for k in params.split()}}

        return y, back


_closure("maxout_forward", "Maxout", "W b", X=(B, D), W=(3, 2, D), b=(3, 2))
_closure("lstm_forward", "LSTM", "W b h0", X=(T, D), W=(4, H, H + D), b=(4, H), h0=(H,))

_VECTOR = {
    **{f"W{g}{k}": (H, D if k == "x" else H) for g in "rzn" for k in "xh"},
    **{f"b{k}{g}": (H,) for k in "ih" for g in "rzn"},
}
attributed(
    "classes/gru_cell_vector.py", "GRU_Cell", (D, H), "x h", " ".join(_VECTOR), x=(D,), h=(H,), **_VECTOR
)
_UVW = {"U": (H, V), "V": (V, H), "W": (H, H)}


@case("classes/theory_rnn.py", "TheoryRNN", **_UVW)
def _theory(m: Any, a: Any) -> Any:
    model = put(m.TheoryRNN(V, H), a, "U V W")
    return model.total_loss(WORDS, NEXT), lambda _: named("U V W", model.bptt(WORDS, NEXT))


@case("students/truncated.py", "TextRNN", **_UVW)
def _truncated(m: Any, a: Any) -> Any:
    model = put(m.TextRNN(V, H), a, "U V W")
    return model.loss(WORDS, NEXT), lambda _: named("U W V", model.bptt(WORDS, NEXT))


_SELF = {"Whh": (H, H), "Wxh": (H, V), "Why": (3, H), "bh": (H, 1), "by": (3, 1)}


@case("classes/sentiment_rnn.py", "RNN", **_SELF)
def _sentiment(m: Any, a: Any) -> Any:
    model = put(m.RNN(V, 3, H), a, " ".join(_SELF))
    y, _ = model.forward([np.eye(V)[:, [k]] for k in WORDS])

    def back(d: Any) -> dict[str, Any]:
        before = {k: getattr(model, k).copy() for k in _SELF}
        model.backprop(d, learn_rate=0.5)
        return {k: (before[k] - getattr(model, k)) / 0.5 for k in _SELF}

    return y, back


def _with_cache(name: str) -> None:
    @case("classes/lecture_layers.py", name, x=(B, D))
    def run(m: Any, a: Any) -> Any:
        layer = getattr(m, name)()
        out, cache = layer.forward(a.x)
        return out, lambda d: {"x": layer.backward(d, cache)}


_with_cache("Sigmoid")
_with_cache("LeakyRelu")


def _lecture_loss(name: str, y: Any) -> None:
    @case("classes/lecture_layers.py", name, x=(3, V), y=y)
    def run(m: Any, a: Any) -> Any:
        function = getattr(m, name)()
        return function.forward(a.x, a.y), lambda _: {"x": function.backward(a.x, a.y)}


_lecture_loss("CrossEntropyFromLogits", LABELS)
_lecture_loss("MSE", (3, V))
attributed(
    "classes/batch_norm.py", "BatchNorm1d", (D,), "x", "BW Bb", "dLd{}", "x", x=(5, D), BW=(1, D), Bb=(1, D)
)
attributed("classes/batch_norm.py", "Linear", (D, H), "x", "W b", "dLd{}", "x", x=(3, D), W=(H, D), b=(H, 1))


@case("classes/static_lstm.py", "LSTM", X=(T, B, D), W=(1 + D + H, 4 * H), c0=(B, H), h0=(B, H))
def _static(m: Any, a: Any) -> Any:
    hs, c, h, cache = m.LSTM.forward(a.X, a.W, a.c0, a.h0)
    return (hs, c, h), lambda d, d_c, d_h: named("X W c0 h0", m.LSTM.backward(d, cache, d_c, d_h))


# --- functions of blogs ---

_GRU_TEXT = {
    **{k + g: (H, V if k == "W" else H) for k in "WU" for g in "zrh"},
    **{"b" + g: (H, 1) for g in "zrh"},
    "Wy": (V, H),
    "by": (V, 1),
}


@case("functions/gru_text.py", "lossFun", h=(H, 1), **_GRU_TEXT)
def _gru_text(m: Any, a: Any) -> Any:
    loss, grads, _ = m.lossFun(subset(a, " ".join(_GRU_TEXT)), WORDS, NEXT, a.h)
    return loss, lambda _: picked(" ".join(_GRU_TEXT), grads)


KERNEL = {"w_ih": (3 * H, D), "w_hh": (3 * H, H), "b_ih": (3 * H,), "b_hh": (3 * H,)}
AFTER = "functions/gru_reset_after.py"
pair(AFTER, "gru_cell gru_cell_fwd gru_cell_bwd", "x h w_ih w_hh b_ih b_hh", **STEP, **KERNEL)
pair(AFTER, "gru gru_fwd gru_bwd", "x h w_ih w_hh b_ih b_hh", **SEQUENCE, **KERNEL)


@case("functions/joined_lstm.py", "lstm", **CELL, W=(D + H, 4 * H), b=(1, 4 * H))
def _joined(m: Any, a: Any) -> Any:
    params = subset(a, "W b")
    h, c, cache = m.lstm_fwd(params, a.x, a.h, a.c)

    def back(d_h: Any, d_c: Any) -> dict[str, Any]:
        *states, grads = m.lstm_bwd(params, d_h, d_c, cache)
        return {**named("x h c", states), **grads}

    return (h, c), back


_THETA = {k + g: {"W": (D, H), "U": (H, H), "b": (H,)}[k] for k in "WUb" for g in "fios"}


@case("functions/named_gradients.py", "forward_prop", X=(B, T, D), **_THETA)
def _named_gradients(m: Any, a: Any) -> Any:
    theta = subset(a, " ".join(_THETA))
    out, memory = m.forward_prop(a.X, theta)
    return out, lambda d: picked("X " + " ".join(_THETA), m.backward_prop(d, memory, theta), "{}_grad")


pair(
    "functions/additive_attention.py",
    "attend attend attend_grad",
    "q k W_q W_k v",
    q=(B, 3),
    k=(B, T, D),
    W_q=(3, H),
    W_k=(D, H),
    v=(H,),
)


def _f_df(name: str) -> None:
    @case("functions/derivatives.py", name, x=(3, 4))
    def run(m: Any, a: Any) -> Any:
        return getattr(m, name)(a.x), lambda d: {"x": getattr(m, "d_" + name)(d, a.x)}


for _name in ("softplus", "elu", "gelu", "hard_sigmoid"):
    _f_df(_name)
LOSSES = "functions/losses.py"
loss_call(LOSSES, "cross_entropy_loss", "x", x=(3, V), y=LABELS)
loss_call(LOSSES, "mse_loss", "x", x=(3, V), y=(3, V))
loss_call(LOSSES, "binary_cross_entropy", "x", x=(4,), y=np.array([0.0, 1, 1, 0]))
loss_call(LOSSES, "huber", "x", x=(3, V), y=(3, V))
TRANSFORMER = "functions/transformer_parts.py"
pair(TRANSFORMER, "layernorm layernorm_forward layernorm_backward", "x w b", x=(B, T, D), w=(D,), b=(D,))
pair(TRANSFORMER, "encoder encoder_forward encoder_backward", "wte wpe", ids=IDS, wte=(V, D), wpe=(5, D))
pair(
    TRANSFORMER,
    "attention attention_forward attention_backward",
    "x w_qkv w_proj",
    x=(B, T, D),
    w_qkv=(D, 3 * D),
    w_proj=(D, D),
)
pair(
    "functions/bidirectional.py",
    "birnn birnn_forward birnn_backward",
    "x Wf Uf bf Wb Ub bb",
    x=(B, T, D),
    Wf=(D, H),
    Uf=(H, H),
    bf=(H,),
    Wb=(D, H),
    Ub=(H, H),
    bb=(H,),
)
pair(
    "functions/used_up_cache.py",
    "rnn rnn_forward rnn_backward",
    "X h Wxh Whh",
    X=(T, B, D),
    h=(B, H),
    Wxh=(D, H),
    Whh=(H, H),
)


@case(
    "functions/order_of_gradients.py",
    "RNN",
    x=(T, D),
    Wx=(H, D),
    Wh=(H, H),
    Wy=(3, H),
    bh=(H,),
    by=(3,),
    h_init=np.full(H, 0.3),
)
def _order(m: Any, a: Any) -> Any:
    y, h = m.RNN_forward(*vars(a).values())
    weights = (a.Wx, a.Wh, a.Wy, a.bh, a.by)
    return y, lambda d: named("Wy by Wh bh Wx", m.RNN_backward(a.x, h, d, *weights))


@case("functions/windows_mlp.py", "mlp", x=(B, D), W1=(D, H), b1=(H,), W2=(H, 3), b2=(3,))
def _windows(m: Any, a: Any) -> Any:
    params = [a.W1, a.b1, a.W2, a.b2]
    y, cache = m.mlp_forward(a.x, params)
    return y, lambda d: named("W1 b1 W2 b2", m.mlp_backward(d, params, cache))


@case("functions/clip_norm.py", "clip_grads", W=(D, H), b=(H,))
def _clip_list(m: Any, given: Any) -> Any:
    grads, max_norm = given
    m.clip_grads(list(grads.values()), max_norm)
    return {k: g.copy() for k, g in grads.items()}, None


@case("functions/clip_norm.py", "clip_by_global_norm", W=(D, H), b=(H,))
def _clip_dict(m: Any, given: Any) -> Any:
    return m.clip_by_global_norm(*given)


@case("students/clipping.py", "clip_gradients", W=(D, H), b=(H,))
def _clip_each(m: Any, given: Any) -> Any:
    return m.clip_gradients(*given), None


# --- torch ---


def _torch(file: str, name: str, gradients: str, **shapes: Any) -> None:
    @case(file, name, **shapes)
    def run(m: Any, a: Any) -> Any:
        import torch

        tensors = [torch.tensor(v) for v in vars(a).values()]
        context = SimpleNamespace()
        context.save_for_backward = lambda *saved: setattr(context, "saved_tensors", saved)
        outputs = getattr(m, name).forward(context, *tensors)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)

        def back(*d: Any) -> dict[str, Any]:
            returned = getattr(m, name).backward(context, *map(torch.tensor, d))
            return named(gradients, [g.numpy() for g in returned])

        return tuple(o.numpy() for o in outputs), back


_torch(
    "torch_functions/lltm.py",
    "LLTMFunction",
    "x W b h c",
    x=(B, D),
    W=(3 * H, H + D),
    b=(3 * H,),
    h=(B, H),
    c=(B, H),
)
_torch("torch_functions/tanh_cell.py", "TanhCell", "x h w_ih w_hh", **STEP, w_ih=(H, D), w_hh=(H, H))
_torch(
    "torch_functions/forgetful_attention.py",
    "ScaledAttention",
    "q k v",
    q=(B, T, D),
    k=(B, 4, D),
    v=(B, 4, H),
)

# --- notebooks ---

_OLAH = {
    **{"W_" + k: (H, H + V) for k in "fiCo"},
    "W_v": (V, H),
    **{"b_" + k: (H, 1) for k in "fiCo"},
    "b_v": (V, 1),
}


@case("notebooks/lstm_in_one_notebook.ipynb", "forward", x=(V, 1), h=(H, 1), C=(H, 1), **_OLAH)
def _one_notebook(m: Any, a: Any) -> Any:
    m.H_size, m.X_size, m.z_size = H, V, H + V
    p = m.Parameters()
    for k in _OLAH:
        getattr(p, k).v = getattr(a, k)
    z, f, i, C_bar, C, o, h, v, y = m.forward(a.x, a.h, a.C, p)

    def back(_: Any, d_h: Any, d_C: Any) -> dict[str, Any]:
        d_h_prev, d_C_prev = m.backward(2, d_h, d_C, a.C, z, f, i, C_bar, C, o, h, v, y, p)
        return {"h": d_h_prev, "C": d_C_prev, **{k: getattr(p, k).d for k in _OLAH}}

    return (-np.log(y[2, 0]), h, C), back


_NOTEBOOK_GRU = {k + g: {"W": (H, D), "U": (H, H), "b": (H,)}[k] for k in "WUb" for g in "zrh"}


@case("notebooks/gru_from_scratch.ipynb", "GRU", x=(T, D), h=(H,), **_NOTEBOOK_GRU)
def _notebook_gru(m: Any, a: Any) -> Any:
    model = put(m.GRU(D, H), a, " ".join(_NOTEBOOK_GRU))
    out = model.forward(a.x, a.h)

    def back(d: Any) -> dict[str, Any]:
        return {**named("x h", model.backward(d)), **picked(" ".join(_NOTEBOOK_GRU), model.grads)}

    return out, back


pair(
    "notebooks/attention_by_hand.ipynb",
    "self_attention self_attention_forward self_attention_backward",
    "X Wq Wk Wv",
    X=(T, D),
    Wq=(D, H),
    Wk=(D, H),
    Wv=(D, 3),
)
pair(
    "notebooks/course_exercise.ipynb",
    "many_to_one many_to_one_forward many_to_one_backward",
    "x h Wx Wh b Wy by",
    **SEQUENCE,
    **RNN,
    Wy=(H, 3),
    by=(3,),
)
_MLP = {"W1": (D, H), "g1": (H,), "b1": (H,), "W2": (H, V), "b2": (V,)}


@case("notebooks/mlp_by_hand.ipynb", "loss_and_grads", X=(3, D), **_MLP)
def _mlp(m: Any, a: Any) -> Any:
    loss, grads = m.loss_and_grads(subset(a, " ".join(_MLP)), a.X, LABELS)
    return loss, lambda _: grads


pair(
    "notebooks/bptt_in_place.ipynb",
    "rnn rnn_forward rnn_backward",
    "x h Wxh Whh bh",
    **SEQUENCE,
    Wxh=(D, H),
    Whh=(H, H),
    bh=(H,),
)
_FORECAST = {**{"W" + k: (H, H + D) for k in "fiog"}, **{"b" + k: (H,) for k in "fiog"}}


@case("notebooks/lstm_forecast.ipynb", "lstm", X=(T, D), **_FORECAST)
def _forecast(m: Any, a: Any) -> Any:
    params = subset(a, " ".join(_FORECAST))
    hs, cache = m.lstm_forward(a.X, params)

    def back(d: Any) -> dict[str, Any]:
        d_x, grads = m.lstm_backward(d, cache, params)
        return {"X": d_x, **grads}

    return hs, back


_LANGUAGE = {k + g: {"W": (H, D), "U": (H, H), "b": (H, 1)}[k] for k in "WUb" for g in "zrn"}


@case("notebooks/gru_language_model.ipynb", "gru", x=(D, B), h_prev=(H, B), **_LANGUAGE)
def _language_gru(m: Any, a: Any) -> Any:
    h, cache = m.gru_forward(a.x, a.h_prev, subset(a, " ".join(_LANGUAGE)))
    return h, lambda d: picked("x h_prev " + " ".join(_LANGUAGE), m.gru_backward(d, cache))


attributed(
    "notebooks/attention_pooling.ipynb",
    "AttentionPooling",
    (D,),
    "x",
    "w",
    gradients="x",
    x=(B, T, D),
    w=(D,),
)

# --- students' files ---

_STUDENT_GATES = {**{"W_" + k: (H, H + D) for k in "fico"}, **{"b_" + k: (H, 1) for k in "fico"}}
attributed(
    "students/char_lstm.py",
    "LSTM",
    (D, H),
    "xs h c",
    " ".join(_STUDENT_GATES),
    gradients="xs h c",
    xs=(T, D, 1),
    h=(H, 1),
    c=(H, 1),
    **_STUDENT_GATES,
)
pair(
    "students/sequence_lstm.py",
    "lstm_step lstm_step_forward lstm_step_backward",
    "x h c Wx Wh b",
    **CELL,
    **LSTM,
)
pair("students/sequence_lstm.py", "lstm lstm_forward lstm_backward", "x h Wx Wh b", **SEQUENCE, **LSTM)
pair("students/step_lstm.py", "lstm lstm_forward lstm_backward", "x h c Wx Wh b", **CELL, **LSTM)
pair("students/rnn_caches.py", "rnn_step rnn_step_forward rnn_step_backward", "x h Wx Wh b", **STEP, **RNN)
pair("students/rnn_caches.py", "rnn rnn_forward rnn_backward", "x h Wx Wh b", **SEQUENCE, **RNN)


@case("students/softmax_rows.py", "output_layer_loss", h=(3, H), W=(H, V), b=(V,))
def _rows(m: Any, a: Any) -> Any:
    loss, grads = m.output_layer_loss(a.h, a.W, a.b, LABELS)
    return loss, lambda _: grads


attributed(
    "students/rnn_without_first.py",
    "SimpleRNN",
    (D, H),
    "x",
    "Wx Wh b",
    gradients="x",
    x=(B, T, D),
    Wx=(H, D),
    Wh=(H, H),
    b=(H,),
)


def _gru_dicts(m: Any, a: Any) -> Any:
    layer = m.GRULayer(D, H)
    layer.params.update({k: v for k, v in vars(a).items() if k not in "xh"})
    out = layer.forward(a.x, a.h)

    def back(d: Any) -> dict[str, Any]:
        returned = named("x h", layer.backward(d))
        return {**returned, **layer.grads}

    return out, back


case(
    "students/joined_order.py",
    "GRULayer",
    **STEP,
    **{"W" + k: (D + H, H) for k in "zrc"},
    **{"b" + k: (H,) for k in "zrc"},
)(_gru_dicts)
_WUB = {"W": (D, H), "U": (H, H), "b": (H,)}
pair("students/numpy_rnn.py", "rnn_cell rnn_cell_forward rnn_cell_backward", "x h W U b", **STEP, **_WUB)
pair("students/two_slips.py", "rnn_step rnn_step_forward rnn_step_backward", "x h Wx Wh b", **STEP, **RNN)
pair(
    "students/gru_other_weights.py",
    "gru_cell gru_cell_fwd gru_cell_bwd",
    "x h Wr Ur Wz Uz Wn Un",
    **STEP,
    **{f"{letter}{gate}": (D if letter == "W" else H, H) for gate in "rzn" for letter in "WU"},
)
pair(
    "students/lstm_while.py",
    "lstm lstm_forward lstm_backward",
    "x h0 c0 Wx Wh b",
    **{"x": (B, T, D), "h0": (B, H), "c0": (B, H), **LSTM},
)
pair(
    "students/attention_over_batch.py",
    "attention attention_forward attention_backward",
    "query keys values",
    query=(B, D),
    keys=(B, T, D),
    values=(B, T, D),
)
pair(
    "students/rnn_last_state.py",
    "rnn rnn_forward rnn_backward",
    "x h0 Wx Wh b",
    **{"x": (B, T, D), "h0": (B, H), **RNN},
)
pair(
    "students/lstm_joined_step.py",
    "lstm_cell lstm_cell_forward lstm_cell_backward",
    "x h_prev c_prev W b",
    x=(B, D),
    h_prev=(B, H),
    c_prev=(B, H),
    W=(D + H, 4 * H),
    b=(4 * H,),
)
pair(
    "students/lstm_two_slips.py",
    "lstm lstm_forward lstm_backward",
    "x h0 Wx Wh b",
    **{"x": (T, B, D), "h0": (B, H), **LSTM},
)
pair("students/gru_towards_h.py", "gru_step gru_step_forward gru_step_backward", "x h Wx Wh b", **STEP, **GRU)
pair(
    "students/lstm_tape_order.py",
    "lstm lstm_fprop lstm_bprop",
    "X h0 c0 Wx Wh b",
    **{"X": (T, B, D), "h0": (B, H), "c0": (B, H), **LSTM},
)
pair(
    "students/lstm_step_carry.py",
    "lstm_step lstm_step_forward lstm_step_backward",
    "x h c Wx Wh b",
    **CELL,
    **LSTM,
)
layer(
    "students/attention_weights.py",
    "DotAttention",
    "keys query",
    gradients="keys query",
    keys=(B, T, H),
    query=(B, H),
)
pair(
    "students/attention_keys.py",
    "bahdanau bahdanau_forward bahdanau_backward",
    "s k W U v",
    s=(B, 3),
    k=(B, T, D),
    W=(3, H),
    U=(D, H),
    v=(H,),
)
pair(
    "students/embedding.py",
    "word_embedding word_embedding_forward word_embedding_backward",
    "W",
    ids=IDS,
    W=(V, D),
)
pair("students/gru_paths.py", "gru_step gru_step_forward gru_step_backward", "x h Wx Wh b", **STEP, **GRU)
_DICTS = {k + g: _WUB[k] for k in "WUb" for g in "zrh"}


@case("students/gru_reset_weights.py", "GRUCell", **STEP, **_DICTS)
def _reset_weights(m: Any, a: Any) -> Any:
    cell = m.GRUCell(D, H)
    for k in "WUb":
        setattr(cell, k, {g: getattr(a, k + g) for g in "zrh"})
    out = cell.forward(a.x, a.h)

    def back(d: Any) -> dict[str, Any]:
        returned = named("x h", cell.backward(d))
        return {**returned, **{k + g: getattr(cell, "d" + k)[g] for k in "WUb" for g in "zrh"}}

    return out, back


loss_call("students/temporal_loss.py", "temporal_softmax_loss", "x", x=(B, T, V), y=TARGETS, mask=MASK)
pair("students/gate_order.py", "lstm_step lstm_step_fwd lstm_step_bwd", "x h c Wx Wh b", **CELL, **LSTM)
layer("students/relu_upstream.py", "ReLU", "x", gradients="x", x=(3, D))
attributed(
    "students/relu_upstream.py",
    "Dense",
    (D, H),
    "x",
    "weight bias",
    "{}_grad",
    "x",
    x=(3, D),
    weight=(H, D),
    bias=(H,),
)
pair(
    "students/batchnorm.py",
    "batchnorm batchnorm_forward batchnorm_backward",
    "x gamma beta",
    ({},),
    x=(5, D),
    gamma=(D,),
    beta=(D,),
)
attributed("students/layernorm.py", "LayerNorm", (D,), "x", "g b", gradients="x", x=(B, T, D), g=(D,), b=(D,))
_WIDE = {
    **{f"W{k}h": (H, H) for k in ("f", "i", "o", "ct")},
    **{f"W{k}x": (H, D) for k in ("f", "i", "o", "ct")},
    **{f"b{k}": (H, 1) for k in ("f", "i", "o", "ct")},
}


@case("students/recorded_lstm.py", "LstmLayer", x=(T, D, 1), **_WIDE)
def _recorded_lstm(m: Any, a: Any) -> Any:
    layer = put(m.LstmLayer(D, H), a, " ".join(_WIDE))
    out = [layer.forward(x) for x in a.x][-1]

    def back(d: Any) -> dict[str, Any]:
        layer.backward(d)
        return picked(" ".join(_WIDE), layer, "{}_grad")

    return out, back


pair(
    "students/zero_forget_gate.py",
    "lstm lstm_forward lstm_backward",
    "X h0 Wx Wh b",
    X=(B, T, D),
    h0=(B, H),
    **LSTM,
)

"""The part of a gradient that reaches an early step: as norms, and as exact Jacobians.

    L           = v · h_T, a random projection of the last output
    dL/dh_t     over all paths from h_t to L, with the cell state c_t held fixed
    dL/dc_t     over all paths from c_t to L, including h_t = o_t * tanh(c_t)
    dh_T/dh_t   (H, H), row k the gradient of unit k of h_T; dL/dh_t = v @ dh_T/dh_t

For an LSTM, dc_T/dc_t is the sum of two parts. The cell path, diag(f_{t+1} * ... * f_T), never leaves the
cell state; it is the part that the forget gates pass (Hochreiter & Schmidhuber, 1997, with Gers et al.,
2000). The rest goes through h and a recurrent matrix at least once. A plain RNN has only products of such
matrices and tanh derivatives, which vanish or explode (Bengio et al., 1994; Pascanu et al., 2013).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmem.cells import Cell, GRUCell, LSTMCell, RNNCell, State
from seqmem.contexts import AdditiveAttention
from seqmem.initializers import Rng, as_generator
from seqmem.layers import Recurrent
from seqmem.models import Decoder, Encoder, Seq2Seq
from seqmem.module import Array
from seqmem.validation import as_ids, as_size, check_type


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """The part of the last step's gradient that reaches each step, for B sequences of T steps.

    Attributes:
        projection: v, (B, H), of length 1 in each row.
        h_norms: the Euclidean norm of dL/dh_t, (T, B).
        c_norms: the Euclidean norm of dL/dc_t, (T, B); like the c fields below, None without a cell state.
        h_jacobians: dh_T/dh_t, (T, B, H, H).
        c_jacobians: dc_T/dc_t, (T, B, H, H).
        cell_path: the diagonal of the part of dc_T/dc_t that stays in the cell state, (T, B, H).

    The last step's Jacobians are the identity.
    """

    projection: Array
    h_norms: Array
    c_norms: Array | None
    h_jacobians: Array
    c_jacobians: Array | None
    cell_path: Array | None

    @property
    def norms(self) -> dict[str, Array]:
        """The norms as curves (T,), geometric means over the sequences, for `plot_gradient_flow`."""
        parts = {"dL/dh": self.h_norms} | ({} if self.c_norms is None else {"dL/dc": self.c_norms})
        return {name: _by_distance(norms)[::-1] for name, norms in parts.items()}

    @property
    def h_spectral(self) -> Array:
        """The largest singular value of dh_T/dh_t, (T, B): the maximum growth of any gradient."""
        return _spectral(self.h_jacobians)

    @property
    def c_spectral(self) -> Array | None:
        """The largest singular value of dc_T/dc_t, (T, B)."""
        return None if self.c_jacobians is None else _spectral(self.c_jacobians)

    @property
    def cell_path_spectral(self) -> Array | None:
        """The largest singular value of the cell path, (T, B): its largest product of forget gates."""
        return None if self.cell_path is None else self.cell_path.max(axis=2)

    @property
    def rest(self) -> Array | None:
        """The part of dc_T/dc_t that passes through h at least once, (T, B, H, H)."""
        if self.c_jacobians is None or self.cell_path is None:
            return None
        return self.c_jacobians - self.cell_path[:, :, :, None] * np.eye(self.cell_path.shape[2])

    @property
    def rest_spectral(self) -> Array | None:
        """The largest singular value of `rest`, (T, B)."""
        rest = self.rest
        return None if rest is None else _spectral(rest)


@dataclass(frozen=True, eq=False)
class FlowCurve:
    """One line of a comparison: geometric means over the sequences, by distance from the last step.

    Attributes:
        name: the name of the case.
        h: norms of dL/dh, (T,): entry d belongs to the step d steps before the last.
        c: norms of dL/dc, or None.
        jacobian: spectral norms of dh_T/dh_t, or None if only the gradient of L was computed.
        cell_path: the largest product of forget gates, or None.
        rest: the spectral norm of the rest of dc_T/dc_t, or None.
    """

    name: str
    h: Array
    c: Array | None = None
    jacobian: Array | None = None
    cell_path: Array | None = None
    rest: Array | None = None


@dataclass(frozen=True, eq=False)
class FlowCases:
    """The cases of `gradient_flow_of_cases`; `print` shows them as a table."""

    curves: list[FlowCurve]

    @property
    def norms(self) -> dict[str, Array]:
        """Norms of dL/dh from the first step to the last, by case, for `plot_gradient_flow`."""
        return {curve.name: curve.h[::-1] for curve in self.curves}

    def __str__(self) -> str:
        return gradient_flow_text(self)

    def as_dict(self) -> dict[str, Any]:
        """Return the curves as lists and numbers, ready for JSON."""
        return {
            curve.name: {
                key: value.tolist()
                for key, value in vars(curve).items()
                if key != "name" and value is not None
            }
            for curve in self.curves
        }


def gradient_flow(layer: Recurrent[Any], xs: Array, state: State = None, *, rng: Rng = 0) -> GradientFlow:
    """Return the gradients of a random projection of the last output at every step, and exact Jacobians.

    One forward and one backward pass with every sequence repeated H times, once for each unit of the last
    state, give all Jacobians; for an LSTM, a second backward pass gives the Jacobians of the cell state.

    Args:
        layer: a Recurrent that runs forwards.
        xs: inputs, (T, B, D), T at least 1.
        state: the state before the first step; None means zeros.
        rng: seed or generator for the projection.

    Returns:
        A GradientFlow, which holds about 2·T·B·H² numbers.

    Raises:
        TypeError: if the layer is not a Recurrent.
        ValueError: if the layer runs backwards, or xs has no step.

    >>> from seqmem.cells import LSTMCell
    >>> layer = Recurrent(LSTMCell(3, 4, rng=0))
    >>> flow = gradient_flow(layer, np.random.default_rng(0).standard_normal((20, 2, 3)))
    >>> flow.h_jacobians.shape, bool(flow.h_norms[0].max() < flow.h_norms[-1].min())
    ((20, 2, 4, 4), True)
    """
    if not isinstance(layer, Recurrent):
        raise TypeError(f"gradient_flow: layer is of type {type(layer).__name__}, expected a Recurrent")
    if layer.reverse:
        raise ValueError("gradient_flow: layer runs backwards, expected one that runs forwards")
    cell, H = layer.cell, layer.cell.hidden_size
    xs, parts = cell.as_inputs(xs, state, ("T", "B"), "gradient_flow", "xs")
    T, B = xs.shape[:2]
    if T == 0:
        raise ValueError("gradient_flow: xs has no step, expected at least one")
    projection = _unit_rows(as_generator(rng).standard_normal((B, H))).astype(xs.dtype)

    _, cache = layer.forward(xs, cell.of_parts(parts))
    seen = layer.trace_gradients((None, cell.of_output(projection)), cache)

    repeated_state = cell.of_parts([np.repeat(part, H, axis=0) for part in parts])
    _, repeated = layer.forward(np.repeat(xs, H, axis=1), repeated_state)
    one_hot = np.tile(np.eye(H, dtype=xs.dtype), (B, 1))  # (B·H, H): row b·H + k is for unit k of sequence b
    of_h = layer.trace_gradients((None, cell.of_output(one_hot)), repeated)["h"].reshape(T, B, H, H)
    if "c" not in seen:
        return GradientFlow(projection, _norms(seen["h"]), None, of_h, None, None)
    of_c = layer.trace_gradients((None, cell.of_parts([None, one_hot])), repeated)["c"]
    f = layer.trace(cache)["f"]  # (T, B, H)
    cell_path = np.ones_like(f)
    for t in reversed(range(T - 1)):
        np.multiply(f[t + 1], cell_path[t + 1], out=cell_path[t])
    return GradientFlow(
        projection, _norms(seen["h"]), _norms(seen["c"]), of_h, of_c.reshape(T, B, H, H), cell_path
    )


def source_gradients(model: Seq2Seq, source: Array, inputs: Array, *, rng: Rng = 0) -> Array:
    """Return the norm of the decoder's gradient at every state of the encoder.

    Args:
        model: a model with a fixed context or with attention.
        source: (S, B) tokens.
        inputs: (T, B) the decoder's input tokens.
        rng: seed or generator for the projection: L is the sum of the logits (T, B, V) times random numbers,
            whose norm is 1 for each sequence.

    Returns:
        The Euclidean norm of dL/dh_s by every path, (S, B), where h_s is the state at position s of the
        encoder's highest layer, both directions together.

    Raises:
        ValueError, TypeError: for tokens outside a vocabulary or wrong shapes.
    """
    caller = "source_gradients"
    check_type(model, Seq2Seq, caller, "model")
    source = as_ids(source, model.encoder.vocab_size, ("S", "B"), caller, "source")
    inputs = as_ids(inputs, model.decoder.vocab_size, ("T", "B"), caller, "inputs")
    (logits, _), cache = model.forward(source, inputs)
    T, B, V = logits.shape
    flat = _unit_rows(as_generator(rng).standard_normal((B, T * V))).astype(logits.dtype)
    d_logits = np.ascontiguousarray(flat.reshape(B, T, V).swapaxes(0, 1))
    (_, d_state, d_keys), _ = model.decoder.backward((d_logits, None), cache.decoder)
    (d_final,), _ = model.bridge.backward(d_state, cache.bridge)
    trace = model.encoder.layer.trace_gradients((d_keys, d_final), cache.encoder.layer)
    top = f"{model.encoder.num_layers - 1}." if model.encoder.num_layers > 1 else ""
    of_states = [d for name, d in trace.items() if name.startswith(top) and name.split(".")[-1] == "h"]
    return _norms(np.concatenate(of_states, axis=-1))


def gradient_flow_of_cases(
    *, steps: int = 60, hidden_size: int = 24, batch_size: int = 4, rng: Rng = 0
) -> FlowCases:
    """Return the gradient flow of the lecture's cases: untrained layers on random inputs.

    The cases are a plain RNN whose recurrent matrix is 0.5 times orthogonal (vanishing gradient); one where
    it is 1.2 times orthogonal, on inputs so faint that tanh' is 1 (exploding, by 1.2 per step) and on inputs
    of normal size, where saturation of tanh cancels the growth; LSTMs with a forget bias of 0, 1 and 2; GRUs
    with an update bias of 0 and -2; and the states of an LSTM encoder with forget bias 0 under a decoder of 3
    steps, with a fixed context and with additive attention.

    Args:
        steps: T, and S of the encoder.
        hidden_size: H of every layer.
        batch_size: B.
        rng: seed or generator for weights and inputs.

    Returns:
        FlowCases with one curve per case; print it to see a table.

    Raises:
        ValueError: for a size below 1.

    >>> cases = gradient_flow_of_cases(steps=30, hidden_size=8, batch_size=2)
    >>> {curve.name: f"{curve.h[29]:.0e}" for curve in cases.curves[:2]}
    {'RNN, weights x 0.5': '6e-12', 'RNN, weights x 1.2, faint inputs': '2e+02'}
    """
    T = as_size(steps, "gradient_flow_of_cases", "steps")
    H = as_size(hidden_size, "gradient_flow_of_cases", "hidden_size")
    B = as_size(batch_size, "gradient_flow_of_cases", "batch_size")
    rng = as_generator(rng)
    xs = 0.5 * rng.standard_normal((T, B, H))
    small, large = RNNCell(H, H, rng=rng), RNNCell(H, H, rng=rng)
    small.W_h *= 0.5
    large.W_h *= 1.2
    lstms = [LSTMCell(H, H, forget_bias=bias, rng=rng) for bias in (0, 1, 2)]
    gru = GRUCell(H, H, update_bias=0, rng=rng)
    keeping = copy.deepcopy(gru)
    keeping.gate("z").b[...] = -2
    layers: list[tuple[str, Cell[Any], Array]] = [
        ("RNN, weights x 0.5", small, xs),
        ("RNN, weights x 1.2, faint inputs", large, xs * 1.2**-T * 1e-3),
        ("RNN, weights x 1.2", large, xs),
        *((f"LSTM, forget bias {bias}", cell, xs) for bias, cell in enumerate(lstms)),
        ("GRU, update bias 0", gru, xs),
        ("GRU, update bias -2", keeping, xs),
    ]
    curves = [_curve(name, gradient_flow(Recurrent(cell), xs, rng=rng)) for name, cell, xs in layers]
    V = 12
    source, inputs = rng.integers(V, size=(T, B)), rng.integers(V, size=(3, B))
    for name, context in (
        ("encoder, fixed context", None),
        ("encoder, attention", AdditiveAttention(H, H, H, rng=rng)),
    ):
        cell = LSTMCell(H, H, forget_bias=0, rng=rng)
        faint = 0.1  # so that the biases alone determine the initial gates, whatever the tokens
        encoder = Encoder(V, H, H, cell=cell, embedding_std=faint, rng=rng)
        model = Seq2Seq(encoder, Decoder(V, H, H, context=context, embedding_std=faint, rng=rng))
        curves.append(FlowCurve(name, _by_distance(source_gradients(model, source, inputs, rng=rng))))
    return FlowCases(curves)


def gradient_flow_text(cases: FlowCases) -> str:
    """Return the cases as a table: ‖dL/dh‖ by distance, then both parts of the LSTMs' Jacobian.

    Args:
        cases: the cases of `gradient_flow_of_cases`.
    """
    check_type(cases, FlowCases, "gradient_flow_text", "cases")
    T = len(cases.curves[0].h)
    distances = sorted({d for d in (0, 1, 2, 5, 10, 20, 30, 50, 100, 200) if d < T - 1} | {T - 1})
    head = "".join(f"{d:>9}" for d in distances)
    width = 2 + max(len(curve.name) for curve in cases.curves)

    def row(name: str, values: Array) -> str:
        return name.ljust(width) + "".join(f"{values[d]:9.1e}" for d in distances)

    lines = ["norm of dL/dh so many steps before the last", " " * width + head]
    lines += [row(curve.name, curve.h) for curve in cases.curves]
    lines += ["", "dc_T/dc_t of the LSTMs: the cell path (product of forget gates), and the rest through h"]
    for curve in cases.curves:
        if curve.cell_path is not None and curve.rest is not None:
            lines += [curve.name, row("  cell path", curve.cell_path), row("  rest", curve.rest)]
    return "\n".join(lines)


def _curve(name: str, flow: GradientFlow) -> FlowCurve:
    found = (flow.c_norms, flow.h_spectral, flow.cell_path_spectral, flow.rest_spectral)
    c, jacobian, cell_path, rest = (None if part is None else _by_distance(part) for part in found)
    return FlowCurve(name, _by_distance(flow.h_norms), c, jacobian, cell_path, rest)


def _by_distance(norms: Array) -> Array:
    """Return geometric means over B of (T, B), last step first; 0 if any of the values is 0."""
    with np.errstate(divide="ignore"):
        return np.exp(np.log(norms).mean(axis=1))[::-1]


def _unit_rows(rows: Array) -> Array:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _norms(gradients: Array) -> Array:
    """Return Euclidean norms over the last axis, for numbers whose squares may underflow or overflow."""
    top = np.abs(gradients).max(axis=-1, initial=0.0)
    scaled = gradients / np.where(top > 0, top, 1)[..., None]
    with np.errstate(under="ignore"):
        return top * np.sqrt((scaled**2).sum(axis=-1))


def _spectral(jacobians: Array) -> Array:
    """Return the largest singular value of each matrix."""
    return np.linalg.norm(jacobians, ord=2, axis=(-2, -1))

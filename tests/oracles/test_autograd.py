"""Gradients of every cell and of attention by HIPS autograd, which differentiates the equations by itself.

Its derivatives have nothing in common with torch's; the equations are written here once more, in its NumPy.
"""

from typing import Any

import numpy as np
import pytest
from comparing import assert_close
from strategies import exposed, random_state

from seqmem import AdditiveAttention, GRUCell, LSTMCell, LSTMState, PeepholeLSTMCell, RNNCell


@pytest.fixture(scope="module")
def autograd(require: Any) -> Any:
    found = require("autograd")
    require("autograd.numpy")
    return found


def sigmoid(anp: Any, a: Any) -> Any:
    return 1 / (1 + anp.exp(-a))


def rnn(anp: Any, p: Any, x: Any, h: Any) -> list[Any]:
    return [anp.tanh(x @ p["W_x"] + h @ p["W_h"] + p["b"])]


def relu(anp: Any, p: Any, x: Any, h: Any) -> list[Any]:
    return [anp.maximum(x @ p["W_x"] + h @ p["W_h"] + p["b"], 0)]


def lstm(anp: Any, p: Any, x: Any, h: Any, c: Any) -> list[Any]:
    a = [x @ p["W_x"][k] + h @ p["W_h"][k] + p["b"][k] for k in range(4)]
    if "p_i" in p:
        a[0], a[1] = a[0] + p["p_i"] * c, a[1] + p["p_f"] * c
    new = sigmoid(anp, a[1]) * c + sigmoid(anp, a[0]) * anp.tanh(a[3])
    o = sigmoid(anp, a[2] + p["p_o"] * new if "p_i" in p else a[2])
    return [o * anp.tanh(new), new]


def gru_before(anp: Any, p: Any, x: Any, h: Any) -> list[Any]:
    r, z = (sigmoid(anp, x @ p["W_x"][k] + h @ p["W_h"][k] + p["b"][k]) for k in range(2))
    n = anp.tanh(x @ p["W_x"][2] + (r * h) @ p["W_h"][2] + p["b"][2])
    return [(1 - z) * h + z * n]


def gru_after(anp: Any, p: Any, x: Any, h: Any) -> list[Any]:
    r, z = (sigmoid(anp, x @ p["W_x"][k] + h @ p["W_h"][k] + p["b"][k]) for k in range(2))
    n = anp.tanh(x @ p["W_x"][2] + p["b"][2] + r * (h @ p["W_h"][2] + p["b_hn"]))
    return [(1 - z) * h + z * n]


CELLS: dict[str, Any] = {
    "rnn": (lambda D, H: RNNCell(D, H), rnn),
    "relu": (lambda D, H: RNNCell(D, H, activation="relu"), relu),
    "lstm": (lambda D, H: LSTMCell(D, H), lstm),
    "peepholes": (lambda D, H: PeepholeLSTMCell(D, H), lstm),
    "gru, before": (lambda D, H: GRUCell(D, H, reset="before"), gru_before),
    "gru, after": (lambda D, H: GRUCell(D, H, reset="after"), gru_after),
}


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_has_autograds_value_and_gradients(autograd: Any, kind: str, seed: int) -> None:
    import autograd.numpy as anp

    rng = np.random.default_rng(seed)
    B, D, H = (int(size) for size in rng.choice(np.arange(1, 7), 3, replace=False))
    make, equations = CELLS[kind]
    cell = exposed(make(D, H), rng)
    x, state = rng.standard_normal((B, D)), random_state(cell, B, rng)
    parts = list(state) if isinstance(state, tuple) else [state]
    upstream = [rng.standard_normal((B, H)) for _ in parts]

    def loss(values: Any) -> Any:
        found = equations(anp, values["params"], values["x"], *values["parts"])
        return sum(anp.sum(one * d) for one, d in zip(found, upstream, strict=True))

    right = autograd.grad(loss)({"params": dict(cell.params), "x": x, "parts": parts})
    new, cache = cell.forward(x, state)
    found = list(new) if isinstance(new, tuple) else [new]
    for one, other in zip(found, equations(np, cell.params, x, *parts), strict=True):
        assert_close(one, other)
    d_new = LSTMState(*upstream) if len(parts) == 2 else upstream[0]
    (d_x, d_state), grads = cell.backward(d_new, cache)
    assert_close(d_x, right["x"])
    for one, other in zip(list(d_state) if len(parts) == 2 else [d_state], right["parts"], strict=True):
        assert_close(one, other)
    assert set(grads) == set(right["params"])
    for name, grad in grads.items():
        assert_close(grad, right["params"][name])


@pytest.mark.parametrize("seed", range(30))
def test_attention_has_autograds_value_and_gradients(autograd: Any, seed: int) -> None:
    import autograd.numpy as anp

    rng = np.random.default_rng(seed)
    S, B, Q, K, A = (int(size) for size in rng.choice(np.arange(1, 8), 5, replace=False))
    attention = exposed(AdditiveAttention(Q, K, A), rng)
    query, keys = rng.standard_normal((B, Q)), rng.standard_normal((S, B, K))
    lengths = rng.integers(1, S + 1, B)
    d_context, d_weights = rng.standard_normal((B, K)), rng.standard_normal((B, S))
    hidden = np.where(np.arange(S)[:, None] < lengths, 0.0, -np.inf)

    def run(xnp: Any, p: Any, query: Any, keys: Any) -> Any:
        scores = xnp.tanh(query @ p["W_q"] + keys @ p["W_k"] + p["b"]) @ p["v"] + hidden  # (S, B)
        e = xnp.exp(scores - xnp.max(scores, axis=0))
        weights = e / xnp.sum(e, axis=0)
        return xnp.sum(weights[:, :, None] * keys, axis=0), weights.T

    def loss(values: Any) -> Any:
        context, weights = run(anp, values["params"], values["query"], values["keys"])
        return anp.sum(context * d_context) + anp.sum(weights * d_weights)

    right = autograd.grad(loss)({"params": dict(attention.params), "query": query, "keys": keys})
    outputs, cache = attention.forward(query, keys, lengths=lengths)
    for one, other in zip(outputs, run(np, attention.params, query, keys), strict=True):
        assert_close(one, other)
    (d_query, d_keys), grads = attention.backward((d_context, d_weights), cache)
    valid = (np.arange(S)[:, None] < lengths)[:, :, None]
    assert_close(d_query, right["query"])
    assert_close(d_keys, np.where(valid, right["keys"], 0))
    for name, grad in grads.items():
        assert_close(grad, right["params"][name])

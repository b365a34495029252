"""seqmem itself."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import seqmem
from benchmarks.contests import BEAM, CALLS
from benchmarks.problems import (
    END,
    LEARNING_RATE,
    MAX_NORM,
    START,
    ClassifierProblem,
    LayerProblem,
    StackProblem,
    TranslationProblem,
)
from benchmarks.subjects import Subject
from seqmem.cells import Cell


def layer(problem: LayerProblem) -> Subject:
    """`Recurrent`: forward keeps its cache; backward gives every gradient."""
    recurrent = seqmem.Recurrent(cell_of(problem))
    state = seqmem.LSTMState if problem.kind == "lstm" else lambda h: h
    xs, upstream = problem.xs, (problem.d_hs, state(*problem.d_final))

    def forward() -> Any:
        return recurrent.forward(xs)

    def both() -> Any:
        outputs, cache = recurrent.forward(xs)
        return outputs, recurrent.backward(upstream, cache)

    def results() -> dict[str, np.ndarray]:
        (hs, final), ((d_xs, _), grads) = both()
        named = parts_of("final", final)
        for name, grad in grads.items():
            short = name.removeprefix("cell.")
            named[f"d_{short}"] = grad.reshape(getattr(problem, short).shape)  # an RNN has no gate axis
        return {"hs": hs, "d_xs": d_xs, **named}

    return Subject({"forward": forward, "forward + backward": both}, results)


def inference(problem: LayerProblem) -> Subject:
    """`Recurrent.forward`, the only forward pass there is: it keeps its cache."""
    run = layer(problem).runs["forward"]

    def results() -> dict[str, np.ndarray]:
        (hs, final), _ = run()
        return {"hs": hs, **parts_of("final", final)}

    return Subject({"forward": run}, results)


def step(problem: LayerProblem) -> Subject:
    """`LSTMCell` step by step, as a loop of one's own calls it."""
    cell, x = cell_of(problem), problem.xs[0]
    state, upstream = seqmem.LSTMState(*problem.initial), seqmem.LSTMState(*problem.d_final)

    def forward() -> None:
        for _ in range(CALLS):
            cell.forward(x, state)

    def one() -> Any:
        after, cache = cell.forward(x, state)
        return after, cell.backward(upstream, cache)

    def both() -> None:
        for _ in range(CALLS):
            one()

    def results() -> dict[str, np.ndarray]:
        after, ((d_x, d_state), grads) = one()
        states = parts_of("state", after) | parts_of("d_state", d_state)
        return {"d_x": d_x, **states, **{f"d_{name}": grad for name, grad in grads.items()}}

    return Subject({"forward": forward, "forward + backward": both}, results)


def parts_of(name: str, state: Any) -> dict[str, np.ndarray]:
    """A state's arrays, by name."""
    parts = state if isinstance(state, tuple) else [state]
    return {f"{name}[{k}]": part for k, part in enumerate(parts)}


def cell_of(problem: LayerProblem) -> Cell:
    """A cell with the problem's parameters."""
    _, _, D, H = problem.shape
    dtype = problem.xs.dtype
    if problem.kind == "gru":
        cell: Cell = seqmem.GRUCell(D, H, reset="after", dtype=dtype)
    else:
        cell = {"lstm": seqmem.LSTMCell, "rnn": seqmem.RNNCell}[problem.kind](D, H, dtype=dtype)
    for name, param in cell.params.items():
        param[...] = getattr(problem, name).reshape(param.shape)
    return cell


def model_of(problem: TranslationProblem) -> seqmem.Seq2Seq:
    """The encoder-decoder with the problem's parameters."""
    _, _, _, E, H, A, V = problem.sizes
    dtype = problem.params["decoder.output.b"].dtype
    encoder = seqmem.Encoder(V, E, H, dtype=dtype)
    context = seqmem.AdditiveAttention(H, H, A, dtype=dtype)
    options = {} if problem.readout == "state" else {"readout": problem.readout}  # older versions have none
    decoder = seqmem.Decoder(V, E, H, context=context, dtype=dtype, **options)
    model = seqmem.Seq2Seq(encoder, decoder, start=START, end=END)
    for name, param in model.params.items():
        param[...] = problem.params[name]
    return model


def training(problem: TranslationProblem) -> Subject:
    """A step as `fit` takes it: loss and gradients, clipping, Adam."""
    model = model_of(problem)
    optimizer = seqmem.Adam(LEARNING_RATE)
    batch = seqmem.Batch(
        problem.source, problem.source_lengths, problem.inputs, problem.targets, problem.mask
    )

    def step() -> Any:
        loss, grads = model.loss_and_grads(batch)
        clipped, _ = seqmem.clip_by_global_norm(grads, MAX_NORM)
        optimizer.step(model.params, clipped)
        return loss, grads

    def results() -> dict[str, np.ndarray]:
        loss, grads = step()  # before anything was timed, so these are the problem's own parameters
        moved = {
            f"move of {name}": (param - problem.params[name]) / LEARNING_RATE
            for name, param in model.params.items()
        }
        return {"loss": np.array(loss), **{f"d_{name}": grad for name, grad in grads.items()}, **moved}

    return Subject({"training step": step}, results)


def stack(problem: StackProblem) -> Subject:
    """`LSTM` with two layers and both directions."""
    _, _, D, H = problem.shape
    lstm = seqmem.LSTM(D, H, num_layers=2, bidirectional=True, dtype=problem.xs.dtype)
    for name, param in lstm.params.items():
        param[...] = problem.params[name]
    xs, upstream = problem.xs, (problem.d_hs, None)

    def forward() -> Any:
        return lstm.forward(xs)

    def both() -> Any:
        outputs, cache = lstm.forward(xs)
        return outputs, lstm.backward(upstream, cache)

    def results() -> dict[str, np.ndarray]:
        (hs, _), ((d_xs, _), grads) = both()
        return {"hs": hs, "d_xs": d_xs, **{f"d_{name}": grad for name, grad in grads.items()}}

    return Subject({"forward": forward, "forward + backward": both}, results)


def classifier(problem: ClassifierProblem) -> Subject:
    """A step as `fit` takes it: loss and gradients, clipping, Adam."""
    B, T, E, H, V, C = problem.sizes
    dtype = problem.params["output.b"].dtype
    model = seqmem.SequenceClassifier(seqmem.Encoder(V, E, H, dtype=dtype), C)
    for name, param in model.params.items():
        param[...] = problem.params[name]
    optimizer = seqmem.Adam(LEARNING_RATE)
    batch = seqmem.SequenceBatch(problem.tokens, np.full(B, T), problem.targets, np.ones(B, bool))

    def step() -> Any:
        loss, grads = model.loss_and_grads(batch)
        clipped, _ = seqmem.clip_by_global_norm(grads, MAX_NORM)
        optimizer.step(model.params, clipped)
        return loss, grads

    def results() -> dict[str, np.ndarray]:
        loss, grads = step()
        return {"loss": np.array(loss), **{f"d_{name}": grad for name, grad in grads.items()}}

    return Subject({"training step": step}, results)


def decoding(problem: TranslationProblem) -> Subject:
    """Greedy search with its scores and attention weights, T tokens for each row."""
    model = model_of(problem)
    T = problem.sizes[2]

    def generate() -> Any:
        return model.generate(problem.source, max_length=T)

    return Subject({"greedy decoding": generate}, lambda: results_of(generate()))


def beam(problem: TranslationProblem) -> Subject:
    """The best of a beam with its score and attention weights, T tokens for each row."""
    model = model_of(problem)
    T = problem.sizes[2]

    def generate() -> Any:
        return model.generate(problem.source, beam_size=BEAM, max_length=T)

    return Subject({f"beam search, beam {BEAM}": generate}, lambda: results_of(generate()))


def results_of(found: list[seqmem.Hypothesis]) -> dict[str, np.ndarray]:
    """Tokens (T, B), score (B,) and weights (T, B, S) of hypotheses of one length."""
    return {
        "tokens": np.array([one.tokens for one in found]).T,
        "score": np.array([one.score for one in found]),
        "weights": np.stack([one.weights for one in found], axis=1),
    }


def kept(problem: LayerProblem) -> dict[str, float]:
    """Floats per (t, b, h) that the cache keeps for the backward pass, beyond inputs and outputs."""
    T, B, _, H = problem.shape
    cell = cell_of(problem)
    recurrent = seqmem.Recurrent(cell)
    outputs, cache = recurrent.forward(problem.xs)
    beyond = bytes_beyond(cache, [outputs, problem.xs, *cell.params.values()])
    return {"kept": beyond / problem.xs.itemsize / (T * B * H)}


def bytes_beyond(cache: Any, known: Any) -> int:
    """Bytes of the buffers that a cache holds, without what belongs to the arrays in `known`.

    A view counts as the whole buffer that it keeps alive, and every buffer counts once.
    """
    buffers = {id(owner): owner.nbytes for owner in map(owner_of, arrays_in(cache))}
    seen = set()
    for array in arrays_in(known):
        owner = id(owner_of(array))
        if owner in buffers and id(array) not in seen:
            buffers[owner] = max(0, buffers[owner] - array.nbytes)
            seen.add(id(array))
    return sum(buffers.values())


def arrays_in(tree: Any) -> list[np.ndarray]:
    """The arrays that an object refers to through containers and attributes."""
    found, waiting, seen = [], [tree], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, (str, bytes, int, float, type, slice)):
            continue
        seen.add(id(value))
        if isinstance(value, np.ndarray):
            found.append(value)
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (tuple, list, set, frozenset)):
            waiting += value
        elif not callable(value):
            waiting += getattr(value, "__dict__", {}).values()
    return found


def owner_of(array: np.ndarray) -> np.ndarray:
    """The array whose buffer this is a view of, or itself."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def gradcheck(problem: LayerProblem) -> dict[str, float]:
    """Seconds of a full elementwise gradient check of the layer, which must pass."""
    recurrent = seqmem.Recurrent(cell_of(problem))
    n_params = sum(param.size for param in recurrent.params.values())
    start = time.perf_counter()
    report = seqmem.gradcheck(recurrent, problem.xs, max_elements=10**9)
    seconds = time.perf_counter() - start
    if not report.passed:
        raise AssertionError(f"the gradient check of {n_params} parameters failed:\n{report}")
    return {"gradient check": seconds}

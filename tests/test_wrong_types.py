"""No wrong argument of a public callable leads to a bare message of Python's."""

import functools
import importlib
import importlib.util
import inspect
import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import pytest

import seqmem
from seqmem import (
    checking,
    data,
    experiments,
    insight,
    interop,
    models,
    pages,
    registry,
    search,
    tasks,
    training,
)
from seqmem.experiments.comparison_table import Shape
from seqmem.registry import ROOMS

PACKAGE = Path(seqmem.__path__[0])


class Odd:
    """Of no type that anything expects."""


BASES = {
    "Callback",
    "Cell",
    "Context",
    "Monitor",
    "Optimizer",
    "Task",
}  # a class that derives from one is what is made

WRONG: dict[str, Any] = {
    "None": None,
    "a number": 1.5,
    "a negative number": -2,
    "a truth value": True,
    "a text": "zz",
    "bytes": b"zz",
    "an object": Odd(),
    "a class": Odd,
    "a function": lambda *_, **__: None,
    "a list": ["zz", 1.5],
    "a list of objects": [Odd()],
    "an empty tuple": (),
    "a dict": {"zz": Odd()},
    "an array of texts": np.array([["zz"]]),
    "an array of objects": np.array([Odd()]),
    "a complex number": 1j,
}

# Tested where the packages are: tests/interop/test_files.py, tests/oracles/test_onnx_graphs.py.
NEED_PACKAGES = {"export_onnx", "import_onnx", "load_safetensors", "save_safetensors"}

# What the library makes and a caller reads.
RECORDS = {
    *("ScoredPair", "TranslationReport"),
    *("BidirectionalState", "Entity", "FitState", "Metric", "Picture", "SequenceBatch", "WordVectors"),
    *(
        "LSTMState",
        "GateWeights",
        "Cause",
        "Checked",
        "Report",
        "Row",
        "SideEffect",
        "Batch",
        "Comparison",
        "Experiment",
    ),
    *("FlowCases", "GradientFlow", "Page", "Hypothesis", "Translation", "History"),
}
# A cell's and a context's insides: called step by step by the library, which has checked what it hands over.
INSIDES = {
    # a task's hooks, which the base class and the command line call
    *("answer_lines", "metadata", "of_metadata", "read", "split", "describe"),
    *("file_metadata", "state_dict", "load_state_dict"),
    *("Task.batches", "Task.build", "Task.evaluate", "Task.predict"),  # what a subclass overrides
    *("Labels.build", "Labels.encode", "Labels.decode"),
    *("as_inputs", "as_state_parts", "as_upstream_parts", "back_tape", "collect", "features"),
    *(
        "features_backward",
        "given",
        "gradients",
        "local_derivatives",
        "of_output",
        "of_parts",
        "project",
        "run",
    ),
    *("step_backward", "steps_back", "tape", "total_gradient", "true_pre_activations", "way_back", "way_in"),
    *(
        "zero_gradient",
        "summed",
        "backward_by_name",
        "start",
        "as_dict",
        "LSTMCell.step",
        "RNNCell.step",
        "scale",
    ),
    *("PeepholeLSTMCell.step", "LayerNormLSTMCell.step"),
    *("on_begin", "on_step", "on_epoch", "on_end", "improved", "Picture.save"),
    *("GRUCell.step", "Cell.step", "Context.step", "AdditiveAttention.step", "FixedContext.step"),
    *("InnerProductContext.step", "DotProductAttention.step", "NoContext.step"),
    *("ask", "ask_backward", "ask_gradients"),
}


LONG = {  # where None stands for what takes minutes
    *(("phrase_model", "epochs"), ("memory_horizon", "settings"), ("bottleneck", "settings")),
    ("comparison", "shape"),
}


OWN = {("gradcheck_functions", "inputs", "a list of objects")} | {  # handed on to the caller's own function
    (name, argument, what)  # or model
    for name, argument in (("fit", "batches"), ("fit", "validation"), ("validation_loss", "batches"))
    for what in ("a list", "a list of objects", "an array of texts", "an array of objects")
}
CALLED = {"step", "schedule", "validate", "callback", "on_too_long", "forward", "backward", "batches"}
# as arguments: what is a function runs as it is, and what it raises is its own


class Call(NamedTuple):
    """A public callable, and arguments with which it runs."""

    name: str
    function: Callable[..., Any]
    arguments: dict[str, Any]


def protocol(module: Any, *inputs: Any, **options: Any) -> Iterator[Call]:
    """What every module has, called rightly."""
    name = type(module).__name__
    given = dict(zip(inspect.signature(module.forward).parameters, inputs, strict=False)) | options
    yield Call(f"{name}.forward", module.forward, given)
    outputs, cache = module.forward(**given)
    upstream = next(iter(inspect.signature(module.backward).parameters))
    yield Call(f"{name}.backward", module.backward, {upstream: outputs, "cache": cache})
    yield Call(f"{name}.astype", module.astype, {"dtype": "float32"})
    yield Call(f"{name}.summary", module.summary, {})
    shapes = {one: param.shape for one, param in module.params.items()}
    for first, other in itertools.combinations(shapes, 2):
        if shapes[first] == shapes[other]:
            yield Call(f"{name}.tie", module.tie, {"name": other, "first": first, "transposed": False})


def by_position(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, its arguments by name."""

    @functools.wraps(function)
    def called(**arguments: Any) -> Any:
        return function(*arguments.values())

    return called


def of_layers(xs: Any, lengths: Any) -> Iterator[Call]:
    """Layers made of layers, and their weights in other libraries."""
    D, H, B = xs.shape[2], 5, xs.shape[1]
    sizes = {"input_size": D, "hidden_size": H, "num_layers": 2, "bidirectional": False, "dropout": 0.1}
    sizes |= {"input_init": "glorot", "recurrent_init": "normal", "rng": 0, "dtype": "float64"}
    yield Call("RNN", seqmem.RNN, sizes | {"activation": "tanh"})
    yield Call("LSTM", seqmem.LSTM, sizes | {"forget_bias": 1.0, "chrono": None})
    yield Call("GRU", seqmem.GRU, sizes | {"reset": "before", "update_bias": 0.0, "chrono": None})
    ahead = seqmem.Recurrent(seqmem.GRUCell(D, H, reset="after", rng=0))
    back = seqmem.Recurrent(seqmem.GRUCell(D, H, reset="after", rng=1), reverse=True)
    both, stack = seqmem.Bidirectional(ahead, back), seqmem.Stack(ahead)
    yield Call("Bidirectional", seqmem.Bidirectional, {"forward_layer": ahead, "backward_layer": back})
    yield Call("Stack", by_position(seqmem.Stack), {"layers": ahead})
    for layer in (both, stack):
        name, state = type(layer).__name__, layer.zero_state(B)
        yield from protocol(layer, xs, state, lengths=lengths, rng=0, traced=False)
        (_, final), cache = layer.forward(xs, traced=True)
        yield Call(f"{name}.trace", layer.trace, {"cache": cache})
        upstream = {"d_outputs": (None, final), "cache": cache}
        yield Call(f"{name}.trace_gradients", layer.trace_gradients, upstream)
        yield Call(f"{name}.zero_state", layer.zero_state, {"batch_size": B})
    arrays = interop.to_torch(ahead)
    named = {"state_dict": arrays, "prefix": "", "kind": None, "activation": "tanh"}
    yield Call("from_torch", interop.from_torch, named)
    yield Call("to_torch", interop.to_torch, {"module": ahead, "prefix": ""})
    listed_arrays = {"weights": interop.to_keras(ahead), "kind": None, "reset_after": True}
    yield Call("from_keras", interop.from_keras, listed_arrays | {"activation": "tanh"})
    yield Call("to_keras", interop.to_keras, {"module": ahead})
    yield Call("from_onnx", interop.from_onnx, interop.to_onnx(ahead)._asdict())
    yield Call("to_onnx", interop.to_onnx, {"layer": ahead})
    cell = seqmem.LSTMCell(D, H, rng=0)
    yield Call("from_flax", interop.from_flax, {"params": interop.to_flax(cell)})
    yield Call("to_flax", interop.to_flax, {"cell": cell, "optimized": True})


def of_sequences() -> Iterator[Call]:
    """What prepares sequences with targets."""
    letters = data.Vocabulary("ab")
    series = np.arange(12.0).reshape(6, 2)
    yield Call("pad_features", data.pad_features, {"sequences": [series, series[:3]], "input_size": 2})
    labelled = {"sequences": [series, series[:3]], "targets": [0, 1], "per_step": False, "weights": [1, 2]}
    yield Call("make_sequence_batch", data.make_sequence_batch, labelled)
    yield Call("SequenceBatches", data.SequenceBatches, labelled | {"batch_size": 2, "max_steps": 20})
    batch = data.make_sequence_batch([[4, 5, 4], [5]], [[0, 1, 0], [1]], per_step=True)
    yield Call("take_sequences", data.take_sequences, {"batch": batch, "rows": [1]})
    yield Call("Minibatches", data.Minibatches, {"whole": batch, "batch_size": 1})
    windows = {"length": 2, "horizon": (1,), "stride": 1, "target_columns": [0], "every_step": False}
    yield Call("series_windows", data.series_windows, {"series": series} | windows)
    yield Call("stream_batch", data.stream_batch, {"tokens": [4, 5, 6], "batch_size": 1})
    # a generator, whose errors come with its first window
    yield Call("truncated_windows", listed(data.truncated_windows), {"batch": batch, "steps": 2})
    yield Call("TruncatedBatches", data.TruncatedBatches, {"batches": [batch], "steps": 2})
    scale = data.Standardizer.fit(series)
    yield Call("Standardizer", data.Standardizer, {"mean": [0.0], "std": [1.0]})
    yield Call("Standardizer.fit", data.Standardizer.fit, {"series": series, "allow_constant": False})
    yield Call("Standardizer.transform", scale.transform, {"xs": series})
    yield Call("Standardizer.inverse", scale.inverse, {"ys": series, "columns": [0, 1]})
    yield Call("Standardizer.to_dict", scale.to_dict, {})
    yield Call("Standardizer.from_dict", data.Standardizer.from_dict, {"values": scale.to_dict()})
    Path("vectors.txt").write_text("a 1 2\n", "utf-8")
    yield Call("read_vectors", data.read_vectors, {"path": "vectors.txt", "vocabulary": letters})
    pretrained = {"table": np.ones((2, 3)), "found": [True, True], "rng": 0, "dtype": "float64"}
    yield Call("Embedding.from_vectors", seqmem.Embedding.from_vectors, pretrained)
    Path("words.conll").write_text("a O\nb O\n", "utf-8")
    tagged = {"path": "words.conll", "columns": (0, 1), "max_words": 2, "on_too_long": None}
    yield Call("read_conll", data.read_conll, tagged)


def of_training() -> Iterator[Call]:
    """What a training is made of."""
    history = training.History([1.0])
    yield Call("History.values", history.values, {"name": "loss"})
    yield Call("History.table", history.table, {})
    yield Call("History.to_csv", history.to_csv, {"path": "history.csv"})
    watched = {"monitor": "loss", "direction": "min", "min_delta": 0.0}
    yield Call("EarlyStopping", training.EarlyStopping, {"patience": 2, **watched})
    yield Call("KeepBest", training.KeepBest, watched)
    yield Call("AverageEpochs", training.AverageEpochs, {"last": 2})
    reducing = {"factor": 0.5, "patience": 2, "min_factor": 0.1, **watched}
    yield Call("ReduceOnPlateau", training.ReduceOnPlateau, reducing)
    yield Call("linear_decay", training.linear_decay, {"fraction": 0.5})
    yield Call("exponential_decay", training.exponential_decay, {"final": 0.1})
    yield Call("warm_up", training.warm_up, {"part": 0.1, "then": None})


def of_scores() -> Iterator[Call]:
    """What says how good answers are."""
    labels, mask = np.array([[0, 1], [1, 1]]), np.ones((2, 2), bool)
    both = {"predictions": labels, "targets": labels, "mask": mask}
    yield Call("accuracy", training.accuracy, both)
    yield Call("sequence_accuracy", training.sequence_accuracy, both)
    yield Call("f1_score", training.f1_score, both | {"average": "macro", "labels": [0, 1]})
    yield Call("mean_absolute_error", training.mean_absolute_error, both)
    yield Call("root_mean_squared_error", training.root_mean_squared_error, both)
    yield Call("entities", training.entities, {"tags": ["B-PER", "O"]})
    tagged = {"predictions": [["B-PER"]], "targets": [["O"]], "average": "micro"}
    yield Call("entity_f1_score", training.entity_f1_score, tagged)
    texts = {"predictions": ["ab c"], "targets": ["ab d"]}
    yield Call("character_error_rate", training.character_error_rate, texts)
    yield Call("word_error_rate", training.word_error_rate, texts)
    yield Call("bleu", training.bleu, texts)
    yield Call("chrf", training.chrf, texts)
    yield Call(
        "phoneme_error_rate", training.phoneme_error_rate, {"predictions": [["K"]], "targets": [["T"]]}
    )


def listed(function: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
    """The same, all that it yields in a list."""

    @functools.wraps(function)
    def called(**arguments: Any) -> Any:
        return list(function(**arguments))

    return called


def of_sequence_models(rng: np.random.Generator) -> Iterator[Call]:
    """One right call of everything public about the models of one sequence."""
    T, B, D, H, V, E, K = 3, 2, 4, 5, 9, 3, 2
    tokens, labels, xs = rng.integers(4, V, (T, B)), rng.integers(3, size=B), rng.normal(size=(T, B, D))
    lengths, every, each = np.array([3, 2]), np.ones((T, B), bool), np.ones(B, bool)
    encoder, layer = seqmem.Encoder(V, E, H, rng=0), seqmem.LSTM(D, H, rng=0)
    language = seqmem.LanguageModel(seqmem.Encoder(V, H, H, rng=0), rng=0)
    classifier = seqmem.SequenceClassifier(encoder, 3, pooling="attention", rng=0)
    tagger = seqmem.SequenceTagger(encoder, 3, rng=0)
    regressor = seqmem.SequenceRegressor(layer, K, horizon=2, rng=0)
    made = {"encoder": encoder, "rng": 0}
    yield Call("LanguageModel", seqmem.LanguageModel, made | {"tied": False})
    choice = {"n_classes": 3, "pooling": "attention", "attention_size": 4, "dropout": 0.1}
    yield Call("SequenceClassifier", seqmem.SequenceClassifier, made | choice)
    yield Call("SequenceTagger", seqmem.SequenceTagger, made | {"n_labels": 3, "dropout": 0.1})
    numbers = {"output_size": K, "horizon": 1, "every_step": True, "error": "huber", "dropout": 0.1}
    yield Call("SequenceRegressor", seqmem.SequenceRegressor, made | numbers)
    pooling = {"input_size": H, "attention_size": 4, "rng": 0, "dtype": "float64"}
    yield Call("AttentionPooling", models.AttentionPooling, pooling)
    yield Call("MeanPooling", models.MeanPooling, {})
    yield from protocol(models.AttentionPooling(D, 3, rng=0), xs, lengths=lengths)
    yield from protocol(models.MeanPooling(), xs, lengths=lengths)
    yield from protocol(language, tokens, language.encoder.cell.zero_state(B), lengths=lengths, rng=0)
    yield from protocol(classifier, tokens, lengths=lengths, rng=0)
    yield from protocol(tagger, tokens, lengths=lengths, rng=0)
    yield from protocol(regressor, xs, layer.zero_state(B), lengths=lengths, rng=0)
    batch = seqmem.SequenceBatch
    for model, one in (
        (language, batch(tokens, lengths, tokens, every)),
        (classifier, batch(tokens, lengths, labels, each)),
        (tagger, batch(tokens, lengths, tokens % 3, every)),
        (regressor, batch(xs, lengths, rng.normal(size=(2, B, K)), np.ones((2, B), bool))),
    ):
        name = type(model).__name__
        yield Call(f"{name}.loss_and_grads", model.loss_and_grads, {"batch": one, "rng": 0})
        yield Call(f"{name}.loss", model.loss, {"batch": one})
        if hasattr(model, "loss_and_state"):
            yield Call(f"{name}.loss_and_state", model.loss_and_state, {"batch": one, "state": None})
        if hasattr(model, "loss_grads_and_state"):
            window = {"batch": one, "state": None, "rng": 0}
            yield Call(f"{name}.loss_grads_and_state", model.loss_grads_and_state, window)
    how = {"temperature": 1.0, "top_k": 3, "top_p": 0.5, "excluded": (0,), "end": 2, "rng": 0}
    yield Call("LanguageModel.sample", language.sample, {"prompt": tokens, "n_tokens": 2, **how})
    scores = rng.normal(size=(B, V))
    odds = {"logits": scores, "temperature": 1.0, "top_k": 3, "top_p": 0.5, "excluded": (0,)}
    yield Call("sampling_probabilities", search.sampling_probabilities, odds)
    yield Call("draw_tokens", search.draw_tokens, {"p": np.full((B, V), 1 / V), "rng": 0})
    drawn = {"step": lambda _: scores, "logits": scores, "n_tokens": 2, **how}
    yield Call("sample_tokens", search.sample_tokens, drawn)


def of_tasks() -> Iterator[Call]:
    """One right call of everything public about tasks."""
    texts = [("so good", "praise"), ("too bad", "blame"), ("good fun", "praise")]
    sentences = [(["Ada", "wrote"], ["NAME", "VERB"]), (["Bob"], ["NAME"])]
    series = np.sin(np.arange(30.0))
    small: dict[str, Any] = {"hidden_size": 4, "cell": "gru", "num_layers": 1, "dropout": 0.1, "rng": 0}
    small["dtype"] = "float64"
    words = {"embedding_size": 3, "min_count": 1, "max_vocabulary": 9} | small
    both = {"bidirectional": True}
    forecast = {"length": 6, "horizon": 2, "season": 2, "columns": [0], "error": "huber"} | small
    for cls, examples, options in (
        (seqmem.Classifier, texts, {"level": "word", "pooling": "mean"} | words | both),
        (seqmem.Tagger, sentences, words | both),
        (seqmem.TextGenerator, ["abab", "ba"], {"level": "char", "tied": False, "steps": 4} | words),
        (seqmem.Forecaster, series, forecast),
    ):
        name, build, task = cls.__name__, cls.build, cls.build(examples, **options)
        first = next(iter(inspect.signature(build).parameters))
        yield Call(f"{name}.build", build, {first: examples, **options})
        yield Call(f"{name}.batches", task.batches, {"examples": examples, "batch_size": 2})
        alone = cls in (seqmem.TextGenerator, seqmem.Forecaster)
        inputs = examples if alone else [one for one, _ in examples]
        how: dict[str, Any] = {"batch_size": 2} if cls in (seqmem.Classifier, seqmem.Tagger) else {}
        yield Call(f"{name}.evaluate", task.evaluate, {"examples": examples, **how})
        if cls is seqmem.TextGenerator:
            how = {"n_symbols": 3, "temperature": 1.0, "top_k": 2, "top_p": 0.9, "until_end": True, "rng": 0}
        yield Call(f"{name}.predict", task.predict, {"inputs": inputs, **how})
        if cls is seqmem.Classifier:
            yield Call("Classifier.probabilities", task.probabilities, {"inputs": inputs, **how})
            own = {"model": task.model, "labels": task.labels, "vocabulary": task.vocabulary, "level": "word"}
            yield Call("Classifier", seqmem.Classifier, own | {"scale": None})
            fitted = {"examples": examples, "validation": examples, "epochs": 1, "batch_size": 2}
            fitted |= {"learning_rate": 0.01, "max_norm": 1.0, "schedule": seqmem.cosine_decay, "patience": 2}
            fitted |= {"callback": lambda _: None, "rng": 0, "progress": False}
            fitted |= {"checkpoint": "fit.npz", "resume": False}
            yield Call("Classifier.fit", task.fit, fitted)
            yield Call("Classifier.save", task.save, {"path": "task.npz"})
            yield Call("Classifier.check_save", task.check_save, {"path": "task.npz"})
            task.save("task.npz")
            yield Call("Classifier.load", cls.load, {"path": "task.npz"})
            yield Call("load_task", seqmem.load_task, {"path": "task.npz"})
        elif cls is seqmem.Tagger:
            own = {"model": task.model, "labels": task.labels, "vocabulary": task.vocabulary}
            yield Call("Tagger", seqmem.Tagger, own)
        elif cls is seqmem.TextGenerator:
            own = {"model": task.model, "vocabulary": task.vocabulary, "level": "char", "steps": 4}
            yield Call("TextGenerator", seqmem.TextGenerator, own)
        else:
            own = {"model": task.model, "scale": task.scale, "length": 6, "season": 2, "columns": [0]}
            yield Call("Forecaster", seqmem.Forecaster, own)
    yield Call("Labels", tasks.Labels, {"values": ["a", "b"]})
    yield Call("seasonal_naive", tasks.seasonal_naive, {"past": series, "horizon": 2, "season": 3})


def calls() -> Iterator[Call]:
    """One right call of everything public."""
    rng = np.random.default_rng(0)
    T, B, D, H, K, A, V, E = 3, 2, 4, 5, 6, 7, 9, 3
    sizes = {"input_size": D, "hidden_size": H, "rng": 0, "dtype": "float64"}
    x, xs = rng.normal(size=(B, D)), rng.normal(size=(T, B, D))
    tokens, targets = rng.integers(4, V, (T, B)), rng.integers(4, V, (T, B))
    lengths = np.array([3, 2])

    for cls, more in (
        (seqmem.RNNCell, {"activation": "tanh"}),
        (seqmem.LSTMCell, {"forget_bias": 1.0, "chrono": None}),
        (seqmem.GRUCell, {"reset": "before", "update_bias": 0.0, "chrono": None}),
        (seqmem.PeepholeLSTMCell, {"forget_bias": 1.0, "chrono": None}),
        (seqmem.LayerNormLSTMCell, {}),
    ):
        cell: Any = cls(D, H, rng=0)
        name = cls.__name__
        yield Call(name, cls, sizes | more | {"input_init": "glorot", "recurrent_init": "normal"})
        yield from protocol(cell, x, cell.zero_state(B))
        yield Call(f"{name}.zero_state", cell.zero_state, {"batch_size": B})
        for gate in cell.gates[:1]:
            yield Call(f"{name}.gate", cell.gate, {"name": gate})
        yield Call(f"{name}.output", cell.output, {"state": cell.zero_state(B)})

    layer = seqmem.Recurrent(seqmem.LSTMCell(D, H, rng=0))
    (_, final), traced = layer.forward(xs, traced=True)
    yield Call("Recurrent", seqmem.Recurrent, {"cell": layer.cell, "reverse": False})
    yield from protocol(layer, xs, final, lengths=lengths, traced=False)
    yield Call("Recurrent.trace", layer.trace, {"cache": traced})
    yield Call(
        "Recurrent.trace_gradients", layer.trace_gradients, {"d_outputs": (None, final), "cache": traced}
    )
    yield Call("Recurrent.zero_state", layer.zero_state, {"batch_size": B})
    yield from of_layers(xs, lengths)
    windows = seqmem.TruncatedBPTT(layer, 2)
    yield Call("TruncatedBPTT", seqmem.TruncatedBPTT, {"layer": layer, "steps": 2})
    yield from protocol(windows, xs, final, lengths=lengths)
    yield Call("Linear", seqmem.Linear, {"input_size": D, "output_size": H, "rng": 0, "dtype": "float64"})
    yield from protocol(seqmem.Linear(D, H, rng=0), xs)
    table = {"vocab_size": V, "embedding_size": E, "std": 1.0, "rng": 0, "dtype": "float64"}
    yield Call("Embedding", seqmem.Embedding, table)
    yield from protocol(seqmem.Embedding(V, E, rng=0), tokens)
    yield Call("Dropout", seqmem.Dropout, {"rate": 0.5})
    yield from protocol(seqmem.Dropout(0.5), xs, rng=0)
    scores = rng.normal(size=(T, B, V))
    weighted = {
        "ignore_index": 4,
        "class_weights": np.ones(V),
        "sample_weights": np.ones((T, B)),
        "label_smoothing": 0.1,
    }
    counted = {"logits": scores, "targets": targets, "mask": targets > 4}
    yield Call("cross_entropy", seqmem.cross_entropy, counted | weighted)
    numbers = {"predictions": scores, "targets": scores, "mask": targets > 4, "sample_weights": np.ones(T)}
    yield Call("mse_loss", seqmem.mse_loss, numbers)
    yield Call("mae_loss", seqmem.mae_loss, numbers)
    yield Call("huber_loss", seqmem.huber_loss, numbers | {"delta": 1.0})

    query, keys = rng.normal(size=(B, H)), rng.normal(size=(T, B, K))
    attention = seqmem.AdditiveAttention(H, K, A, rng=0)
    widths = {"query_size": H, "key_size": K, "attention_size": A, "rng": 0, "dtype": "float64"}
    yield Call("AdditiveAttention", seqmem.AdditiveAttention, widths)
    yield Call("FixedContext", seqmem.FixedContext, {})
    yield Call("DotProductAttention", seqmem.DotProductAttention, {"size": 4, "scaled": True})
    of_bilinear = {"query_size": H, "key_size": K, "rng": 0, "dtype": "float64"}
    yield Call("BilinearAttention", seqmem.BilinearAttention, of_bilinear)
    yield Call("NoContext", seqmem.NoContext, {})
    bilinear = seqmem.BilinearAttention(H, K, rng=0)
    for context in (attention, seqmem.FixedContext(), bilinear, seqmem.NoContext()):
        yield from protocol(context, query, keys, lengths=lengths)

    common = {"vocab_size": V, "embedding_size": E, "hidden_size": H, "cell": "lstm", "embedding_std": 1.0}
    common |= {"dropout": 0.1, "rng": 0, "dtype": "float64"}
    encoder = seqmem.Encoder(V, E, K, rng=0)
    decoder = seqmem.Decoder(V, E, H, context=attention, rng=0)
    model = seqmem.Seq2Seq(encoder, decoder, rng=0)
    yield Call("Encoder", seqmem.Encoder, common)
    yield from protocol(encoder, tokens, lengths=lengths, rng=0)
    yield Call("Encoder.zero_state", encoder.zero_state, {"batch_size": B})
    yield Call("Decoder.zero_state", decoder.zero_state, {"batch_size": B})
    yield Call("Decoder", seqmem.Decoder, {**common, "context": attention, "key_size": K, "readout": "all"})
    state = decoder.cell.zero_state(B)
    yield from protocol(decoder, tokens, state, keys, lengths=lengths, rng=0, traced=False)
    memory = decoder.memory(keys)
    yield Call("Decoder.memory", decoder.memory, {"keys": keys, "lengths": lengths})
    yield Call("Decoder.step", decoder.step, {"tokens": tokens[0], "state": state, "memory": memory})
    outputs, traced_decoder = decoder.forward(tokens, state, keys, traced=True)
    yield Call("Decoder.trace", decoder.trace, {"cache": traced_decoder})
    yield Call(
        "Decoder.trace_gradients", decoder.trace_gradients, {"d_outputs": outputs, "cache": traced_decoder}
    )
    yield Call(
        "Seq2Seq", seqmem.Seq2Seq, {"encoder": encoder, "decoder": decoder, "start": 1, "end": 2, "rng": 0}
    )
    yield from protocol(model, tokens, targets, lengths=lengths, rng=0)
    beam = {"beam_size": 3, "n_best": 2, "min_length": 1, "length_penalty": 0.6, "no_repeat_ngram_size": 2}
    searched = {"source": tokens, "lengths": lengths, "max_length": 4, **beam}
    yield Call("Seq2Seq.generate", model.generate, searched)
    batch = seqmem.Batch(tokens, lengths, targets, targets, targets > 4)
    yield Call("Seq2Seq.loss_and_grads", model.loss_and_grads, {"batch": batch, "rng": 0})
    yield from of_sequence_models(rng)
    forms = {"source": seqmem.LSTMState(D, D), "target": H, "rng": 0, "dtype": "float64"}
    yield Call("Bridge", models.Bridge, forms)
    yield from protocol(models.Bridge(seqmem.LSTMState(D, D), seqmem.LSTMState(H, H)), (x, x))
    greedy = {"decoder": decoder, "state": state, "memory": memory, "start": 1, "end": 2, "max_length": 4}
    yield Call("greedy_search", search.greedy_search, greedy)
    yield Call("beam_search", search.beam_search, {**greedy, **beam})

    pairs = [("ab", "ba"), ("cab", "bac"), ("c", "c"), ("aa", "aa")]
    letters = seqmem.Vocabulary("abc")
    yield Call("Vocabulary", seqmem.Vocabulary, {"symbols": ["a", "b"]})
    yield Call(
        "Vocabulary.build", seqmem.Vocabulary.build, {"sequences": ["ab"], "max_size": 6, "min_count": 1}
    )
    yield Call("Vocabulary.encode", letters.encode, {"sequence": "ab"})
    subwords = data.Subwords([("a", "b ")])
    yield Call("Subwords", data.Subwords, {"merges": [("a", "b ")]})
    learned = {"sentences": [["ab", "ab"]], "n_merges": 3, "min_count": 2}
    yield Call("Subwords.learn", data.Subwords.learn, learned)
    yield Call("Subwords.split", subwords.split, {"words": ["ab"]})
    yield Call("Subwords.join", subwords.join, {"pieces": ["ab "]})
    yield Call("Vocabulary.decode", letters.decode, {"ids": [4, 5], "every": False})
    of_pairs = {"source_vocabulary": letters, "target_vocabulary": letters, "allow_unknown": False}
    yield Call("make_batch", seqmem.make_batch, {"pairs": pairs, **of_pairs})
    bounds = {"max_symbols": 99, "on_too_long": print}
    bucketed = {"pairs": pairs, "batch_size": 2, **of_pairs, **bounds}
    yield Call("BucketedBatches", data.BucketedBatches, bucketed)
    batches = data.BucketedBatches(pairs, letters, letters, 2)
    yield Call("BucketedBatches.__call__", batches, {"rng": 0})
    yield Call("pad", data.pad, {"sequences": [[1, 2], [3]]})
    yield Call("default_max_symbols", data.default_max_symbols, {"batch_size": 2})
    yield Call("join_symbols", data.join_symbols, {"symbols": ["a", "b"], "level": "char"})
    yield Call("split_symbols", data.split_symbols, {"text": "ab", "level": "char"})
    yield Call("prepare_text", data.prepare_text, {"text": "ab", "level": "char", "strip": True})
    yield Call("phrases", data.phrases, {"language": "fr"})
    Path("series.csv").write_text("a,b\n1,2\n3,4\n", "utf-8")
    yield Call("read_series", data.read_series, {"path": "series.csv", "columns": (0, 1)})
    Path("pairs.tsv").write_text("ab\tba\ncab\tbac\nc\tc\n", "utf-8")
    reading = {"path": "pairs.tsv", "level": "char", "columns": (0, 1), **bounds}
    yield Call("read_pairs", data.read_pairs, reading)
    yield Call(
        "train_validation_split", data.train_validation_split, {"pairs": pairs, "held_out": 1, "rng": 0}
    )
    yield from of_sequences()
    yield from of_scores()
    yield from of_training()
    yield Call("make_pairs", data.dates.make_pairs, {"count": 2, "rng": 0})
    yield Call("split", data.dates.split, {"train": 5, "held_out": 2, "rng": 0})
    recalled = {"count": 2, "distance": 9, "rng": 0, "lead": 1, "moves": False}
    yield Call("make_recall", data.recall.make_recall, recalled)
    yield Call("make_sentences", data.recall.make_sentences, recalled)

    built = {"pairs": pairs, "level": "char", "hidden_size": 4, "embedding_size": 3, "cell": "gru"}
    built |= {
        "context": "additive",
        "attention_size": 2,
        "readout": "all",
        "num_layers": 1,
        "bidirectional": False,
        "dropout": 0.1,
        "embedding_std": 1.0,
        "min_count": 1,
    }
    built |= {"max_vocabulary": 7, "strip": True, "rng": 0, "dtype": "float32"}
    yield Call("Translator.build", seqmem.Translator.build, built)
    translator = seqmem.Translator.build(pairs, "char", hidden_size=4, embedding_size=3, rng=0)
    own = {"model": translator.model, "source_vocabulary": letters, "target_vocabulary": letters}
    yield Call("Translator", seqmem.Translator, {**own, "level": "char", "strip": True})
    of_batches = {"pairs": pairs, "batch_size": 2, "allow_unknown": False}
    yield Call("Translator.batches", translator.batches, of_batches)
    yield Call("Translator.prepare", translator.prepare, {"text": "ab"})
    yield Call("Translator.words", translator.words, {"symbols": ["a", "b"]})
    of_texts = {"texts": ["ab"], "max_length": 3, "batch_size": 2, **beam}
    of_texts["replace_unknown"] = False
    yield Call("Translator.translate", translator.translate, of_texts)
    yield Call("Translator.save", translator.save, {"path": "translator.npz"})
    yield Call("Translator.check_save", translator.check_save, {"path": "translator.npz"})
    translator.save("translator.npz")
    yield Call("Translator.load", seqmem.Translator.load, {"path": "translator.npz"})
    yield from of_tasks()
    answered = {"inputs": ["ab"], "max_length": 3, "batch_size": 2}
    yield Call("Translator.predict", translator.predict, answered)
    scored = {"examples": pairs, "max_length": 3, "batch_size": 2}
    reported = {"translator": translator, "pairs": pairs, "n_best": 1, "max_length": 3, "batch_size": 2}
    yield Call("report_translations", tasks.report_translations, reported)
    report = tasks.report_translations(translator, pairs, max_length=3)
    yield Call("TranslationReport.worst", report.worst, {"n": 2})
    yield Call("TranslationReport.to_json", report.to_json, {})
    yield Call("Translator.evaluate", translator.evaluate, scored)
    phrase = {"language": "fr", "context": "fixed", "rng": 0, "cell": "rnn", "epochs": 1}
    yield Call("phrase_model", tasks.phrase_model, phrase)

    yield Call("SGD", seqmem.SGD, {"learning_rate": 0.1, "momentum": 0.5, "nesterov": False})
    adam = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}
    yield Call("Adam", seqmem.Adam, adam)
    yield Call("AdamW", seqmem.AdamW, adam | {"weight_decay": 0.1})
    rmsprop = {"learning_rate": 0.1, "decay": 0.9, "epsilon": 1e-8, "momentum": 0.5}
    yield Call("RMSProp", seqmem.RMSProp, rmsprop)
    params, grads = {"W": np.ones(3)}, {"W": np.ones(3)}
    for optimizer in (seqmem.SGD(0.1, 0.5), seqmem.Adam(), seqmem.AdamW(), seqmem.RMSProp()):
        stepped = {"params": params, "grads": grads}
        yield Call(f"{type(optimizer).__name__}.step", optimizer.step, stepped)
    yield Call("clip_by_global_norm", seqmem.clip_by_global_norm, {"grads": grads, "max_norm": 1.0})
    yield Call("cosine_decay", seqmem.cosine_decay, {"fraction": 0.5})
    yield Call("edit_distance", training.edit_distance, {"found": "ab", "right": "b"})
    fitted = {"model": translator.model, "batches": translator.batches(pairs, 2), "optimizer": seqmem.Adam()}
    fitted |= {"epochs": 1, "max_seconds": 5.0, "max_norm": 1.0, "schedule": seqmem.cosine_decay}
    fitted |= {
        "accumulate": 1,
        "frozen": (),
        "validation": None,
        "metrics": None,
        "callbacks": (),
        "history": None,
    }
    fitted |= {"validate": lambda _: 0.5, "callback": lambda _: None, "rng": 0, "progress": False}
    fitted |= {"checkpoint": "fit.npz", "resume": False, "metadata": {"a": 1}}
    yield Call("fit", seqmem.fit, fitted)
    of_loss = {"model": translator.model, "batches": translator.batches(pairs, 2)}
    yield Call("validation_loss", training.validation_loss, of_loss)
    yield Call("token_accuracy", training.token_accuracy, {"model": model, "batches": [batch]})
    kept = {"path": "model.npz", "model": model, "metadata": {"a": 1}, "classes": ()}
    yield Call("save", seqmem.save, kept)
    yield Call("check_save", training.check_save, kept)
    seqmem.save("model.npz", model, {"a": 1})
    yield Call("load", seqmem.load, {"path": "model.npz", "classes": ()})
    written = {"path": "arrays.npz", "arrays": {"W": np.eye(2)}}
    yield Call("write_arrays", seqmem.interop.write_arrays, written)
    seqmem.interop.write_arrays(**written)
    yield Call("read_arrays", seqmem.interop.read_arrays, {"path": "arrays.npz"})
    yield Call("load_params", training.load_params, {"module": model, "path": "model.npz"})
    yield Call("average_checkpoints", training.average_checkpoints, {"paths": ["model.npz"]})
    yield Call("read_metadata", training.read_metadata, {"path": "model.npz"})
    yield Call("register", seqmem.register, {"short_name": "zz"})

    cell = seqmem.RNNCell(D, H, rng=0)
    settings = {"seed": 0, "tolerance": 1e-9, "max_elements": 99, "seconds": 1.0}
    yield Call("gradcheck", seqmem.gradcheck, {"module": cell, **settings})
    yield Call("assert_gradients", by_position(seqmem.assert_gradients), {"module": cell})
    functions = {"forward": lambda x: (x**2, x), "backward": lambda d, x: 2 * d * x}
    checked = {**functions, "inputs": (x,), "like": None, **settings}
    yield Call("gradcheck_functions", seqmem.gradcheck_functions, checked)
    contract = {"module": cell, "checks": ["gradients"], "seed": 0, "batch_axes": None, "strict": True}
    yield Call("check_module", seqmem.check_module, contract)
    yield Call("exposing_inputs", by_position(checking.exposing_inputs), {"module": cell, "rng": rng})
    yield Call("with_exposing_params", checking.with_exposing_params, {"module": cell, "rng": rng})
    report = seqmem.gradcheck(cell)
    yield Call("Report.to_json", report.to_json, {})
    yield Call("Report.from_json", checking.Report.from_json, {"text": report.to_json()})

    flow = {"layer": layer, "xs": xs, "state": None, "rng": 0}
    yield Call("gradient_flow", insight.gradient_flow, flow)
    few = {"steps": 4, "hidden_size": 3, "batch_size": 2, "rng": 0}
    yield Call("gradient_flow_of_cases", insight.gradient_flow_of_cases, few)
    cases = insight.gradient_flow_of_cases(**few)
    yield Call("gradient_flow_text", insight.gradient_flow_text, {"cases": cases})
    yield Call(
        "source_gradients",
        insight.source_gradients,
        {"model": model, "source": tokens, "inputs": targets, "rng": 0},
    )
    weights = np.full((2, 3), 1 / 3)
    seen = {"weights": weights, "source": ["a", "b", "c"], "target": ["d", "e"]}
    yield Call("attention_heatmap", insight.attention_heatmap, {**seen, "ascii_only": True, "width": 40})
    yield Call("trace_heatmap", insight.trace_heatmap, {"values": weights, "ascii_only": True})
    trace = layer.trace(traced)
    yield Call("trace_table", insight.trace_table, {"trace": trace})
    yield Call("plot_attention", insight.plot_attention, {**seen, "ax": None})
    yield Call("plot_trace", insight.plot_trace, {"trace": trace, "name": "f", "row": 0, "ax": None})
    yield Call("plot_gradient_flow", insight.plot_gradient_flow, {"flow": cases, "ax": None})
    yield Call("plot_history", insight.plot_history, {"history": training.History([1.0]), "ax": None})
    yield Call("History.plot", training.History([1.0]).plot, {"ax": None})
    yield Call("gate_explorer", pages.gate_explorer, {})
    yield Call("vanishing_gradient", pages.vanishing_gradient, {"text": "a b", "rng": 0})
    yield Call("course_pages", pages.course_pages, {"pages": {"quiz.html": pages.quiz_page()}})
    yield Call("quiz_page", pages.quiz_page, {})
    shown = {"translator": translator, "texts": ["ab"], "contrast": None, "max_length": 3, "title": "A title"}
    yield Call("attention_page", pages.attention_page, shown)
    yield Call(
        "gate_movie",
        pages.gate_movie,
        {"model": layer, "text_or_xs": xs[:, :1], "steps": ["a", "b", "c"], "max_length": 3},
    )
    yield Call("Page.save", pages.gate_explorer().save, {"path": "page.html"})

    horizon = {
        "kinds": ("gru",),
        "starts": {"gru": (-1.0,)},
        "seeds": (0,),
        "courses": ("mixed",),
        "alone_distances": (5,),
        "distances": (5, 6),
    }
    horizon |= {
        "longest": 6,
        "moves": True,
        "budget": 2500,
        "embedding_size": 16,
        "steps": 1,
        "batch_size": 2,
    }
    horizon |= {"alone_steps": 1, "learning_rates": {"gru": 0.1}, "test_count": 12}
    yield Call("MemorySettings", experiments.MemorySettings, horizon)
    bottle = {
        "contexts": ("attention",),
        "seeds": (0,),
        "task": "copy",
        "symbols": 3,
        "longest": 2,
        "lengths": (2,),
    }
    bottle |= {
        "budget": 40_000,
        "embedding_size": 16,
        "steps": 1,
        "batch_size": 2,
        "learning_rate": 0.1,
        "test_count": 2,
    }
    yield Call("BottleneckSettings", experiments.BottleneckSettings, bottle)
    for cls in (experiments.MemorySettings, experiments.BottleneckSettings):
        yield Call(f"{cls.__name__}.quick", cls.quick, {})
        yield Call(f"{cls.__name__}.full", cls.full, {})
    record = {"kind": "gru", "course": "mixed", "seed": 0, "at": [5], "accuracy": [0.5], "parameters": 9}
    found = experiments.Experiment("memory horizon", {}, [record])
    drawn = {"experiment": found, "course": "mixed", "ax": None}
    yield Call("plot_memory_horizon", insight.plot_memory_horizon, drawn)
    yield Call("Experiment.from_json", experiments.Experiment.from_json, {"text": found.to_json()})
    yield Call("Experiment.to_json", found.to_json, {})
    yield Call("Experiment.row", found.row, {"kind": "gru", "course": "mixed", "start": None})
    yield Call("Experiment.accuracy", found.accuracy, {"course": "mixed"})

    class Here(Executor):
        """Runs what is submitted at once."""

        def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_result(function(*arguments, **options))
            return future

    how = {"executor": Here(), "folder": "runs", "progress": False}
    for function, made in (
        (experiments.memory_horizon, experiments.MemorySettings(**horizon)),
        (experiments.bottleneck, experiments.BottleneckSettings(**bottle)),
    ):
        yield Call(function.__name__, function, {"settings": made, **how})
    small = Shape(T=2, B=2, D=2, H=2, A=2)
    yield Call("comparison", experiments.comparison, {"memory": None, "shape": small, "repeats": 1})
    table = experiments.comparison(shape=small, repeats=1)
    yield Call("Comparison.to_json", table.to_json, {})


@pytest.fixture(scope="module")
def every_call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Call]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("files"))
        patch.setattr(registry, "_registered", {})
        patch.setattr(registry, "_short_names", {})
        yield list(calls())


def test_every_call_runs_with_right_arguments(every_call: list[Call]) -> None:
    for call in every_call:
        if call.name.startswith(("plot_", "History.plot")) and importlib.util.find_spec("matplotlib") is None:
            continue
        if call.name in ("bleu", "chrf") and importlib.util.find_spec("sacrebleu") is None:
            continue
        call.function(**call.arguments)


def public_callables() -> Iterator[str]:
    """The qualified names of all functions, classes and methods that a room of the package shows."""
    # reference checks nothing; exercises are tried with wrong answers in tests/exercises
    shown = [room for room in ROOMS if room not in ("reference", "exercises")]
    rooms = [seqmem, *(importlib.import_module(f"seqmem.{room}") for room in shown)]
    for value in (getattr(room, name) for room in rooms for name in getattr(room, "__all__", ())):
        if inspect.isroutine(value):
            yield value.__qualname__
        elif inspect.isclass(value) and value is not Any and not issubclass(value, BaseException):
            if value.__name__ not in RECORDS | BASES:
                yield value.__qualname__
            methods = inspect.getmembers(value, lambda one: inspect.isfunction(one) or inspect.ismethod(one))
            for name, method in methods:
                if not (name.startswith("_") or name in INSIDES or method.__qualname__ in INSIDES):
                    yield method.__qualname__


def test_every_public_callable_is_called(every_call: list[Call]) -> None:
    called = {getattr(call.function, "__qualname__", "") for call in every_call} | NEED_PACKAGES
    assert sorted(set(public_callables()) - called) == []


def said_on_purpose(trace: TracebackType | None) -> bool:
    """Whether an error was raised by a line that raises, of this package."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    path = Path(trace.tb_frame.f_code.co_filename)
    if not path.is_relative_to(PACKAGE):
        return False
    lines = path.read_text("utf-8").splitlines()
    return any("raise" in line for line in lines[trace.tb_lineno - 1 : trace.tb_lineno + 1])


def complaint(call: Call, argument: str, value: Any) -> str | None:
    """What is wrong with how a callable takes a wrong argument; None when nothing is."""
    if (value is None and (call.name, argument) in LONG) or (callable(value) and argument in CALLED):
        return None
    arguments = {**call.arguments, argument: value}
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call.function(**arguments)
    except OSError:
        return None  # of a path that is no file, in the system's words
    except ImportError as error:
        return None if any(name in str(error) for name in ("matplotlib", "sacrebleu")) else repr(error)
    except (TypeError, ValueError) as error:
        text, owner = str(error), call.name.split(".")[0]
        parts = r"d_\w+" if argument.startswith("d_") else argument  # a part of a nest by its own name
        named = re.match(rf"{owner}\b", text) or re.search(rf"\b({argument}|{parts})\b", text)
        if named and said_on_purpose(error.__traceback__):
            return None
        return f"{type(error).__name__}: {text:.150}"
    except Exception as error:  # noqa: BLE001 - none of another kind should come
        return f"{type(error).__name__}: {error!s:.150}"
    return None


def test_no_wrong_argument_leads_to_a_bare_message(every_call: list[Call]) -> None:
    complaints = [
        f"{call.name}({argument}={what}): {found}"
        for call in every_call
        for argument in call.arguments
        for what, value in WRONG.items()
        if (call.name, argument, what) not in OWN and (found := complaint(call, argument, value))
    ]
    assert not complaints, "\n".join(complaints)


def test_an_object_of_a_wrong_type_is_a_type_error_everywhere(every_call: list[Call]) -> None:
    found = []
    for one, argument in ((call, argument) for call in every_call for argument in call.arguments):
        try:
            one.function(**{**one.arguments, argument: Odd()})
        except (TypeError, ImportError):
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no TypeError
            found.append(f"{one.name}({argument}): {type(error).__name__}: {error}")
    assert not found, "\n".join(found)

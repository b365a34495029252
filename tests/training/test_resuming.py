"""A training that was interrupted and resumed equals one that was not, bit for bit, whatever ended it."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmem import SGD, Adam, AdamW, CheckpointError, History, RMSProp, load, save
from seqmem.layers import Linear
from seqmem.models import Encoder, SequenceTagger
from seqmem.module import Module
from seqmem.training import (
    AverageEpochs,
    Callback,
    EarlyStopping,
    KeepBest,
    ReduceOnPlateau,
    StopTraining,
    cosine_decay,
    fit,
    read_metadata,
    warm_up,
)
from seqmem.training.files.nested import pack, unpack
from seqmem.training.files.npz import write
from seqmem.training.files.training_state import has_training, read_training, write_training

TIMES = ("seconds", "tokens_per_second")


def tagger(dropout: float = 0.3) -> SequenceTagger:
    return SequenceTagger(Encoder(7, 3, 4, rng=5), 3, dropout=dropout, rng=6)


class Shuffled:
    """Sequences in another order every epoch, one batch after another drawn only when it is needed."""

    def __init__(self, batches: int = 4) -> None:
        self.batches = batches

    def __call__(self, rng: np.random.Generator) -> Iterator[Any]:
        from seqmem.data import make_sequence_batch

        for _ in range(self.batches):
            tokens = [rng.integers(0, 7, int(rng.integers(1, 6))) for _ in range(3)]
            yield make_sequence_batch(tokens, [one % 3 for one in tokens], per_step=True)


def held_out() -> list[Any]:
    return list(Shuffled(2)(np.random.default_rng(1)))


SCHEDULED: dict[str, Any] = {"schedule": warm_up(0.2, then=cosine_decay)}
WAYS: dict[str, tuple[Callable[[], Any], Callable[[], dict[str, Any]]]] = {
    "adam and a schedule": (lambda: Adam(0.02), lambda: SCHEDULED),
    "accumulation": (lambda: AdamW(0.02), lambda: {"accumulate": 3, "max_norm": 0.5}),
    "momentum": (lambda: SGD(0.1, momentum=0.9, nesterov=True), lambda: SCHEDULED),
    "frozen": (lambda: RMSProp(0.01, momentum=0.5), lambda: {"frozen": ["encoder.embedding"]}),
    "the best": (
        lambda: Adam(0.3),
        lambda: {
            "validation": held_out(),
            "callbacks": [EarlyStopping(3), KeepBest(), ReduceOnPlateau(0.5, 1)],
        },
    ),
    "an average": (lambda: Adam(0.02), lambda: {"callbacks": [AverageEpochs(3)], **SCHEDULED}),
}


class Interrupt(Callback):
    """Raises after a step, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self.step, self.seen = step, 0

    def state_dict(self) -> dict[str, Any]:
        return {}

    def on_step(self, state: Any) -> None:
        self.seen += 1
        if self.seen == self.step:
            raise KeyboardInterrupt


def train(way: str, step: int = 0, epochs: int = 6, **options: Any) -> tuple[Module, History, Any]:
    make_optimizer, make_options = WAYS[way]
    model, optimizer, settings = tagger(), make_optimizer(), dict(make_options())
    settings["callbacks"] = [*settings.get("callbacks", []), Interrupt(step)]
    settings = settings | {"progress": False, "rng": 7} | options
    history = settings.setdefault("history", History())
    try:
        fit(model, Shuffled(), optimizer, epochs=epochs, **settings)
    except KeyboardInterrupt:
        return model, history, None
    return model, history, optimizer


def assert_same(ours: tuple[Module, History, Any], theirs: tuple[Module, History, Any]) -> None:
    for (name, one), other in zip(ours[0].params.items(), theirs[0].params.values(), strict=True):
        assert one.tobytes() == other.tobytes(), name
    one, other = ({k: v for k, v in vars(run[1]).items() if k not in TIMES} for run in (ours, theirs))
    assert json.dumps(one) == json.dumps(other)
    assert ours[2].state.keys() == theirs[2].state.keys()
    for name, array in ours[2].state.items():
        assert array.tobytes() == theirs[2].state[name].tobytes(), name


@pytest.mark.parametrize("way", list(WAYS))
def test_a_training_that_is_interrupted_again_and_again_equals_another_that_is_not(
    tmp_path: Path, way: str
) -> None:
    whole = train(way)
    path = tmp_path / "training.npz"
    for step in (3, 5, 2, 4):
        assert train(way, step, checkpoint=path, resume=True)[2] is None
    assert_same(train(way, checkpoint=path, resume=True), whole)
    assert_same(train(way, checkpoint=path, resume=True), whole)  # complete: nothing is done
    assert os.listdir(tmp_path) == ["training.npz"]


def test_writing_the_file_changes_nothing(tmp_path: Path) -> None:
    assert_same(train("the best", checkpoint=tmp_path / "file"), train("the best"))


def test_a_generator_that_is_passed_goes_on_and_so_do_those_it_spawned(tmp_path: Path) -> None:
    def draws(rng: np.random.Generator) -> Iterator[Any]:
        return Shuffled()(rng.spawn(1)[0])

    def run(kind: Any, epochs: int, **options: Any) -> tuple[Module, np.random.Generator]:
        model, rng = tagger(), np.random.Generator(kind(3))
        fit(model, draws, Adam(0.02), epochs=epochs, rng=rng, progress=False, **options)
        return model, rng

    for kind in (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM):
        path = tmp_path / kind.__name__
        whole, rng = run(kind, 4)
        run(kind, 2, checkpoint=path)
        model, other = run(kind, 4, checkpoint=path, resume=True)
        assert model.params["encoder.embedding.W"].tobytes() == whole.params["encoder.embedding.W"].tobytes()
        assert other.random() == rng.random()
        assert other.spawn(1)[0].random() == rng.spawn(1)[0].random()
    with pytest.raises(CheckpointError, match="random numbers of MT19937, expected those of PCG64"):
        run(np.random.PCG64, 4, resume=tmp_path / "MT19937")


def test_more_epochs_may_follow_and_fewer_may_not(tmp_path: Path) -> None:
    train("accumulation", epochs=3, checkpoint=tmp_path / "file")
    found = train("accumulation", epochs=6, resume=tmp_path / "file")
    assert_same(found, train("accumulation", epochs=6))
    with pytest.raises(CheckpointError, match="3 epochs are complete, expected epochs of at least as many"):
        train("accumulation", epochs=2, resume=tmp_path / "file")


def test_the_model_in_the_file_is_that_of_the_last_epoch_with_its_metadata(tmp_path: Path) -> None:
    model, _, _ = train("frozen", checkpoint=tmp_path / "file", metadata={"symbols": ["a", "ł"]})
    found = load(tmp_path / "file")
    assert all(np.array_equal(found.params[name], array) for name, array in model.params.items())
    assert read_metadata(tmp_path / "file") == {"symbols": ["a", "ł"]}
    assert has_training(tmp_path / "file")
    with pytest.raises(CheckpointError, match=r"expected metadata.symbols\[1\] to be 'b', found 'ł'"):
        train("frozen", resume=tmp_path / "file", metadata={"symbols": ["a", "b"]})


class Slope:
    """A model that is no Module."""

    def __init__(self, dtype: Any = np.float64) -> None:
        self.params = {"slope": np.zeros((), dtype)}

    def loss_and_grads(self, batch: Any, rng: Any) -> Any:
        error = self.params["slope"] * 2 - batch
        return float(error**2) / 2, {"slope": np.asarray(error * 2)}


def test_a_model_that_is_no_module_goes_on_too(tmp_path: Path) -> None:
    def run(epochs: int, **options: Any) -> Slope:
        model = Slope()
        fit(model, [3.0, 4.0], Adam(0.1), epochs=epochs, progress=False, **options)
        return model

    run(2, checkpoint=tmp_path / "file")
    assert run(5, resume=tmp_path / "file").params == run(5).params
    with pytest.raises(CheckpointError, match="expected a model, found the training of an object"):
        load(tmp_path / "file")


class Unknown(Module):
    def __init__(self) -> None:
        self.linear = Linear(2, 1, rng=0)

    def loss_and_grads(self, batch: Any, rng: Any) -> Any:
        raise AssertionError("a step was taken")


class Stateless:
    learning_rate = 0.1

    def step(self, params: Any, grads: Any) -> None: ...


class Open(Callback):
    def __init__(self) -> None:
        self.stream = io.StringIO()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": Unknown()}, TypeError, "Unknown is not a class that a file can name"),
        ({"model": Slope(np.float16)}, ValueError, "slope has dtype float16"),
        ({"metadata": {"a": (1,)}}, ValueError, "metadata would change in JSON"),
        ({"metadata": {"a": "x" * 5_000_000}}, ValueError, "expected at most 4,194,304"),
        ({"optimizer": Stateless()}, TypeError, "Stateless has no dict of arrays as its attribute state"),
        ({"callbacks": [Open()]}, TypeError, "callbacks.0.stream is of type StringIO, which a file cannot"),
        ({"checkpoint": "folder/file"}, FileNotFoundError, "there is no folder"),
        ({"checkpoint": "."}, IsADirectoryError, "is a folder"),
        ({"checkpoint": 3}, TypeError, "checkpoint is of type int, expected a path"),
        ({"resume": 3}, TypeError, "resume is of type int, expected a path"),
        ({"resume": True, "checkpoint": None}, ValueError, "resume is True, expected a checkpoint"),
        ({"resume": "nothing"}, FileNotFoundError, "nothing"),
    ],
)
def test_what_would_make_a_save_fail_is_found_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Any, error: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    options = {"model": tagger(), "optimizer": Adam(), "checkpoint": "file", **options}
    model, optimizer = options.pop("model"), options.pop("optimizer")

    def batches(rng: Any) -> Any:
        raise AssertionError("a batch was made")

    with pytest.raises(error, match=message):
        fit(model, batches, optimizer, epochs=1, progress=False, **options)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_norm": 2.0}, "a training with max_norm 0.5, this one has 2.0"),
        ({"accumulate": 2}, "a training with accumulate 3, this one has 2"),
        ({"rng": 8}, "a training with seed 7, this one has 8"),
        ({"schedule": cosine_decay}, "a training with schedule None, this one has 'cosine_decay'"),
        ({"frozen": ["encoder.embedding"]}, "a training with parameters"),
        ({"optimizer": AdamW(0.02, beta1=0.8)}, "a training with optimizer"),
        ({"optimizer": Adam(0.02)}, "a training with optimizer"),
        ({"callbacks": []}, r"a training with callbacks \['Interrupt'\], this one has \[\]"),
        ({"validation": held_out()}, "a training with measured"),
        ({"model": tagger(dropout=0.2)}, "expected the model.config.dropout to be 0.2, found 0.3"),
    ],
)
def test_a_training_with_other_settings_is_not_continued_and_nothing_changes(
    tmp_path: Path, change: Any, message: str
) -> None:
    train("accumulation", epochs=2, checkpoint=tmp_path / "file")
    callbacks = [Interrupt(0)]
    options = {"callbacks": callbacks, "accumulate": 3, "max_norm": 0.5, "rng": 7, "model": tagger()}
    options = options | {"optimizer": AdamW(0.02)} | change
    model, optimizer = options.pop("model"), options.pop("optimizer")
    before = {name: array.copy() for name, array in model.params.items()}
    with pytest.raises(ValueError, match=message):
        fit(model, Shuffled(), optimizer, epochs=4, progress=False, resume=tmp_path / "file", **options)
    assert all(np.array_equal(before[name], array) for name, array in model.params.items())
    assert optimizer.state == {}


def test_a_file_of_a_newer_version_and_one_without_a_training_are_named(tmp_path: Path) -> None:
    model = tagger()
    save(tmp_path / "model", model)
    with pytest.raises(CheckpointError, match=r"training\.json: expected a training that can go on, found"):
        read_training(tmp_path / "model", model, None)
    write_training(tmp_path / "new", model, None, {})
    with np.load(tmp_path / "new") as arrays:
        entries = dict(arrays)
    text = json.dumps({"version": 2, "state": None}).encode()
    write(tmp_path / "new", entries | {"training.json": np.frombuffer(text, np.uint8)})
    with pytest.raises(CheckpointError, match="expected version 1 of the format, found 2: a newer seqmem wr"):
        read_training(tmp_path / "new", model, None)


def state_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_training(path, tagger(), None)[1]
    return found


SPOILED: dict[str, Callable[[dict[str, Any]], object]] = {
    "no state": lambda state: state.clear(),
    "no clock": lambda state: state.pop("clock"),
    "a negative random state": lambda state: state["random"]["state"]["state"].update(inc=-1),
    "a random state of text": lambda state: state["random"].update(state="x"),
    "a slot of another shape": lambda state: state["optimizer"].update(
        {"m.encoder.embedding.W": np.zeros(3)}
    ),
    "no slot": lambda state: state["optimizer"].pop("v.output.b"),
    "a slot that is no array": lambda state: state["optimizer"].update({"t": 3}),
    "a method": lambda state: state["attributes"].update(step=3),
    "a rate of text": lambda state: state["attributes"].update(learning_rate="x"),
    "a history of text": lambda state: state["history"].update(loss=["x"]),
    "an entry too many": lambda state: state["history"].update(rows=[]),
    "no callbacks": lambda state: state.update(callbacks=[]),
    "kept parameters of another model": lambda state: state["callbacks"][1].update(kept={"W": np.zeros(2)}),
    "an epoch of text": lambda state: state.update(epoch="x"),
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_state_that_makes_no_sense_is_refused_and_nothing_changes(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "file"
    train("the best", epochs=2, checkpoint=path)
    state = state_of(path)
    SPOILED[spoil](state)
    write_training(path, load(path), None, state)
    model, before = tagger(), tagger()
    optimizer = Adam(0.3)
    options = WAYS["the best"][1]()
    options["callbacks"].append(Interrupt(0))
    with pytest.raises(CheckpointError, match=r"file: training\.json: "):
        fit(model, Shuffled(), optimizer, epochs=4, progress=False, resume=path, rng=7, **options)
    assert all(np.array_equal(array, model.params[name]) for name, array in before.params.items())
    assert optimizer.state == {}
    assert optimizer.learning_rate == 0.3


@pytest.mark.parametrize("change", ["left out", "added", "used twice"])
def test_arrays_of_a_training_are_those_that_it_names(tmp_path: Path, change: str) -> None:
    write_training(tmp_path / "file", tagger(), None, {"a": np.arange(3), "b": np.arange(3)})
    with np.load(tmp_path / "file") as arrays:
        entries = dict(arrays)
    if change == "left out":
        del entries["training/a"]
    elif change == "added":
        entries["training/c"] = np.zeros(3)
    else:
        text = entries["training.json"].tobytes().replace(b"training/b", b"training/a")
        entries["training.json"] = np.frombuffer(text, np.uint8)
    write(tmp_path / "file", entries)
    with pytest.raises(CheckpointError, match=r"training/[abc]: expected"):
        state_of(tmp_path / "file")


NESTED = [
    *(None, True, 3, -(2**127), "ł\ud800", 0.1, -0.0, 5e-324, float("inf"), float("-inf")),
    *([], {}, (), [1.0, float("inf")], [1, 2.0], {"a": [({"b": ()},)], "array": 1, "dict": {}}),
]


@pytest.mark.parametrize("value", NESTED)
def test_nested_values_come_back_as_they_were(value: Any) -> None:
    packed, arrays = pack(value, "x/")
    found = unpack(json.loads(json.dumps(packed, allow_nan=False)), arrays.__getitem__)
    assert (found, type(found)) == (value, type(value))
    assert str(found) == str(value)


@pytest.mark.parametrize(
    "dtype", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", ">f8", ">u8"]
)
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_arrays_come_back_to_the_bit_and_of_their_dtype(tmp_path: Path, dtype: str, shape: Any) -> None:
    rng = np.random.default_rng(3)
    array = np.frombuffer(rng.bytes(1000), dtype)[: int(np.prod(shape))].reshape(shape)
    if dtype == "?":
        array = np.asarray(rng.random(shape) < 0.5)
    write_training(tmp_path / "file", tagger(), None, {"a.b": array, "a": {"b": [array, 1]}})
    found = state_of(tmp_path / "file")
    for one in (found["a.b"], found["a"]["b"][0]):
        assert one.dtype == np.dtype(dtype).newbyteorder("=")
        assert one.tobytes() == np.asarray(array, one.dtype).tobytes()


@pytest.mark.parametrize("value", [{1: 2}, 1j, b"x", {1}, np.zeros(2, complex), np.zeros(2, "U1"), object()])
def test_what_a_file_cannot_hold_is_named_with_its_place(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^a\.0 (is of type|has dtype) .*, which a file cannot hold"):
        pack({"a": [value]}, "")


@pytest.mark.parametrize(
    "value", [{"a": 1}, {"dict": 1}, {"tuple": 1}, {"float": 1}, {"array": 1, "dtype": 2}]
)
def test_what_pack_does_not_write_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="in the place of"):
        unpack(value, lambda name: np.zeros(1))


def test_a_full_disk_at_any_write_leaves_the_last_epoch_and_training_goes_on_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train("the best", epochs=4)
    path, written = tmp_path / "file", 0
    places = [("write", "seqmem.training.files.npz.np.lib.format.write_array"), ("sync", "os.fsync")]
    for _, target in [*places, ("rename", "os.replace")]:
        for after in range(4):
            with monkeypatch.context() as patch:
                patch.setattr(target, _failing_after(_resolve(target), 1 + 7 * after))
                history = History()
                path.unlink(missing_ok=True)
                try:
                    train("the best", epochs=4, checkpoint=path, history=history)
                except OSError:
                    written += 1
            assert_same(train("the best", epochs=4, checkpoint=path, resume=True), whole)
            assert os.listdir(tmp_path) == ["file"]
    assert written >= 6


def _resolve(target: str) -> Any:
    names = target.split(".")
    thing: Any = sys.modules["seqmem.training.files.npz"] if "npz" in names else sys.modules[names[0]]
    for name in names[names.index("npz") + 1 :] if "npz" in names else names[1:]:
        thing = getattr(thing, name)
    return thing


def _failing_after(function: Any, calls: int) -> Any:
    left = [calls]

    def failing(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return function(*arguments, **options)

    return failing


def test_a_time_limit_counts_the_time_before_the_interruption(tmp_path: Path) -> None:
    def run(seconds: float | None, **options: Any) -> History:
        history = History()
        fit(
            Slope(),
            [1.0],
            Adam(),
            epochs=10**6,
            max_seconds=seconds,
            history=history,
            progress=False,
            **options,
        )
        return history

    first = run(0.05, checkpoint=tmp_path / "file")
    assert "max_seconds" in first.stopped
    again = run(0.05, resume=tmp_path / "file")
    assert again.stopped == first.stopped
    assert again.loss[: len(first.loss)] == first.loss
    assert len(again.loss) < 2 * len(first.loss) + 100  # what was left after the last save
    longer = run(0.3, resume=tmp_path / "file")
    assert longer.loss[: len(again.loss)] == again.loss


class Enough(Callback):
    """A user's callback: its counter is an attribute, and needs no more code to be kept."""

    def __init__(self) -> None:
        self.seen = 0

    def on_step(self, state: Any) -> None:
        self.seen += 1
        if self.seen == 11:
            raise StopTraining("enough")


def test_the_attributes_of_a_users_callback_are_kept(tmp_path: Path) -> None:
    def run(epochs: int, **options: Any) -> History:
        return fit(
            tagger(),
            Shuffled(),
            Adam(),
            epochs=epochs,
            callbacks=[Enough()],
            rng=1,
            progress=False,
            **options,
        )

    run(2, checkpoint=tmp_path / "file")
    assert run(5, resume=tmp_path / "file").loss == run(5).loss
    assert len(run(5).loss) == 3


PROGRAM = """
import sys
sys.path[:0] = sys.argv[2:4]
from resuming_program import KILLED, train
print("ready", flush=True)
train("killed", epochs=KILLED, checkpoint=sys.argv[1], resume=True)
"""
KILLED = 400  # epochs of about 5 ms
WAYS["killed"] = (
    lambda: Adam(0.01),
    lambda: {
        "validation": held_out(),
        "callbacks": [EarlyStopping(100_000), KeepBest(), ReduceOnPlateau(0.9, 50)],
        **SCHEDULED,
    },
)


@pytest.mark.slow
def test_a_kill_at_any_moment_costs_the_epoch_alone(tmp_path: Path) -> None:
    """Sixty kills at random times, most of them during a step or a save: a step takes about as long."""
    path, rng = tmp_path / "training.npz", np.random.default_rng(2)
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "resuming_program.py").write_text(Path(__file__).read_text())
    whole = train("killed", epochs=KILLED)
    arguments = [sys.executable, "-c", PROGRAM, str(path), str(folder), str(Path(__file__).parents[1])]
    kills, epochs, last = 0, set(), 0
    while kills < 60:
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == "ready\n"
            time.sleep(float(rng.uniform(0, 0.12)))
            if program.poll() is None:
                program.send_signal(signal.SIGKILL)
                kills += 1
        if path.exists():
            load(path)
            now = len(state_of(path)["history"]["loss"])
            assert now >= last
            epochs.add(now)
            last = now
        if last == KILLED:  # complete: once more from the beginning
            assert_same(train("killed", epochs=KILLED, checkpoint=path, resume=True), whole)
            path.unlink()
            last = 0
    assert len(epochs) > 20
    assert_same(train("killed", epochs=KILLED, checkpoint=path, resume=True), whole)
    assert sorted(os.listdir(tmp_path)) == ["code", "training.npz"]


@pytest.mark.slow
@pytest.mark.parametrize("change", [1, 16, 255])
def test_any_change_of_a_byte_of_a_training_is_refused_or_changes_nothing(
    tmp_path: Path, change: int
) -> None:
    path = tmp_path / "file"
    write_training(path, Linear(2, 3, rng=0), {"a": 1}, {"b": np.arange(4), "c": [1.5, float("nan")]})
    right = read_training(path, Linear(2, 3, rng=0), {"a": 1})
    content, refused = path.read_bytes(), 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= change
        path.write_bytes(changed)
        try:
            found = read_training(path, Linear(2, 3, rng=0), {"a": 1})
        except CheckpointError:
            refused += 1
            continue
        assert str(found) == str(right)
    assert refused > len(content) / 2

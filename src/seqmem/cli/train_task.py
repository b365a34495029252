"""Training of any task on files: the command line offers the arguments of the task's functions."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable
from typing import Any

from seqmem.cli.arguments import size
from seqmem.cli.terminal.output import check_model_path, check_save, is_finished, naming
from seqmem.cli.terminal.screen import folded
from seqmem.registry import task_class, task_names
from seqmem.tasks import Task
from seqmem.training import History

COMMON = {  # an option's name, and the argument of `build` that it sets
    "level": "level",
    "cell": "cell",
    "hidden": "hidden_size",
    "embedding": "embedding_size",
    "layers": "num_layers",
    "dropout": "dropout",
    "min_count": "min_count",
    "max_vocabulary": "max_vocabulary",
    "dtype": "dtype",
}
ALWAYS = ("cell", "hidden", "embedding", "dtype")  # options with defaults, which some tasks ignore


def file_forms() -> str:
    """Return the file formats of all tasks, for the help."""
    return "; ".join(f"{name}: {task_class(name).file_form}" for name in task_names())


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of single tasks, beyond the common ones."""
    known = {action.dest for action in parser._actions}
    for name in task_names():
        for option in task_class(name).options:
            if option.name in known:
                continue
            known.add(option.name)
            flag, about = f"--{option.name.replace('_', '-')}", f"{name}: {option.help}"
            if option.kind is bool:
                parser.add_argument(flag, action="store_true", default=None, help=about)
            else:
                kind = size if option.kind is int else option.kind
                parser.add_argument(flag, type=kind, choices=option.choices, help=about)


def run_task(arguments: argparse.Namespace) -> None:
    """Train a task on its files."""
    cls: type[Task] = task_class(arguments.task)
    check_model_path(arguments.out, arguments.files, force=arguments.force)
    if is_finished(arguments.out, arguments.resume):
        return
    given = _given(arguments, cls)
    reading = _taken(cls.read, given)
    with naming(arguments.files[0]):
        examples = cls.read(arguments.files, **reading)
    building = {name: value for name, value in given.items() if name not in reading}
    building |= _taken(cls.build, given)
    training, held = cls.split(examples, arguments.held_out, arguments.seed, **_taken(cls.split, building))
    task = cls.build(training, **_taken(cls.build, building), rng=arguments.seed)
    check_save(task, arguments.out)
    n = sum(param.size for param in task.model.params.values())
    print(folded(f"{task.describe(training)} to train on, {task.describe(held)} held out; {n:,} parameters"))

    def report(history: History) -> None:
        print("\n" if sys.stderr.isatty() else "", end="")  # below the progress line
        (name,) = history.metrics
        score = history.metrics[name][-1]
        shown = f"{score:.1%}" if "accuracy" in name else f"{score:.4g}"
        speed = f"{history.tokens_per_second[-1]:,.0f} targets/s"
        line = f"epoch {len(history.loss)}: loss {history.loss[-1]:.4f}, held-out {name} {shown}, {speed}"
        print(folded(line.replace("held-out held-out", "held-out")), flush=True)

    task.fit(
        training,
        validation=held,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        callback=report,
        rng=arguments.seed,
        progress=True,  # even in a log, because an epoch may take minutes
        checkpoint=arguments.out,  # an interruption leaves the last complete epoch
        resume=arguments.resume,
    )
    with naming(arguments.out):
        task.save(arguments.out)  # the best of all epochs
    print(f"saved in {arguments.out}")


def _given(arguments: argparse.Namespace, cls: type[Task]) -> dict[str, Any]:
    """Return the settings for a task by argument name; an unknown one is an error."""
    defaults = {option.name: option.default for option in cls.options if option.default is not None}
    given: dict[str, Any] = dict(defaults)
    functions = (cls.read, cls.build, cls.split)
    known = {name for function in functions for name in inspect.signature(function).parameters}
    extra = {option.name for name in task_names() for option in task_class(name).options}
    for option in [*COMMON, *sorted(extra | {"columns", "attention", "readout", "subwords"} - set(COMMON))]:
        name, value = COMMON.get(option, option), getattr(arguments, option, None)
        if value is None or (option in ALWAYS and name not in known):
            continue
        if name not in known:
            flag = f"--{option.replace('_', '-')}"
            raise ValueError(f"{flag} is not a setting of --task {arguments.task}")
        given[name] = value
    return given


def _taken(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return those of the settings that a function takes by name."""
    return {name: given[name] for name in inspect.signature(function).parameters if name in given}

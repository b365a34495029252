"""The commands that look into models: explore, compare, memory."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path
from typing import Any

from seqmem.cli.arguments import add_force, seed, size
from seqmem.cli.messages import message_of
from seqmem.cli.output import check_folder, check_page_folder, naming, new_folder
from seqmem.cli.terminal import terminal_width
from seqmem.cli.waiting import heartbeat
from seqmem.data import recall
from seqmem.experiments import Experiment, compare_command, memory_command
from seqmem.pages import Page, attention_page, gate_explorer, gate_movie
from seqmem.tasks import Translator, phrase_model

FRENCH = ("The cat sat on mat", "The black cat sat on the table")
OF_A_MODEL = ("gates.html", "attention.html", "movie.html")
OF_THE_LECTURE = ("gates.html", "attention.html", "attention-polish.html", "movie.html")
POLISH = ("How are you?", "Good morning!")


def add_commands(commands: Any) -> None:
    """Add the commands to the parser's."""
    explore = commands.add_parser(
        "explore", help="write interactive pages: gates, attention, states over time"
    )
    explore.add_argument("--out", required=True, metavar="DIR", help="the folder to write them to")
    explore.add_argument(
        "--model", metavar="MODEL", help="what train or demo saved; the lecture's phrases if none"
    )
    explore.add_argument(
        "--text",
        action="append",
        default=[],
        metavar="TEXT",
        help="what the model reads; more than once for more",
    )
    explore.add_argument("--seed", type=seed, default=0, help="of the phrase models (default: %(default)s)")
    explore.add_argument("--open", action="store_true", help="show the first page in the browser")
    add_force(explore)
    explore.set_defaults(command=_explore)

    compare = commands.add_parser("compare", help="the lecture's table with figures from this machine")
    compare.add_argument("--memory", metavar="FILE", help="what `memory --json` printed, for the horizons")
    compare.add_argument("--json", action="store_true", help="print the figures as JSON")
    compare.set_defaults(command=_compare)

    memory = commands.add_parser("memory", help="how far back each kind of network remembers")
    memory.add_argument(
        "--quick", action="store_true", help="fewer seeds and distances: three minutes, not twenty"
    )
    memory.add_argument("--lags", type=size, nargs="+", metavar="N", help="distances to test, in words")
    memory.add_argument("--seeds", type=seed, nargs="+", metavar="SEED", help="a run of each kind for each")
    memory.add_argument("--folder", metavar="DIR", help="where finished runs are kept: it goes on from there")
    memory.add_argument("--json", action="store_true", help="print all settings and runs as JSON")
    memory.set_defaults(command=_memory)


def _explore(arguments: argparse.Namespace) -> None:
    model = arguments.model
    if model and not arguments.text:
        raise ValueError("explore: --model without --text: what should it read?")
    if arguments.text and not model:
        raise ValueError("explore: --text without --model: which model should read it?")
    names = OF_A_MODEL if model else OF_THE_LECTURE
    check_page_folder(arguments.out, names, [model] if model else [], force=arguments.force)
    pages = {"gates.html": gate_explorer()}
    if model:
        with naming(model):
            translator = Translator.load(model)
        pages["attention.html"] = attention_page(translator, arguments.text)
        pages["movie.html"] = gate_movie(translator, arguments.text[0])
    else:
        pages |= _lecture(arguments.seed)
    with new_folder(arguments.out) as folder:
        for name in names:
            with naming(folder / name):
                pages[name].save(folder / name)
            print(f"{folder / name}: {pages[name].title}")
    if arguments.open:
        webbrowser.open((folder / names[0]).resolve().as_uri())


def _lecture(number: int) -> dict[str, Page]:
    """Make the pages of the lecture's sentences, from models trained here and now."""
    print("training three small models on phrases (about ten seconds)", flush=True)
    trained = []
    for language, context in (("fr", "attention"), ("pl", "attention"), ("fr", "fixed")):
        with heartbeat("training"):
            trained.append(phrase_model(language, context, number))  # type: ignore[arg-type]
        print(f"  {len(trained)} of 3 trained", flush=True)
    french, polish, fixed = trained
    return {
        "attention.html": attention_page(french, FRENCH, contrast=fixed),
        "attention-polish.html": attention_page(polish, POLISH),
        "movie.html": gate_movie(french, FRENCH[0]),
    }


def _compare(arguments: argparse.Namespace) -> None:
    memory = None
    if arguments.memory:
        try:
            with naming(arguments.memory):
                memory = Experiment.from_json(Path(arguments.memory).read_text(encoding="utf-8"))
            if memory.title != "memory horizon":
                raise ValueError(f"it is of {memory.title!r:.80}")
        except ValueError as error:
            reason = message_of(error, arguments)
            raise ValueError(f"{arguments.memory}: not what `memory --json` prints: {reason}") from None
    print(compare_command(memory, as_json=arguments.json, width=terminal_width()))


def _memory(arguments: argparse.Namespace) -> None:
    if arguments.lags and min(arguments.lags) < recall.SHORTEST:
        raise ValueError(
            f"--lags {min(arguments.lags)}: expected distances of at least {recall.SHORTEST} words"
        )
    if arguments.folder:
        check_folder("--folder", arguments.folder)
    print(
        memory_command(
            quick=arguments.quick,
            lags=arguments.lags,
            seeds=arguments.seeds,
            folder=arguments.folder,
            progress=True,  # in a log, too: it takes minutes
            as_json=arguments.json,
            width=terminal_width(),
        )
    )

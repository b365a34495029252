"""The commands that look into models: explore, compare, memory."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path
from typing import Any

from seqmem.cli.arguments import seed, size
from seqmem.data import Translator
from seqmem.insight import (
    Experiment,
    Page,
    attention_page,
    compare_command,
    gate_explorer,
    gate_movie,
    memory_command,
    phrase_model,
)

FRENCH = ("The cat sat on mat", "The black cat sat on the table")
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
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    pages = {"gates.html": gate_explorer()}
    if arguments.model:
        if not arguments.text:
            raise ValueError("explore: --model without --text: what should it read?")
        translator = Translator.load(arguments.model)
        pages["attention.html"] = attention_page(translator, arguments.text)
        pages["movie.html"] = gate_movie(translator, arguments.text[0])
    else:
        if arguments.text:
            raise ValueError("explore: --text without --model: which model should read it?")
        pages |= _lecture(arguments.seed)
    for name, page in pages.items():
        page.save(out / name)
        print(f"{out / name}: {page.title}")
    if arguments.open:
        webbrowser.open((out / next(iter(pages))).resolve().as_uri())


def _lecture(number: int) -> dict[str, Page]:
    """The pages of the lecture's sentences, from models trained here and now."""
    print("training three small models on phrases (about ten seconds)", flush=True)
    french, polish = phrase_model("fr", seed=number), phrase_model("pl", seed=number)
    fixed = phrase_model("fr", "fixed", seed=number)
    return {
        "attention.html": attention_page(french, FRENCH, contrast=fixed),
        "attention-polish.html": attention_page(polish, POLISH),
        "movie.html": gate_movie(french, FRENCH[0]),
    }


def _compare(arguments: argparse.Namespace) -> None:
    memory = None
    if arguments.memory:
        try:
            memory = Experiment.from_json(Path(arguments.memory).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{arguments.memory}: not what `memory --json` prints: {error}") from None
    print(compare_command(memory, as_json=arguments.json))


def _memory(arguments: argparse.Namespace) -> None:
    print(
        memory_command(
            quick=arguments.quick,
            lags=arguments.lags,
            seeds=arguments.seeds,
            folder=arguments.folder,
            as_json=arguments.json,
        )
    )

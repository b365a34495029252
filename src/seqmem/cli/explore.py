"""The command explore: the interactive pages, as a course with an index."""

from __future__ import annotations

import argparse
import webbrowser
from typing import Any

from seqmem.cli.arguments import add_force, seed
from seqmem.cli.terminal.output import check_page_folder, naming, new_folder
from seqmem.cli.terminal.waiting import heartbeat
from seqmem.pages import (
    Page,
    attention_page,
    course_pages,
    gate_explorer,
    gate_movie,
    quiz_page,
    vanishing_gradient,
)
from seqmem.pages.course import ORDER
from seqmem.tasks import Translator, phrase_model

FRENCH = ("The cat sat on mat", "The black cat sat on the table")
OF_A_MODEL = ("index.html", *(file for file in ORDER if file != "attention-polish.html"))
OF_THE_LECTURE = ("index.html", *ORDER)
POLISH = ("How are you?", "Good morning!")


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "explore", help="write interactive pages: gradients, gates, attention, a quiz"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder to write the pages to")
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="a model that train or demo saved (default: models of the lecture's phrases)",
    )
    parser.add_argument(
        "--text",
        action="append",
        default=[],
        metavar="TEXT",
        help="a text for the model; may be repeated",
    )
    parser.add_argument(
        "--seed", type=seed, default=0, help="seed of the phrase models (default: %(default)s)"
    )
    parser.add_argument("--open", action="store_true", help="open the first page in the browser")
    add_force(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Write the pages."""
    model = arguments.model
    if model and not arguments.text:
        raise ValueError("explore: --model without --text: what should it read?")
    if arguments.text and not model:
        raise ValueError("explore: --text without --model: which model should read it?")
    names = OF_A_MODEL if model else OF_THE_LECTURE
    check_page_folder(arguments.out, names, [model] if model else [], force=arguments.force)
    pages = {"gradients.html": vanishing_gradient(), "gates.html": gate_explorer(), "quiz.html": quiz_page()}
    if model:
        with naming(model):
            translator = Translator.load(model)
        pages["attention.html"] = attention_page(translator, arguments.text)
        pages["movie.html"] = gate_movie(translator, arguments.text)
    else:
        pages |= _lecture(arguments.seed)
    with new_folder(arguments.out) as folder:
        for name, page in course_pages(pages).items():
            with naming(folder / name):
                page.save(folder / name)
            print(f"{folder / name}: {page.title}")
    if arguments.open:
        webbrowser.open((folder / names[0]).resolve().as_uri())


def _lecture(number: int) -> dict[str, Page]:
    """Return the pages of the lecture's sentences, from newly trained models."""
    print("training three small models on phrases (about ten seconds)", flush=True)
    trained = []
    for language, context in (("fr", "attention"), ("pl", "attention"), ("fr", "fixed")):
        with heartbeat("training"):
            trained.append(phrase_model(language, context, rng=number))  # type: ignore[arg-type]
        print(f"  {len(trained)} of 3 trained", flush=True)
    french, polish, fixed = trained
    return {
        "attention.html": attention_page(french, FRENCH, contrast=fixed),
        "attention-polish.html": attention_page(polish, POLISH, title="“How are you?” in Polish"),
        "movie.html": gate_movie(french, FRENCH),
    }

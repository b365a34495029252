"""The command demo: check the gradients, train a model on dates, and show its attention."""

from __future__ import annotations

import argparse
from typing import Any

from seqmem.cells import GRUCell, LSTMCell, RNNCell
from seqmem.checking import gradcheck
from seqmem.cli.arguments import add_force, seed
from seqmem.cli.terminal.output import check_model_path, check_save, naming
from seqmem.cli.terminal.screen import folded, heatmap
from seqmem.contexts import AdditiveAttention
from seqmem.data import dates
from seqmem.models import Decoder, Encoder, Seq2Seq
from seqmem.module import Module
from seqmem.tasks import Translation, Translator
from seqmem.training import Adam, cosine_decay, fit
from seqmem.validation import brief

LONGEST = 20  # characters to show of an answer; a date has ten


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("demo", help="check the gradients, train on dates, translate some")
    parser.add_argument(
        "--out", default="dates.npz", metavar="MODEL", help="where to save (default: %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="train for 20 seconds only")
    parser.add_argument(
        "--seed", type=seed, default=0, help="seed of all random numbers (default: %(default)s)"
    )
    add_force(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Check the gradients, train on dates and translate some."""
    check_model_path(arguments.out, force=arguments.force)
    print("1. Every gradient against the complex step, entry by entry, in float64\n")
    _prove_gradients(arguments.seed)

    print("\n2. LSTM and additive attention learn to read dates\n")
    training, held_out = dates.split(20_000, 1_000, rng=arguments.seed)
    translator = Translator.build(
        training,
        "char",
        hidden_size=128,
        embedding_size=32,
        readout="all",
        rng=arguments.seed,
        dtype="float32",
    )
    check_save(translator, arguments.out)
    print(folded(f"{len(training):,} dates in {len(dates.FORMS)} forms and four languages to train on, e.g."))
    print(*(f"   {written} -> {iso}" for written, iso in training[:3]), sep="\n", flush=True)
    history = fit(
        translator.model,
        translator.batches(training, 64),
        Adam(3e-3),
        epochs=8,
        max_seconds=20 if arguments.quick else 115,
        max_norm=1.0,
        schedule=cosine_decay,
        rng=arguments.seed,
        progress=True,
    )
    found = translator.translate([written for written, _ in held_out])
    right = sum(one.text == iso for one, (_, iso) in zip(found, held_out, strict=True))
    seconds = sum(history.seconds)
    print(f"\nexact match on {len(found):,} unseen dates: {right / len(found):.1%} after {seconds:.0f} s")

    print(
        "\n"
        + folded("3. The attention: a row for each character written, a column for each character read\n")
    )
    _show_attention(found[:4], held_out)
    with naming(arguments.out):
        translator.save(arguments.out)
    print(f"The model is saved in {arguments.out}. To translate a date with it:")
    print(f'   python -m seqmem translate {arguments.out} "Saturday, 9 March 2024"')


def _show_attention(found: list[Translation], held_out: list[tuple[str, str]]) -> None:
    """Print the attention of some dates, and print whether each was read correctly."""
    for one, (written, iso) in zip(found, held_out, strict=False):
        verdict = "right" if one.text == iso else f"wrong: it is {iso}"
        print(folded(f"{written} -> {brief(one.text, LONGEST)}, {verdict}"))
        print(heatmap(one), end="\n\n")
    if any(one.text != iso for one, (_, iso) in zip(found, held_out, strict=False)):
        print(folded("The attention behind a wrong answer explains little: train for longer.\n"))


def _prove_gradients(seed: int) -> None:
    D, H, K = 2, 5, 4
    attention = AdditiveAttention(H, K, 6, rng=seed)
    decoder = Decoder(8, 3, H, context=attention, readout="all", rng=seed)
    model = Seq2Seq(Encoder(9, D, K, rng=seed), decoder, rng=seed)
    modules: list[tuple[str, Module]] = [
        ("RNNCell", RNNCell(D, H)),
        ("LSTMCell", LSTMCell(D, H)),
        ("GRUCell, reset before", GRUCell(D, H)),
        ("GRUCell, reset after", GRUCell(D, H, reset="after")),
        ("AdditiveAttention", attention),
        ("the whole model", model),
    ]
    worst = 0.0
    for title, module in modules:
        report = gradcheck(module, seed=seed, seconds=3600)  # every entry, however slow the machine is
        worst = max(worst, report.max_error)
        print(folded(str(report).replace(type(module).__name__, title, 1)), end="\n\n", flush=True)
    print(f"largest relative error of all: {worst:.1e}")

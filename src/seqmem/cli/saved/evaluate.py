"""The command evaluate: the scores of a saved translator on a file of pairs."""

from __future__ import annotations

import argparse
from typing import Any

from seqmem.cli.arguments import add_search, count, search_options, size
from seqmem.cli.terminal.output import naming
from seqmem.cli.terminal.screen import folded, terminal_width
from seqmem.cli.terminal.waiting import heartbeat
from seqmem.insight.folding import fold_words
from seqmem.tasks import Translation, Translator
from seqmem.tasks.translation_report import ScoredPair, report_translations

INDENT = 5  # columns before a pair's texts


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("evaluate", help="score a saved translator on a file of pairs")
    parser.add_argument("model", metavar="MODEL", help="a model that train or demo saved")
    parser.add_argument("pairs", metavar="PAIRS", help="a source, a tab and a target on each line")
    parser.add_argument(
        "--columns",
        nargs=2,
        type=count,
        metavar=("SOURCE", "TARGET"),
        help="the columns of source and target, counted from 0 (default: 0 1)",
    )
    add_search(parser)
    parser.add_argument(
        "--n-best", type=size, metavar="N", help="keep the N best of the beam (default: the best one)"
    )
    parser.add_argument(
        "--worst", type=count, default=20, metavar="N", help="show the N worst (default: %(default)s)"
    )
    parser.add_argument("--batch-size", type=size, default=64, help="pairs per batch (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print scores and all translations as JSON")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the scores and the worst translations."""
    with naming(arguments.model):
        translator = Translator.load(arguments.model)
    pairs = Translator.read([arguments.pairs], level=translator.level, columns=arguments.columns)
    options = search_options(arguments) | {"n_best": arguments.n_best or 1}
    with heartbeat("translating"):
        report = report_translations(translator, pairs, batch_size=arguments.batch_size, **options)
    if arguments.json:
        print(report.to_json())
        return
    print(f"{len(pairs):,} pairs")
    for name, value in report.scores.items():
        print(folded(f"{name:26} {value:.4g}{' nats per symbol' if name == 'loss' else ''}"))
    if "BLEU" not in report.scores:
        print(folded('BLEU and chrF need sacrebleu: pip install "seqmem[metrics]"'))
    worst = report.worst(arguments.worst)
    if worst:
        print(f"\nThe worst {len(worst)}, by character error rate:")
    for number, one in enumerate(worst, start=1):
        print("\n".join(["", *_lines(number, one)]))


def _lines(number: int, one: ScoredPair) -> list[str]:
    """Return the lines that show a pair and its translations."""
    found = [(_how(each), each.text) for each in one.found]
    lines = [f"{number:3}. error rate {one.error_rate:.2f}"]
    for label, text in (("source", one.source), ("target", one.target), *found):
        lines += fold_words(f"{label}: {text}", terminal_width(), INDENT)
    return lines


def _how(one: Translation) -> str:
    return f"found {one.normalized_score:.2f}{'' if one.ended else ', cut off'}"

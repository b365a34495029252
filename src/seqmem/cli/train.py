"""The command train: train a model on a file of pairs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from seqmem.cli.arguments import add_force, positive, seed, size
from seqmem.cli.terminal.messages import say
from seqmem.cli.terminal.output import check_model_path, check_save, naming
from seqmem.cli.terminal.screen import folded
from seqmem.data import default_max_symbols, read_pairs, train_validation_split
from seqmem.registry import cell_names
from seqmem.tasks import Translator
from seqmem.training import Adam, History, cosine_decay, fit, token_accuracy


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("train", help="train on a file of pairs, tab-separated")
    parser.add_argument("pairs", metavar="PAIRS.tsv", help="source, tab, target on each line, in UTF-8")
    parser.add_argument("--out", required=True, metavar="MODEL", help="the file for the model (.npz)")
    parser.add_argument(
        "--columns",
        type=int,
        nargs=2,
        metavar=("SOURCE", "TARGET"),
        help="the columns of PAIRS.tsv, counted from 0 (default: 0 1)",
    )
    parser.add_argument("--level", choices=("char", "word"), default="char", help="the unit of a symbol")
    parser.add_argument("--cell", choices=cell_names(), default="lstm")
    parser.add_argument("--attention", choices=("additive", "none"), default="additive")
    parser.add_argument(
        "--readout",
        choices=("all", "state"),
        default="all",
        help="predict from the decoder's state, the previous symbol and the context, or from the state alone "
        "(default: %(default)s)",
    )
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    for name, default, meaning in (
        ("epochs", 10, "passes over the pairs"),
        ("batch-size", 64, "pairs per batch"),
        ("hidden", 128, "units of encoder, decoder and scorer"),
        ("embedding", 64, "width of a symbol's vector"),
        ("min-count", 1, "minimum number of occurrences of a symbol"),
    ):
        parser.add_argument(f"--{name}", type=size, default=default, help=f"{meaning} (default: %(default)s)")
    parser.add_argument(
        "--max-vocabulary",
        type=size,
        metavar="N",
        help="the maximum size of a vocabulary, including the four special symbols (default: no limit)",
    )
    parser.add_argument("--learning-rate", type=positive, default=2e-3, help="of Adam (default: %(default)s)")
    parser.add_argument("--held-out", type=size, help="pairs to validate on (default: a tenth, at most 1000)")
    parser.add_argument(
        "--seed", type=seed, default=0, help="seed of all random numbers (default: %(default)s)"
    )
    add_force(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Train on a file of pairs."""
    check_model_path(arguments.out, [arguments.pairs], force=arguments.force)
    too_long: list[str] = []
    with naming(arguments.pairs):
        pairs = read_pairs(
            arguments.pairs,
            arguments.level,
            columns=arguments.columns,
            max_symbols=default_max_symbols(arguments.batch_size),
            on_too_long=too_long.append,
        )
    _warn(too_long)
    held_out = arguments.held_out or min(1_000, max(1, len(pairs) // 10))
    training, validation = train_validation_split(pairs, held_out, rng=arguments.seed)
    translator = Translator.build(
        training,
        arguments.level,
        hidden_size=arguments.hidden,
        embedding_size=arguments.embedding,
        cell=arguments.cell,
        context="additive" if arguments.attention == "additive" else "fixed",
        readout=arguments.readout,
        dtype=arguments.dtype,
        rng=arguments.seed,
        min_count=arguments.min_count,
        max_vocabulary=arguments.max_vocabulary,
    )
    check_save(translator, arguments.out)
    model, sources, targets = translator.model, translator.source_vocabulary, translator.target_vocabulary
    print(
        folded(
            f"{len(training):,} pairs to train on, {len(validation):,} held out; "
            f"vocabularies of {len(sources):,} and {len(targets):,}; "
            f"{sum(param.size for param in model.params.values()):,} parameters"
        ),
        flush=True,
    )
    held = list(translator.batches(validation, arguments.batch_size, allow_unknown=True)(arguments.seed))

    def report(history: History) -> None:
        with naming(arguments.out):
            translator.save(arguments.out)  # an interruption leaves the last complete epoch
        below_the_progress_line = "\n" if sys.stderr.isatty() else ""
        print(below_the_progress_line, end="")
        line = (
            f"epoch {len(history.loss)}: loss {history.loss[-1]:.4f}, "
            f"held-out token accuracy {history.metric[-1]:.1%}, "
            f"{history.tokens_per_second[-1]:,.0f} tokens/s"
        )
        print(folded(line), flush=True)

    fit(
        model,
        translator.batches(training, arguments.batch_size),
        Adam(arguments.learning_rate),
        epochs=arguments.epochs,
        max_norm=1.0,
        schedule=cosine_decay,
        validate=lambda model: token_accuracy(model, held),
        callback=report,
        rng=arguments.seed,
        progress=True,  # even in a log, because an epoch may take minutes
    )
    print(f"saved in {arguments.out}")


def _warn(messages: Sequence[str]) -> None:
    """Print the first ten messages, and the number of further ones."""
    for message in messages[:10]:
        say(f"seqmem: warning: {message}")
    if len(messages) > 10:
        say(f"seqmem: warning: and {len(messages) - 10:,} more lines like these")

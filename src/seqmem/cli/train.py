"""The command train: a model for a file of pairs, or for the files of another task."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from seqmem.cli.arguments import add_force, add_resume, fraction, positive, seed, size
from seqmem.cli.terminal.messages import say
from seqmem.cli.terminal.output import check_model_path, check_save, is_finished, naming
from seqmem.cli.terminal.screen import folded
from seqmem.cli.train_task import add_options, file_forms, run_task
from seqmem.data import default_max_symbols, read_pairs, train_validation_split
from seqmem.registry import cell_names, task_class, task_names
from seqmem.tasks import Translator
from seqmem.training import Adam, History, cosine_decay, fit, token_accuracy

ATTENTIONS = ("additive", "dot-product", "scaled-dot-product", "bilinear", "fixed", "none")


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "train", help="train on files", epilog=f"Formats of FILE, in UTF-8: {file_forms()}."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="training data; translate takes one file")
    parser.add_argument(
        "--task",
        choices=task_names(),
        default="translate",
        metavar="TASK",
        help=f"the task to learn: {', '.join(task_names())} (default: %(default)s)",
    )
    parser.add_argument("--out", required=True, metavar="MODEL", help="where to save the model (.npz)")
    parser.add_argument(
        "--columns",
        type=int,
        nargs=2,
        metavar=("SOURCE", "TARGET"),
        help="translate: the columns of source and target; tag: of word and label; counted from 0 (default: "
        "0 1; tag: the first and the last)",
    )
    parser.add_argument(
        "--level", choices=("char", "word"), help="the unit of a symbol (default: char; classify: word)"
    )
    parser.add_argument(
        "--cell",
        choices=cell_names(),
        default="lstm",
        metavar="CELL",
        help=f"{', '.join(cell_names())} (default: %(default)s)",
    )
    parser.add_argument(
        "--attention",
        choices=ATTENTIONS,
        metavar="KIND",
        help=f"translate: {', '.join(ATTENTIONS)}; with fixed, every step reads the encoder's final "
        "output; with none, the decoder starts from the encoder's final state and reads nothing else of the source "
        "(default: additive)",
    )
    parser.add_argument(
        "--readout",
        choices=("all", "state"),
        help="translate: predict from the decoder's state, the previous symbol and the context, or from the "
        "state alone (default: all)",
    )
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    for name, default, meaning in (
        ("epochs", 10, "passes over the examples"),
        ("batch-size", 64, "examples per step"),
        ("hidden", 128, "units per layer"),
        ("embedding", 64, "width of a symbol's vector"),
    ):
        parser.add_argument(f"--{name}", type=size, default=default, help=f"{meaning} (default: %(default)s)")
    parser.add_argument(
        "--min-count",
        type=size,
        help="learn only symbols that occur at least this often (default: 1; tag: 2)",
    )
    parser.add_argument(
        "--subwords",
        type=size,
        metavar="N",
        help="translate: split words into subwords by N merges; needs --level word",
    )
    parser.add_argument("--layers", type=size, help="number of stacked recurrent layers")
    parser.add_argument("--dropout", type=fraction, help="rate of dropout (default: 0)")
    parser.add_argument(
        "--max-vocabulary",
        type=size,
        metavar="N",
        help="the maximum size of a vocabulary, including the four special symbols (default: no limit)",
    )
    parser.add_argument(
        "--learning-rate", type=positive, default=2e-3, help="Adam's learning rate (default: %(default)s)"
    )
    parser.add_argument(
        "--held-out",
        type=size,
        help="examples to validate on (default: a tenth, at most 1000); language-model: the last symbols; "
        "forecast: the last steps (default: a tenth)",
    )
    parser.add_argument(
        "--seed", type=seed, default=0, help="seed of all random numbers (default: %(default)s)"
    )
    add_force(parser)
    add_resume(parser)
    add_options(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Train on the files of a task."""
    if arguments.task != "translate":
        return run_task(arguments)
    others = {option.name for name in task_names() for option in task_class(name).options}
    for option in sorted(others - {"level", "min_count", "bidirectional"}):
        if getattr(arguments, option) is not None:
            raise ValueError(f"--{option.replace('_', '-')} is not a setting of --task translate")
    if len(arguments.files) > 1:
        raise ValueError(f"translate takes one file, {len(arguments.files)} were given")
    (arguments.pairs,) = arguments.files
    arguments.level, arguments.min_count = arguments.level or "char", arguments.min_count or 1
    if arguments.subwords and arguments.level != "word":
        raise ValueError(f"--subwords {arguments.subwords} splits words, expected --level word")
    return _train_translator(arguments)


def _train_translator(arguments: argparse.Namespace) -> None:
    """Train on a file of pairs."""
    check_model_path(arguments.out, [arguments.pairs], force=arguments.force)
    if is_finished(arguments.out, arguments.resume):
        return
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
        context=_context(arguments.attention),
        readout=arguments.readout or "all",
        num_layers=arguments.layers or 1,
        bidirectional=bool(arguments.bidirectional),
        dropout=arguments.dropout or 0.0,
        dtype=arguments.dtype,
        rng=arguments.seed,
        min_count=arguments.min_count,
        max_vocabulary=arguments.max_vocabulary,
        n_merges=arguments.subwords,
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
        checkpoint=arguments.out,  # an interruption leaves the last complete epoch
        resume=arguments.resume,
        metadata=translator.file_metadata(),
    )
    with naming(arguments.out):
        translator.save(arguments.out)
    print(f"saved in {arguments.out}")


def _context(attention: str | None) -> Any:
    return (attention or "additive").replace("-", "_")


def _warn(messages: Sequence[str]) -> None:
    """Print the first ten messages, and the number of further ones."""
    for message in messages[:10]:
        say(f"seqmem: warning: {message}")
    if len(messages) > 10:
        say(f"seqmem: warning: and {len(messages) - 10:,} more lines like these")

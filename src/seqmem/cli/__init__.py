"""The command line: python -m seqmem check | demo | train | translate | explore | compare | memory."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seqmem.cells import GRUCell, LSTMCell, RNNCell
from seqmem.checking import gradcheck
from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.selftest.score import selftest
from seqmem.checking.submissions.run_apart import check_file
from seqmem.cli import insight
from seqmem.cli.arguments import add_force, positive, seed, size
from seqmem.cli.messages import message_of, say, settle_output
from seqmem.cli.output import check_model_path, naming
from seqmem.cli.signals import Terminated, ending_by_exception
from seqmem.cli.terminal import folded, heatmap
from seqmem.cli.waiting import heartbeat
from seqmem.contexts import AdditiveAttention
from seqmem.data import (
    BucketedBatches,
    Vocabulary,
    dates,
    default_max_symbols,
    read_pairs,
    train_validation_split,
)
from seqmem.models import Decoder, Encoder, Seq2Seq
from seqmem.module import Module
from seqmem.tasks import Translator
from seqmem.training import Adam, CheckpointError, History, NonFiniteError, cosine_decay, fit, token_accuracy
from seqmem.version import VERSION

WRONG_USE = 2  # the exit code of argparse, too
INTERRUPTED = 130  # what a shell expects after Ctrl-C

Pairs = Sequence[tuple[Sequence[str], Sequence[str]]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake becomes one line on stderr.

    Args:
        argv: the arguments without the program's name; the process's own when None.

    Returns:
        The exit code: 0; 1 when training failed; 2 for a mistake in the arguments or a file; 130 after an
        interrupt, 143 after SIGTERM, 129 after SIGHUP.
    """
    arguments = _arguments(argv)
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller: there is nothing to read, and nobody to tell
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115 - until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ą must not end a translation
    try:
        with ending_by_exception():
            code = int(arguments.command(arguments) or 0)
            sys.stdout.flush()  # here, where a full disk still gets a message and an exit code
            return code
    except BrokenPipeError:  # the reader had enough: python -m seqmem translate ... | head
        settle_output()
        return 0 if arguments.command is _translate else INTERRUPTED  # training did not end
    except NonFiniteError as error:
        say(f"seqmem: training failed: {message_of(error, arguments)}")
        return 1
    except (CheckpointError, OSError, ValueError, MemoryError) as error:
        say(f"seqmem: error: {message_of(error, arguments)}")
        settle_output()
        return WRONG_USE
    except KeyboardInterrupt:
        say("seqmem: interrupted")
        return INTERRUPTED
    except Terminated as end:
        say(f"seqmem: {end}")
        return 128 + end.number  # what a shell says of a process that a signal ended


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    # argparse takes no text behind an option: translate MODEL --attention TEXT
    if "--" in rest:  # what follows is text, whatever it looks like
        rest.remove("--")
    elif rest and (arguments.command is not _translate or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        arguments.text += rest
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m seqmem", description="Small sequence models in NumPy.")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    check = commands.add_parser("check", help="check hand-written gradients, and name the mistake")
    check.add_argument(
        "target",
        nargs="?",
        metavar="FILE.py[:name]",
        help="a file with NAME_forward and NAME_backward, or forward and backward",
    )
    check.add_argument(
        "--like",
        choices=tuple(KINDS),
        default="",
        metavar="KIND",
        help="what the functions should compute: " + ", ".join(KINDS),
    )
    check.add_argument("--seed", type=seed, default=0, help="of the numbers tried (default: %(default)s)")
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    check.add_argument(
        "--seconds", type=positive, default=60.0, help="after which it is ended (default: %(default)s)"
    )
    check.add_argument("--selftest", action="store_true", help="check the checker: plant every known mistake")
    check.set_defaults(command=_check)

    demo = commands.add_parser("demo", help="prove the gradients, train on dates, translate some")
    demo.add_argument(
        "--out", default="dates.npz", metavar="MODEL", help="where to save (default: %(default)s)"
    )
    demo.add_argument("--quick", action="store_true", help="train for 20 seconds only")
    demo.add_argument("--seed", type=seed, default=0, help="of everything random (default: %(default)s)")
    add_force(demo)
    demo.set_defaults(command=_demo)

    train = commands.add_parser("train", help="train on a file of pairs, tab-separated")
    train.add_argument("pairs", metavar="PAIRS.tsv", help="source, tab, target on each line, in UTF-8")
    train.add_argument("--out", required=True, metavar="MODEL", help="where to save the model (.npz)")
    train.add_argument(
        "--columns",
        type=int,
        nargs=2,
        metavar=("SOURCE", "TARGET"),
        help="which columns of PAIRS.tsv, counted from 0 (default: 0 1)",
    )
    train.add_argument("--level", choices=("char", "word"), default="char", help="what a symbol is")
    train.add_argument("--cell", choices=("lstm", "gru", "rnn"), default="lstm")
    train.add_argument("--attention", choices=("additive", "none"), default="additive")
    train.add_argument(
        "--readout",
        choices=("all", "state"),
        default="all",
        help="predict from the decoder's state, the symbol before and the context, or from the state alone "
        "(default: %(default)s)",
    )
    train.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    for name, default, meaning in (
        ("epochs", 10, "times through the pairs"),
        ("batch-size", 64, "pairs in a step"),
        ("hidden", 128, "units of encoder, decoder and scorer"),
        ("embedding", 64, "width of a symbol's vector"),
        ("min-count", 1, "how often a symbol must occur to be learnt"),
    ):
        train.add_argument(f"--{name}", type=size, default=default, help=f"{meaning} (default: %(default)s)")
    train.add_argument(
        "--max-vocabulary",
        type=size,
        metavar="N",
        help="the most symbols of a side, the commonest, with the four special ones (default: all)",
    )
    train.add_argument("--learning-rate", type=positive, default=2e-3, help="Adam's (default: %(default)s)")
    train.add_argument("--held-out", type=size, help="pairs to validate on (default: a tenth, at most 1000)")
    train.add_argument("--seed", type=seed, default=0, help="of everything random (default: %(default)s)")
    add_force(train)
    train.set_defaults(command=_train)

    translate = commands.add_parser("translate", help="translate with a saved model")
    translate.add_argument("model", metavar="MODEL", help="what train or demo saved")
    translate.add_argument(
        "text", nargs="*", metavar="TEXT", help="what to translate; lines of stdin if none"
    )
    translate.add_argument("--attention", action="store_true", help="show what each symbol looked at")
    translate.add_argument("--max-length", type=size, default=100, help="in symbols (default: %(default)s)")
    translate.set_defaults(command=_translate)
    insight.add_commands(commands)
    return parser


def _check(arguments: argparse.Namespace) -> int:
    if arguments.selftest:
        with heartbeat("planting every known mistake"):
            result = selftest()
        print(folded(result))
        return 0 if result.passed else 1
    if not arguments.target:
        raise ValueError("check: no file was named: python -m seqmem check FILE.py[:name]")
    path, name = Path(arguments.target), ""
    if not path.exists() and ":" in arguments.target:
        head, _, name = arguments.target.rpartition(":")
        path = Path(head)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file in it, python -m seqmem check FILE.py[:name]")
    if not path.is_file():
        raise ValueError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    with heartbeat(f"checking {path}"):
        answer = check_file(path, name, arguments.like, arguments.seed, arguments.seconds)
    if answer.report is None:
        text = json.dumps({"verdict": "cannot tell", "passed": False, "trouble": answer.trouble}, indent=2)
        print(text if arguments.json else folded(f"{arguments.target}: CANNOT TELL: {answer.trouble}"))
        code = WRONG_USE
    else:
        print(answer.report.to_json() if arguments.json else folded(answer.report))
        code = {"right": 0, "wrong": 1}.get(answer.report.verdict, WRONG_USE)
    if answer.printed and not arguments.json:
        print(f"\nIt printed:\n{answer.printed.rstrip()}")
    return code


def _demo(arguments: argparse.Namespace) -> None:
    check_model_path(arguments.out, force=arguments.force)
    print("1. Every gradient against the complex step, entry by entry, in float64\n")
    _prove_gradients(arguments.seed)

    print("\n2. LSTM and additive attention learn to read dates\n")
    training, held_out = dates.split(20_000, 1_000, rng=arguments.seed)
    translator = make_translator(training, "char", hidden=128, embedding=32, seed=arguments.seed)
    _check_save(translator, arguments.out)
    print(folded(f"{len(training):,} dates in {len(dates.FORMS)} forms and four languages to train on, e.g."))
    print(*(f"   {written} -> {iso}" for written, iso in training[:3]), sep="\n", flush=True)
    history = fit(
        translator.model,
        _batches(translator, training, 64),
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

    print("\n" + folded("3. What it looks at: a line for each character written, a column for each read\n"))
    for one in found[:4]:
        print(heatmap(one), end="\n\n")
    with naming(arguments.out):
        translator.save(arguments.out)
    print(f"The model is saved in {arguments.out}. To translate a date with it:")
    print(f'   python -m seqmem translate {arguments.out} "Saturday, 9 March 2024"')


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
        report = gradcheck(module, seed=seed)
        worst = max(worst, report.max_error)
        print(folded(str(report).replace(type(module).__name__, title, 1)), end="\n\n", flush=True)
    print(f"largest relative error of all: {worst:.1e}")


def _train(arguments: argparse.Namespace) -> None:
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
    translator = make_translator(
        training,
        arguments.level,
        hidden=arguments.hidden,
        embedding=arguments.embedding,
        cell=arguments.cell,
        attention=arguments.attention == "additive",
        readout=arguments.readout,
        dtype=arguments.dtype,
        seed=arguments.seed,
        min_count=arguments.min_count,
        max_vocabulary=arguments.max_vocabulary,
    )
    _check_save(translator, arguments.out)
    model, sources, targets = translator.model, translator.source_vocabulary, translator.target_vocabulary
    print(
        folded(
            f"{len(training):,} pairs to train on, {len(validation):,} held out; "
            f"vocabularies of {len(sources):,} and {len(targets):,}; "
            f"{sum(param.size for param in model.params.values()):,} parameters"
        ),
        flush=True,
    )
    held = list(_batches(translator, validation, arguments.batch_size, allow_unknown=True)(arguments.seed))

    def report(history: History) -> None:
        with naming(arguments.out):
            translator.save(arguments.out)  # an interrupted training leaves the last whole epoch
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
        _batches(translator, training, arguments.batch_size),
        Adam(arguments.learning_rate),
        epochs=arguments.epochs,
        max_norm=1.0,
        schedule=cosine_decay,
        validate=lambda model: token_accuracy(model, held),
        callback=report,
        rng=arguments.seed,
        progress=True,  # in a log, too: an epoch may take minutes
    )
    print(f"saved in {arguments.out}")


def _translate(arguments: argparse.Namespace) -> None:
    with naming(arguments.model):
        translator = Translator.load(arguments.model)
    if not arguments.text and sys.stdin.isatty():
        print("seqmem: reading lines to translate from the terminal, end with Ctrl-D", file=sys.stderr)
    lines = arguments.text or map(_readable, _standard_input())
    for line in lines:
        (one,) = translator.translate([line], max_length=arguments.max_length)
        print(one.text)
        if arguments.attention:
            print(heatmap(one), end="\n\n")
        sys.stdout.flush()  # line by line, for whoever is at the other end of a pipe


def _standard_input() -> Iterator[str]:
    with naming("standard input"):
        yield from sys.stdin


def make_translator(
    pairs: Pairs,
    level: Any,
    *,
    hidden: int,
    embedding: int,
    cell: str = "lstm",
    attention: bool = True,
    readout: Literal["all", "state"] = "all",
    dtype: str = "float32",
    seed: int = 0,
    min_count: int = 1,
    max_vocabulary: int | None = None,
) -> Translator:
    """A new model for pairs of symbol sequences, with their vocabularies."""
    rng = np.random.default_rng(seed)
    sources = Vocabulary.build((source for source, _ in pairs), max_vocabulary, min_count)
    targets = Vocabulary.build((target for _, target in pairs), max_vocabulary, min_count)
    for side, vocabulary in (("source", sources), ("target", targets)):
        if not vocabulary.symbols and (min_count > 1 or max_vocabulary is not None):
            raise ValueError(
                f"no {side} symbol is left by --min-count {min_count}"
                + ("" if max_vocabulary is None else f" and --max-vocabulary {max_vocabulary}")
            )
    context = AdditiveAttention(hidden, hidden, hidden // 2 or 1, rng=rng, dtype=dtype) if attention else None
    encoder = Encoder(len(sources), embedding, hidden, cell=cell, rng=rng, dtype=dtype)
    decoder = Decoder(
        *(len(targets), embedding, hidden), context=context, cell=cell, readout=readout, rng=rng, dtype=dtype
    )
    return Translator(Seq2Seq(encoder, decoder, rng=rng), sources, targets, level)


def _batches(
    translator: Translator, pairs: Pairs, batch_size: int, *, allow_unknown: bool = False
) -> BucketedBatches:
    sources, targets = translator.source_vocabulary, translator.target_vocabulary
    return BucketedBatches(pairs, sources, targets, batch_size, allow_unknown=allow_unknown)


def _readable(line: str) -> str:
    if "\0" in line:  # other bytes that are not UTF-8 spoil a symbol, these spoil every one
        raise ValueError("standard input holds a zero byte, as UTF-16 has, expected UTF-8")
    return line


def _warn(messages: Sequence[str]) -> None:
    """Print the first ten, and how many more there are."""
    for message in messages[:10]:
        say(f"seqmem: warning: {message}")
    if len(messages) > 10:
        say(f"seqmem: warning: and {len(messages) - 10:,} more lines like these")


def _check_save(translator: Translator, path: str) -> None:
    """Find out before the training what would keep the model from being saved after it."""
    try:
        with naming(path):
            translator.check_save(path)
    except ValueError as error:
        raise ValueError(f"{error}; --min-count and --max-vocabulary make the vocabularies smaller") from None

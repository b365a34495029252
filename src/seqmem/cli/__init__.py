"""The command line: python -m seqmem check | demo | train | translate | explore | compare | memory."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from seqmem.cells import GRUCell, LSTMCell, RNNCell
from seqmem.checking import gradcheck
from seqmem.checking.likes import LIKES
from seqmem.checking.sandbox import check_file
from seqmem.checking.selftest import selftest
from seqmem.cli import insight
from seqmem.cli.arguments import positive, seed, size
from seqmem.data import (
    BucketedBatches,
    Translation,
    Translator,
    Vocabulary,
    dates,
    make_batch,
    read_pairs,
    train_validation_split,
)
from seqmem.insight import attention_heatmap
from seqmem.layers import AdditiveAttention
from seqmem.models import Decoder, Encoder, Seq2Seq
from seqmem.module import Module
from seqmem.training import Adam, CheckpointError, History, NonFiniteError, cosine_decay, fit, token_accuracy

WRONG_USE = 2  # the exit code of argparse, too
INTERRUPTED = 130  # what a shell expects after Ctrl-C

Pairs = Sequence[tuple[Sequence[str], Sequence[str]]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake becomes one line on stderr.

    Args:
        argv: the arguments without the program's name; the process's own when None.

    Returns:
        The exit code: 0; 1 when training failed; 2 for a mistake in the arguments or a file; 130 after an
        interrupt.
    """
    arguments = _arguments(argv)
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller: there is nothing to read, and nobody to tell
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115 - until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ą must not end a translation
    try:
        return int(arguments.command(arguments) or 0)
    except BrokenPipeError:  # the reader had enough: python -m seqmem translate ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0 if arguments.command is _translate else INTERRUPTED  # training did not end
    except NonFiniteError as error:
        print(f"seqmem: training failed: {error}", file=sys.stderr)
        return 1
    except (CheckpointError, OSError, ValueError, MemoryError) as error:
        message = str(error)
        if isinstance(error, OSError) and error.filename and error.strerror:
            message = f"{error.filename}: {error.strerror}"
        print(f"seqmem: error: {message}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        print("seqmem: interrupted", file=sys.stderr)
        return INTERRUPTED


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
    parser.add_argument("--version", action="version", version=version("seqmem"))
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
        choices=tuple(LIKES),
        default="",
        metavar="KIND",
        help="what the functions should compute: " + ", ".join(LIKES),
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
    demo.set_defaults(command=_demo)

    train = commands.add_parser("train", help="train on a file of pairs, tab-separated")
    train.add_argument("pairs", metavar="PAIRS.tsv", help="source, tab, target on each line, in UTF-8")
    train.add_argument("--out", required=True, metavar="MODEL", help="where to save the model (.npz)")
    train.add_argument("--level", choices=("char", "word"), default="char", help="what a symbol is")
    train.add_argument("--cell", choices=("lstm", "gru", "rnn"), default="lstm")
    train.add_argument("--attention", choices=("additive", "none"), default="additive")
    train.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    for name, default, meaning in (
        ("epochs", 10, "times through the pairs"),
        ("batch-size", 64, "pairs in a step"),
        ("hidden", 128, "units of encoder, decoder and scorer"),
        ("embedding", 64, "width of a symbol's vector"),
    ):
        train.add_argument(f"--{name}", type=size, default=default, help=f"{meaning} (default: %(default)s)")
    train.add_argument("--learning-rate", type=positive, default=2e-3, help="Adam's (default: %(default)s)")
    train.add_argument("--held-out", type=size, help="pairs to validate on (default: a tenth, at most 1000)")
    train.add_argument("--seed", type=seed, default=0, help="of everything random (default: %(default)s)")
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
        result = selftest()
        print(result)
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
    answer = check_file(path, name, arguments.like, arguments.seed, arguments.seconds)
    if answer.report is None:
        text = json.dumps({"verdict": "cannot tell", "passed": False, "trouble": answer.trouble}, indent=2)
        print(text if arguments.json else f"{arguments.target}: CANNOT TELL: {answer.trouble}")
        code = WRONG_USE
    else:
        print(answer.report.to_json() if arguments.json else answer.report)
        code = {"right": 0, "wrong": 1}.get(answer.report.verdict, WRONG_USE)
    if answer.printed and not arguments.json:
        print(f"\nIt printed:\n{answer.printed.rstrip()}")
    return code


def _demo(arguments: argparse.Namespace) -> None:
    _check_writable(arguments.out)
    print("1. Every gradient against the complex step, entry by entry, in float64\n")
    _prove_gradients(arguments.seed)

    print("\n2. LSTM and additive attention learn to read dates\n")
    training, held_out = dates.split(20_000, 1_000, rng=arguments.seed)
    translator = make_translator(training, "char", hidden=128, embedding=32, seed=arguments.seed)
    print(f"{len(training):,} dates in {len(dates.FORMS)} forms and four languages to train on, e.g.")
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

    print("\n3. What it looks at: a line for each character written, a column for each character read\n")
    for one in found[:4]:
        print(_heatmap(one), end="\n\n")
    translator.save(arguments.out)
    print(f"The model is saved in {arguments.out}. To translate a date with it:")
    print(f'   python -m seqmem translate {arguments.out} "Saturday, 9 March 2024"')


def _prove_gradients(seed: int) -> None:
    D, H, K = 2, 5, 4
    attention = AdditiveAttention(H, K, 6, rng=seed)
    model = Seq2Seq(Encoder(9, D, K, rng=seed), Decoder(8, 3, H, context=attention, rng=seed), rng=seed)
    modules: list[tuple[str, Module]] = [
        ("RNNCell", RNNCell(D, H)),
        ("LSTMCell", LSTMCell(D, H)),
        ("GRUCell, reset before", GRUCell(D, H)),
        ("GRUCell, reset after", GRUCell(D, H, reset="after")),
        ("AdditiveAttention", attention),
        ("the whole model: encoder, bridge, attention, decoder", model),
    ]
    worst = 0.0
    for title, module in modules:
        report = gradcheck(module, seed=seed)
        worst = max(worst, report.max_error)
        print(str(report).replace(type(module).__name__, title, 1), end="\n\n")
    print(f"largest relative error of all: {worst:.1e}")


def _train(arguments: argparse.Namespace) -> None:
    _check_writable(arguments.out)
    pairs = read_pairs(arguments.pairs, arguments.level)
    held_out = arguments.held_out or min(1_000, max(1, len(pairs) // 10))
    training, validation = train_validation_split(pairs, held_out, rng=arguments.seed)
    translator = make_translator(
        training,
        arguments.level,
        hidden=arguments.hidden,
        embedding=arguments.embedding,
        cell=arguments.cell,
        attention=arguments.attention == "additive",
        dtype=arguments.dtype,
        seed=arguments.seed,
    )
    model, sources, targets = translator.model, translator.source_vocabulary, translator.target_vocabulary
    print(f"{len(training):,} pairs to train on, {len(validation):,} held out; ", end="")
    print(f"vocabularies of {len(sources):,} and {len(targets):,}; ", end="")
    print(f"{sum(param.size for param in model.params.values()):,} parameters")
    held = [
        make_batch(validation[start : start + arguments.batch_size], sources, targets)
        for start in range(0, len(validation), arguments.batch_size)
    ]

    def report(history: History) -> None:
        translator.save(arguments.out)  # an interrupted training leaves the last whole epoch
        below_the_progress_line = "\n" if sys.stderr.isatty() else ""
        print(
            f"{below_the_progress_line}epoch {len(history.loss)}: loss {history.loss[-1]:.4f}, "
            f"held-out token accuracy {history.metric[-1]:.1%}, "
            f"{history.tokens_per_second[-1]:,.0f} tokens/s",
            flush=True,
        )

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
    )
    print(f"saved in {arguments.out}")


def _translate(arguments: argparse.Namespace) -> None:
    translator = Translator.load(arguments.model)
    if not arguments.text and sys.stdin.isatty():
        print("seqmem: reading lines to translate from the terminal, end with Ctrl-D", file=sys.stderr)
    lines = arguments.text or (line.rstrip("\r\n") for line in sys.stdin)
    for line in lines:
        (one,) = translator.translate([line], max_length=arguments.max_length)
        print(one.text)
        if arguments.attention:
            print(_heatmap(one), end="\n\n")
        sys.stdout.flush()  # line by line, for whoever is at the other end of a pipe


def make_translator(
    pairs: Pairs,
    level: Any,
    *,
    hidden: int,
    embedding: int,
    cell: str = "lstm",
    attention: bool = True,
    dtype: str = "float32",
    seed: int = 0,
) -> Translator:
    """A new model for pairs of symbol sequences, with their vocabularies."""
    rng = np.random.default_rng(seed)
    sources = Vocabulary.build(source for source, _ in pairs)
    targets = Vocabulary.build(target for _, target in pairs)
    context = AdditiveAttention(hidden, hidden, hidden // 2 or 1, rng=rng, dtype=dtype) if attention else None
    encoder = Encoder(len(sources), embedding, hidden, cell=cell, rng=rng, dtype=dtype)
    decoder = Decoder(len(targets), embedding, hidden, context=context, cell=cell, rng=rng, dtype=dtype)
    return Translator(Seq2Seq(encoder, decoder, rng=rng), sources, targets, level)


def _batches(translator: Translator, pairs: Pairs, batch_size: int) -> BucketedBatches:
    return BucketedBatches(pairs, translator.source_vocabulary, translator.target_vocabulary, batch_size)


def _heatmap(one: Translation) -> str:
    encoding = sys.stdout.encoding or "ascii"
    ascii_only = not encoding.lower().startswith("utf")
    return attention_heatmap(one.weights, one.source, one.target, ascii_only=ascii_only)


def _check_writable(path: str) -> None:
    """Find out before the training, not after it, that there is nowhere to save."""
    folder = Path(path).absolute().parent
    if Path(path).exists() and not Path(path).is_file():
        raise ValueError(f"--out {path} is a folder or a device, expected a file")
    if not folder.is_dir():
        raise ValueError(f"--out {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"--out {path}: the folder {folder} is not writable")

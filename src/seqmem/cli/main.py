"""The command line: python -m seqmem check | exercises | demo | train | translate | evaluate | ..."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from seqmem.cli import check, compare, demo, explore, memory, train
from seqmem.cli.exercises import command as exercises
from seqmem.cli.saved import evaluate, model_files, predict, sample, translate
from seqmem.cli.terminal.exit_codes import INTERRUPTED, WRONG_USE
from seqmem.cli.terminal.messages import message_of, say, settle_output
from seqmem.cli.terminal.signals import Terminated, ending_by_exception
from seqmem.training import CheckpointError, NonFiniteError
from seqmem.version import VERSION

COMMANDS = (  # in the order of the help text
    *(check, exercises, demo, train, translate, evaluate, predict, sample),
    *(model_files, explore, compare, memory),
)
TEXTS = (translate.run, predict.run, sample.run)  # commands that accept texts, even after an option


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake becomes one line on stderr.

    Args:
        argv: the arguments without the program's name; None means the arguments of the process.

    Returns:
        The exit code, as listed in docs/command-line.md: the code that the command returns, 0 if it returns
        none; 1 if training failed; 2 for a mistake in the arguments or a file; 130 after an interrupt, 143
        after SIGTERM, 129 after SIGHUP.
    """
    arguments = _arguments(argv)
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115 - until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ą must not end a translation
    try:
        with ending_by_exception():
            code = int(arguments.command(arguments) or 0)
            sys.stdout.flush()  # here, so that a full disk leads to a message and an exit code
            return code
    except BrokenPipeError:  # the reader has closed the pipe: python -m seqmem translate ... | head
        settle_output()
        return 0 if arguments.command in TEXTS else INTERRUPTED  # training did not end
    except NonFiniteError as error:
        say(f"seqmem: training failed: {message_of(error, arguments)}")
        return 1
    except (CheckpointError, ImportError, OSError, ValueError, MemoryError) as error:
        say(f"seqmem: error: {message_of(error, arguments)}")
        settle_output()
        return WRONG_USE
    except KeyboardInterrupt:
        say("seqmem: interrupted")
        return INTERRUPTED
    except Terminated as end:
        say(f"seqmem: {end}")
        return 128 + end.number  # as a shell reports a process that a signal ended


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    # argparse does not accept positional text after an option: translate MODEL --attention TEXT
    if "--" in rest:  # everything that follows is text
        rest.remove("--")
    elif rest and (arguments.command not in TEXTS or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        arguments.text += rest
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m seqmem", description="Small sequence models in NumPy.")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser

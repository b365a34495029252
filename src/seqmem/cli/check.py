"""The command check: hand-written gradients, and the name of the mistake."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.selftest.score import selftest
from seqmem.checking.submissions.run_apart import check_file
from seqmem.cli.arguments import positive, seed
from seqmem.cli.terminal.exit_codes import WRONG_USE
from seqmem.cli.terminal.screen import folded
from seqmem.cli.terminal.waiting import heartbeat


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("check", help="check hand-written gradients, and name the mistake")
    parser.add_argument(
        "target",
        nargs="?",
        metavar="FILE.py[:name]",
        help="a file with NAME_forward and NAME_backward, or forward and backward",
    )
    parser.add_argument(
        "--like",
        choices=tuple(KINDS),
        default="",
        metavar="KIND",
        help="what the functions should compute: " + ", ".join(KINDS),
    )
    parser.add_argument("--seed", type=seed, default=0, help="of the numbers tried (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--seconds", type=positive, default=60.0, help="after which it is ended (default: %(default)s)"
    )
    parser.add_argument(
        "--selftest", action="store_true", help="check the checker: plant every known mistake"
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Check a file's functions, or the checker itself."""
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

"""A folder of exercises: create it, list it, and reset a file in it."""

from __future__ import annotations

import argparse
import secrets
import shlex
from pathlib import Path
from typing import Any

from seqmem.cli.arguments import seed
from seqmem.cli.terminal.screen import folded, terminal_width
from seqmem.exercises.student.folder import Folder, folder_at, new_folder

_MARKS = {
    "passed": "ok",
    "passed, changed since": "ok?",
    "given up": "...",
    "started": "...",
    "not started": "-",
    "deleted": "?",
}


def add(commands: Any) -> None:
    """Add these commands to the parser."""
    init = commands.add_parser("init", help="write the exercises into a new folder")
    init.add_argument("folder", nargs="?", default="exercises", metavar="DIR", help="(default: %(default)s)")
    init.add_argument("--seed", type=seed, help="your seed, which selects the bugs (default: random)")
    init.add_argument("--course", default="", metavar="DIR", help="use the exercises of this course instead")
    init.set_defaults(command=run_init)
    listing = commands.add_parser("list", help="list the exercises and your progress")
    add_folder(listing)
    listing.set_defaults(command=run_list)
    reset = commands.add_parser("reset", help="start an exercise again; the old file is kept")
    reset.add_argument("name", metavar="NAME")
    add_folder(reset)
    reset.set_defaults(command=run_reset)


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the folder of the exercises."""
    parser.add_argument(
        "--folder", default=".", metavar="DIR", help="the folder of the exercises (default: this one)"
    )


def run_init(arguments: argparse.Namespace) -> int:
    """Write a folder of exercises."""
    own = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    folder = new_folder(Path(arguments.folder), own, arguments.course)
    first = folder.file_of(folder.exercises[0])
    print(folded(f"{len(folder.exercises)} exercises are in {arguments.folder}; your seed is {own}."))
    print(folded(f"Begin with {first}, then:"))
    print(f"\n    cd {shlex.quote(arguments.folder)}\n    python -m seqmem exercises check")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Print the exercises, and the student's progress."""
    folder = folder_at(Path(arguments.folder))
    width = max(len(exercise.name) for exercise in folder.exercises)
    minutes, states, section = 0, [], ""
    for k, exercise in enumerate(folder.exercises):
        state = folder.state_of(exercise)
        states.append(state)
        minutes += exercise.minutes * (state != "passed")
        if exercise.section != section:
            section = exercise.section
            print(f"\n{section}" if k else section)
        line = f"  {_MARKS[state]:<3} {k + 1:>2}  {exercise.name:<{width}}  {exercise.minutes:>3} min"
        print(f"{line}  {state.removeprefix('not started')}".rstrip()[: terminal_width()])
    print(f"\n{states.count('passed')} of {len(states)} passed{_left(minutes)}")
    return 0


def run_reset(arguments: argparse.Namespace) -> int:
    """Write a file again."""
    folder = folder_at(Path(arguments.folder))
    exercise = folder.named(arguments.name)
    is_notebook = str(arguments.name).endswith(".ipynb")
    kept = folder.reset(exercise, is_notebook)
    file = folder.notebook_of(exercise) if is_notebook else folder.file_of(exercise)
    where = f"; your old one is {shown(kept, folder)}" if kept is not None else ""
    print(folded(f"{file.name} is in its original state{where}"))
    return 0


def shown(path: Path, folder: Folder) -> str:
    """Return a path relative to the folder, for messages."""
    return str(path.relative_to(folder.path))


def _left(minutes: int) -> str:
    return f"; about {minutes // 60} h {minutes % 60:02} min to go" if minutes else ""

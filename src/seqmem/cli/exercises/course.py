"""Exercises for instructors: create one for a course, and verify that all of them are sound."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from seqmem.cli.terminal.messages import say
from seqmem.cli.terminal.screen import folded
from seqmem.exercises.catalogue import all_exercises, unknown
from seqmem.exercises.course import course_exercises, new_exercise
from seqmem.exercises.verifying import verify


def add(commands: Any) -> None:
    """Add these commands to the parser."""
    new = commands.add_parser("new", help="start a new exercise for your course")
    new.add_argument("name", metavar="NAME", help="name of the exercise and of its functions")
    new.add_argument(
        "--course", default="course", metavar="DIR", help="the course's folder (default: %(default)s)"
    )
    new.set_defaults(command=run_new)
    sound = commands.add_parser(
        "verify", help="check that every stub fails, every solution passes and every mistake is named"
    )
    sound.add_argument("names", nargs="*", metavar="NAME", help="(default: all)")
    sound.add_argument("--course", default="", metavar="DIR", help="use the exercises of this course instead")
    sound.set_defaults(command=run_verify)


def run_new(arguments: argparse.Namespace) -> int:
    """Write a template of an exercise."""
    path = new_exercise(Path(arguments.course), arguments.name)
    print(folded(f"{path} is a solved exercise: replace it by yours, then run"))
    print(folded(f"python -m seqmem exercises verify --course {arguments.course}"))
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Verify exercises."""
    exercises = course_exercises(Path(arguments.course)) if arguments.course else all_exercises()
    known = [exercise.name for exercise in exercises]
    for name in arguments.names:
        if name not in known:
            raise ValueError(unknown(name, known))
    chosen = [one for one in exercises if not arguments.names or one.name in arguments.names]
    found = verify(chosen, tell=lambda name: say(f"seqmem: verifying {name}"))
    print(folded(found))
    return 0 if found.passed else 1

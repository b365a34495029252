"""What a student's file answers, asked as a grader asks: through JSON, and judged from plain numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from seqmem.exercises import (
    Exercise,
    ExerciseReport,
    answers,
    empty_report,
    imports_of_seqmem,
    judge,
    packed,
    parameters_of,
    questions,
    unpacked,
)
from seqmem.exercises.asking import trouble_of

FILE = "<student>"


def report_on(exercise: Exercise, text: str, seed: int = 0) -> ExerciseReport:
    """The report on a file of this text."""
    names: dict[str, Any] = {"__name__": "student"}
    asked = questions(exercise, np.random.default_rng(seed), parameters_of(text))
    sent = unpacked(json.loads(json.dumps(packed(tuple(asked)))))
    try:
        exec(compile(text, FILE, "exec"), names)
    except Exception as error:  # noqa: BLE001 - whatever a student raises
        return empty_report(exercise, trouble_of(error, FILE))
    given = unpacked(json.loads(json.dumps(packed(answers(names, sent, FILE)))))
    return judge(exercise, asked, given, imports_of_seqmem(text))

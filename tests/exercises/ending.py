"""What ends the process that judges, where a worker can import it."""

from __future__ import annotations

import os

from seqmem.exercises.grading.grade import Work, grade
from seqmem.exercises.grading.record import Grade


def ends_its_process(work: Work) -> Grade:
    """Grade anybody but bea, whose answer ends this process."""
    if work.student == "bea":
        os._exit(1)
    return grade(work)

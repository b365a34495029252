"""Exercises: files with gaps, cut from `seqmem.reference`, and a judge that finds the wrong line.

    check("lstm_step_backward", my_function)                     in a notebook, or at a prompt

    exercise  = exercise_named("lstm_step_backward")
    text      = stub(exercise)                                   what a student gets
    asked     = questions(exercise, rng, parameters_of(file))    calls, plain numbers
    given     = answers(names, asked)                            where the student's code runs, and only there
    report    = judge(exercise, asked, given, imports_of_seqmem(file))

`packed` and `unpacked` carry questions and answers between processes as JSON; the parts of a `Question` that
only the judge needs are not sent. `Answer.trouble` is None, or says why there is no answer; a caller who runs
code in a separate process creates `Trouble("time", "")`, `Trouble("memory", "")` or `Trouble("ended", text)`
from the end of the process, and `empty_report` makes a report of it if no question was answered. Nothing that
is returned is called, compared by its own methods, or trusted: `unpacked` makes plain arrays, and `judge`
compares them with numbers that it computes itself. A report's `checks` have scores, its `parts` say for each
array and gate whether it is right, and its `causes` are the recognised mistakes.
"""

from seqmem.exercises.asking import Answer, Call, Question, Trouble, answers, packed, plain, unpacked
from seqmem.exercises.catalogue import all_exercises, exercise_named
from seqmem.exercises.cutting import imports_of_seqmem, parameters_of, solution, stub
from seqmem.exercises.exercise import Exercise, Part, Task
from seqmem.exercises.judging.judge import empty_report, judge
from seqmem.exercises.judging.questions import questions
from seqmem.exercises.judging.report import Check, ExerciseReport
from seqmem.exercises.student.here import check

__all__ = [
    "Answer",
    "Call",
    "Check",
    "Exercise",
    "ExerciseReport",
    "Part",
    "Question",
    "Task",
    "Trouble",
    "all_exercises",
    "answers",
    "check",
    "empty_report",
    "exercise_named",
    "imports_of_seqmem",
    "judge",
    "packed",
    "parameters_of",
    "plain",
    "questions",
    "solution",
    "stub",
    "unpacked",
]

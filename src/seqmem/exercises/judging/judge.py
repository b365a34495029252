"""The credit for the answers to an exercise's questions, judged from plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from seqmem.exercises.asking import Answer, Question, Trouble
from seqmem.exercises.exercise import LARGE, Exercise, Part, parts_of
from seqmem.exercises.judging.comparing import listed
from seqmem.exercises.judging.of_task import TaskJudge
from seqmem.exercises.judging.report import CHECKS, Check, ExerciseReport, Verdict

_TROUBLES = {"memory": "it needs more memory than it may have"}

_INCOMPLETE = Answer(trouble=Trouble("ended", "it ended before it answered"))


def judge(
    exercise: Exercise,
    questions: Sequence[Question],
    answers: Sequence[Answer],
    imports: Iterable[str] = (),
) -> ExerciseReport:
    """Return the report on a student's answers.

    Args:
        exercise: the exercise.
        questions: the result of `questions`.
        answers: one per question, in order; missing ones at the end were not answered.
        imports: the imports of seqmem that `imports_of_seqmem` finds in the file.
    """
    found = [_whole(question, given) for question, given in zip(questions, answers, strict=False)]
    found += [_INCOMPLETE] * (len(questions) - len(found))
    forbidden = list(imports) if exercise.forbids_seqmem else []
    if forbidden:
        text = "it imports seqmem, whose passes are the answer; write your own, with NumPy alone"
        return _unanswered(exercise, text, tuple(forbidden))
    judges = [
        TaskJudge(
            task,
            [pair for pair in zip(questions, found, strict=False) if pair[0].about.task == k],
            task.is_backward and task.forward in exercise.functions,
            exercise.planted.code if exercise.planted else "",
        )
        for k, task in enumerate(exercise.tasks)
    ]
    if all(one.is_not_started for one in judges) or (exercise.planted and _is_untouched(exercise, judges)):
        frames = judges[0].base.trouble.frames if judges[0].base.trouble else ()
        return _not_started(exercise, frames)
    waiting = [one for one in judges if _waits(one, judges)]
    tables = [{} if one in waiting else one.checks() for one in judges]
    titles = exercise.functions if len(tables) > 1 else ("",)
    parts: dict[Part, bool] = {}
    for one in judges:
        parts |= one.parts
    share = sum(parts.values()) / max(1, len(parts))
    asked = ("runs", *_asked(exercise))
    merged = [_merged(name, tables, titles) or Check(name, "not reached") for name in asked]
    checks = [_scored(check, parts, share, exercise) for check in merged]
    is_right = all(check.verdict in ("right", "not reached") for check in checks)
    layouts = [one.layout_text for one in judges if one.layout_text]
    named = {part.name: right for part, right in parts.items()}
    verdict: Any = "wrong" if not is_right else "started" if waiting else "right"
    done = (len(judges) - len(waiting), len(judges))
    return ExerciseReport(
        exercise.name,
        verdict,
        tuple(checks),
        named,
        "; ".join(layouts),
        done=done,
        left=_left(waiting, judges),
    )


def _forward_of(one: TaskJudge, judges: Sequence[TaskJudge]) -> TaskJudge | None:
    """Return the judge of the forward pass that a backward pass needs, if it is a task as well."""
    forwards = [other for other in judges if other.task.function == one.task.forward and other is not one]
    return forwards[0] if one.forward_is_own and forwards else None


def _waits(one: TaskJudge, judges: Sequence[TaskJudge]) -> bool:
    """Return whether a function cannot be judged yet: it is a hole, or needs one that does not run."""
    forward = _forward_of(one, judges)
    return one.is_not_started or (forward is not None and forward.answer.trouble is not None)


def _left(waiting: Sequence[TaskJudge], judges: Sequence[TaskJudge]) -> str:
    """Return the functions that cannot be judged yet, each backward pass after the forward pass it needs."""
    texts: list[str] = []
    for one in waiting:
        forward = _forward_of(one, judges)
        if forward in waiting:
            texts[-1] += f", then {one.task.function}"
        elif forward is not None and forward.answer.trouble is not None:
            texts.append(f"{one.task.function}, which needs {forward.task.function}")
        else:
            texts.append(one.task.function)
    return "; ".join(texts)


def _whole(question: Question, given: Answer) -> Answer:
    """Return an answer that has a result for each call; an answer from elsewhere may have fewer."""
    is_whole = given.trouble is not None or len(given.results) == len(question.calls)
    return given if is_whole else _INCOMPLETE


def _is_untouched(exercise: Exercise, judges: list[TaskJudge]) -> bool:
    """Return whether the planted mistake is still there and none is named."""
    *passes, name = judges
    still = [cause.code for one in passes for cause in one.causes]
    return name.is_not_started and exercise.planted is not None and still == [exercise.planted.code]


def empty_report(exercise: Exercise, trouble: Trouble) -> ExerciseReport:
    """Return the report on a file none of whose functions could be called."""
    if trouble.kind == "not started":
        return _not_started(exercise, trouble.frames)
    return _unanswered(exercise, _TROUBLES.get(trouble.kind, trouble.message), trouble.frames)


def of_whole_file(
    report: ExerciseReport, notes: Sequence[str], raises: Trouble | None, ran: bool
) -> ExerciseReport:
    """Return a report that says which lines of the file were not executed, and whether it can be imported.

    Args:
        report: the report on the file's functions.
        notes: the lines that were not executed.
        raises: why the whole file cannot be imported; None if it can, or if that was not tried.
        ran: whether the whole file was run.
    """
    told = [note.partition(". --run-all")[0].replace(_FOR_GRADERS, _SKIPPED) for note in notes]
    if raises is not None:
        where = f" ({raises.frames[-1]})" if raises.frames else ""
        told.append(f"the file cannot be imported or run: {raises.message}{where}")
    says = "it runs" if ran and raises is None else "the functions run; see the note on the rest of the file"
    checks = [
        check._replace(says=says) if check.name == "runs" and check.verdict == "right" else check
        for check in report.checks
    ]
    return replace(report, checks=tuple(checks), notes=tuple(told))


_FOR_GRADERS = "definitions only; not run:"
_SKIPPED = "only the definitions were executed for this check, not"


def _not_started(exercise: Exercise, frames: tuple[str, ...]) -> ExerciseReport:
    names = listed(list(exercise.functions))
    if exercise.planted is not None:
        text = "the mistake in this file is still there, and wrong_line names no line"
        first = Check("runs", "not started", 0.0, 0.0, text)
        return ExerciseReport(exercise.name, "not started", (first, *_rest(exercise)), _no_parts(exercise))
    raises, it = ("raises", "it") if len(exercise.functions) == 1 else ("raise", "each")
    says = f"{names} still {raises} NotImplementedError: replace {it} by your lines"
    first = Check("runs", "not started", 0.0, 0.0, says, frames)
    return ExerciseReport(exercise.name, "not started", (first, *_rest(exercise)), _no_parts(exercise))


def _unanswered(exercise: Exercise, says: str, details: tuple[str, ...]) -> ExerciseReport:
    first = Check("runs", "wrong", 0.0, 0.0, says, details)
    return ExerciseReport(exercise.name, "wrong", (first, *_rest(exercise)), _no_parts(exercise))


def _rest(exercise: Exercise) -> list[Check]:
    checks = [Check(name, "not reached") for name in _asked(exercise)]
    return [check._replace(max_score=_most(check.name, exercise)) for check in checks]


def _asked(exercise: Exercise) -> list[str]:
    is_backward = any(task.is_backward for task in exercise.tasks)
    is_timed = any(task.is_timed for task in exercise.tasks)
    asked = {"gradient": is_backward, "speed": is_timed}
    return [name for name in CHECKS[1:] if asked.get(name, True)]


def _most(check: str, exercise: Exercise) -> float:
    """Return the points of a check: one for each part, and one each for purity and speed."""
    if check in ("values", "gradient"):
        tasks = [task for task in exercise.tasks if task.is_backward == (check == "gradient")]
        return float(sum(len(parts_of(task)) for task in tasks))
    return 1.0 if check in ("purity", "speed") else 0.0


def _no_parts(exercise: Exercise) -> dict[str, bool]:
    return {part.name: False for part in exercise.parts}


def _scored(check: Check, parts: dict[Part, bool], share: float, exercise: Exercise) -> Check:
    most = _most(check.name, exercise)
    if check.name in ("values", "gradient"):
        backward = {task.function for task in exercise.tasks if task.is_backward}
        score: float = sum(
            right
            for part, right in parts.items()
            if (part.function in backward) == (check.name == "gradient")
        )
    elif check.verdict == "right":
        score = round(most * share, 2)  # no points for a pass that is pure, fast and computes nothing
    else:
        score = 0.0
    return check._replace(score=float(score), max_score=most)


_ALL_RIGHT = {
    "shapes": "all as expected",
    "values": "all right, to rounding",
    "gradient": "all right, to rounding",
    "speed": f"no function needs a loop over the {LARGE['B']} rows",
}


def _titled(says: str, title: str) -> str:
    return f"{title}: {says}" if title and not says.startswith(title) else says


def _merged(name: str, tables: list[dict[str, Check]], titles: Sequence[str]) -> Check | None:
    """Return one check for all tasks: wrong if one is, with the text about right ones said once."""
    pairs = [(table[name], title) for table, title in zip(tables, titles, strict=True) if name in table]
    if not pairs:
        return None
    if len(pairs) == 1 and not pairs[0][1]:
        return pairs[0][0]
    verdicts: list[Any] = [check.verdict for check, _ in pairs]
    order: tuple[Verdict, ...] = ("wrong", "not started", "not reached", "right")
    verdict = next(one for one in order if one in verdicts)
    shown = [(check, title) for check, title in pairs if check.verdict == verdict]
    says = "; ".join(_titled(check.says, title) for check, title in shown if check.says)
    if verdict == "right" and len(shown) > 1:
        says = (
            shown[0][0].says if len({check.says for check, _ in shown}) == 1 else _ALL_RIGHT.get(name, says)
        )
    details = tuple(
        f"{title}: {detail}" if title else detail for check, title in shown for detail in check.details
    )
    causes = tuple(cause for check, _ in pairs for cause in check.causes)
    return Check(name, verdict, says=says, details=details, causes=causes)

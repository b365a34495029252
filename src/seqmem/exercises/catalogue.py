"""All exercises by name, in the order of the lecture."""

from __future__ import annotations

import difflib

from seqmem.exercises.bugs import bug_exercises
from seqmem.exercises.exercise import Exercise
from seqmem.exercises.lectures import (
    attention,
    encoder_decoder,
    gru,
    losses,
    lstm,
    masks,
    own_cell,
    plain_rnn,
    training,
)
from seqmem.validation import as_text

MOST_LISTED = 10  # names in a message, if there are no more
MOST_OFFERED = 4  # of the nearest names
SHORTEST = 3  # letters that select the names that contain them


def all_exercises(seed: int = 0) -> tuple[Exercise, ...]:
    """Return the exercises in the order of the lecture, those with a bug to find last.

    Args:
        seed: the student's seed, which draws the bugs.

    >>> all_exercises()[0].name
    'rnn_step_forward'
    """
    return (
        plain_rnn.RNN_STEP_FORWARD,
        plain_rnn.RNN_STEP_BACKWARD,
        *losses.EXERCISES,
        *masks.EXERCISES,
        plain_rnn.RNN_BACKWARD,
        training.VANISHING_GRADIENT,
        *lstm.EXERCISES,
        *gru.EXERCISES,
        *attention.EXERCISES,
        *encoder_decoder.EXERCISES,
        training.CLIPPING,
        training.BEAM_SEARCH,
        training.GRADIENT_CHECK,
        own_cell.OWN_CELL,
        *bug_exercises(seed),
    )


def exercise_named(name: str, seed: int = 0) -> Exercise:
    """Return an exercise.

    Args:
        name: a name in `all_exercises`.
        seed: the student's seed.

    Raises:
        ValueError: for an unknown name; the message suggests the nearest name.

    >>> exercise_named("lstm_step_backward").minutes
    45
    """
    as_text(name, "exercise_named", "name")
    known = {exercise.name: exercise for exercise in all_exercises(seed)}
    if name in known:
        return known[name]
    raise ValueError(unknown(name, list(known)))


def unknown(name: str, known: list[str]) -> str:
    """Return the message for an unknown name, with the nearest known names, the nearest first."""
    part = name.lower()
    near = [one for one in known if len(part) >= SHORTEST and part in one]
    near = sorted(near, key=lambda one: -difflib.SequenceMatcher(None, part, one).ratio())[:MOST_OFFERED]
    near = near or difflib.get_close_matches(name, known, 1, 0.5)
    if near:
        offered = f"did you mean {' or '.join([', '.join(near[:-1])] * (len(near) > 1) + near[-1:])}?"
    elif len(known) > MOST_LISTED:
        offered = f"python -m seqmem exercises list shows all {len(known)}"
    else:
        offered = f"there are {', '.join(known)}"
    return f"there is no exercise {name!r}; {offered}"

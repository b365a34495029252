"""A user's own cell, which keeps every promise of the protocol."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.exercises.exercise import Exercise, Made, Problem, Task
from seqmem.exercises.lectures.numbers import normal

EPSILON = 1e-20  # of the complex step, which knows no rounding
CLOSE = 1e-10
_GLUE = Made(
    '''
def passes(x, h_prev, d_h, u, v, epsilon):
    """Both passes of OwnCell, its derivative along a direction, and its contract."""
    from seqmem.checking import check_module

    rng = np.random.default_rng(1)
    cell = OwnCell(x.shape[1], h_prev.shape[1], rng=0)
    for param in cell.params.values():
        param[...] = 0.6 * rng.standard_normal(param.shape)
    h, cache = cell.forward(x, h_prev)
    (d_x, d_h_prev), grads = cell.backward(d_h, cache)
    moved = cell.astype(complex)
    directions = {}
    for name, param in moved.params.items():
        directions[name] = rng.standard_normal(param.shape)
        param += 1j * epsilon * directions[name]
    of_params, _ = moved.forward(x, h_prev)
    of_inputs, _ = cell.forward(x + 1j * epsilon * u, h_prev + 1j * epsilon * v)
    try:
        contract = str(check_module(OwnCell(x.shape[1], h_prev.shape[1], rng=0)))
    except AssertionError as error:
        contract = "broken: " + str(error)
    found = {"h": h, "x": d_x, "h_prev": d_h_prev, "grads": dict(grads), "directions": directions}
    found |= {"of_params": of_params, "of_inputs": of_inputs, "contract": contract}
    return found | {"given": (x, h_prev, d_h, u, v), "params": dict(cell.params)}
''',
    "passes",
)


def _draw(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    shapes = {"x": "BD", "h_prev": "BH", "d_h": "BH", "u": "BD", "v": "BH"}
    found = {
        name: normal(rng, tuple(sizes[letter] for letter in letters)) for name, letters in shapes.items()
    }
    return found | {"epsilon": EPSILON}


def _judged(returned: Any) -> dict[str, Any]:
    """Return the right numbers of a cell's passes."""
    x, h_prev, d_h, u, v = returned["given"]
    along_inputs = float((d_h * np.imag(returned["of_inputs"])).sum()) / EPSILON
    along_params = float((d_h * np.imag(returned["of_params"])).sum()) / EPSILON
    back_inputs = float((returned["x"] * u).sum() + (returned["h_prev"] * v).sum())
    pairs = [(returned["grads"][name], direction) for name, direction in returned["directions"].items()]
    back_params = float(sum((grad * direction).sum() for grad, direction in pairs))
    params, h = returned["params"], np.real(returned["of_inputs"])
    plain = None
    if {name: np.ndim(params.get(name)) for name in ("W_x", "W_h", "b")} == {"W_x": 2, "W_h": 2, "b": 1}:
        plain = np.tanh(x @ params["W_x"] + h_prev @ params["W_h"] + params["b"])
    contract = str(returned["contract"])
    return {
        "state": bool(h.shape == h_prev.shape and np.ptp(h) > 0),
        "of its own": bool(plain is None or not np.allclose(h, plain)),
        "gradients of inputs": _close(back_inputs, along_inputs),
        "gradients of parameters": _close(back_params, along_params),
        "contract": not contract.startswith("broken") and "passed    gradients" in contract,
    }


def _contract(returned: Any) -> list[str]:
    """Return the messages of the contract's checks that did not pass."""
    text = str(returned["contract"])
    return text.removeprefix("broken: ").splitlines() if text.startswith("broken") else []


def _close(one: float, other: float) -> bool:
    return bool(abs(one - other) <= CLOSE * max(1.0, abs(other)) and other != 0)


def _right(problem: Problem) -> dict[str, Any]:
    names = ("state", "of its own", "gradients of inputs", "gradients of parameters", "contract")
    return dict.fromkeys(names, True)


OWN_CELL = Exercise(
    "own_cell",
    "A cell of your own",
    "Training",
    (
        Task(
            "OwnCell",
            _draw,
            ("cell",),
            has_cache=False,
            is_timed=False,
            module="seqmem.exercises.lectures.leaky_cell",
            view=_judged,
            expected=_right,
            told=_contract,
            glue=_GLUE,
        ),
    ),
    """
n = tanh(x @ W_x + h_prev @ W_h + b)
h = some mixture of h_prev and n, of your own
""",
    "A cell that the library does not have, in a form that its layers, models and checks can run.",
    60,
    (
        "Which equation should your cell have? Any equation will do in which h depends on x and on h_prev.",
        "Read the given cell above: step writes h; local_derivatives writes the factors that need only the "
        "values of the step; step_backward multiplies these factors by the upstream gradient and leaves the "
        "gradient of the previous state.",
        "For h = (h_prev + n) / 2 with n = tanh(a), dh/da is (1 - n**2) / 2, and h_prev is used twice, in "
        "the mixture and in a. Declare other values that a step keeps in `kept`, with their axes.",
    ),
    (
        "The direct path from h_prev to h is left out of d_h.",
        "step_backward overwrites d_a instead of multiplying it.",
        "h is bound to a new array (h = ...) instead of filling the array that was given (h[...] = ...).",
    ),
    "The derivative of your own equation, in terms of the step's values.",
    example=("RNNCell",),
    forbids_seqmem=False,
    imports=(
        "from seqmem.cells import Cell",
        "from seqmem.initializers import Rng",
    ),
)

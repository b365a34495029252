"""Pictures with matplotlib, an optional package, on axes of the caller's or on new ones.

Each function returns a Picture, which a notebook displays at the end of a cell.

Without matplotlib, `attention_heatmap` and `trace_heatmap` draw with text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from seqmem.insight.attention import as_attention
from seqmem.insight.gradients_over_time import FlowCases, GradientFlow
from seqmem.insight.tables import as_trace
from seqmem.module import Array
from seqmem.tasks.translator import Translation
from seqmem.training import History, Picture
from seqmem.validation import as_choice, as_floats, as_index, check_type

GRID = {"alpha": 0.3, "linewidth": 0.6}
LINES = ("-", "--", "-.", ":")  # curves never differ in colour alone
MARKERS = ("o", "s", "^", "D", "v", "P")
MOST_INSIDE = 4  # curves; a legend of more would cover some of them


def plot_attention(
    weights: Translation | Array,
    source: Sequence[str] | None = None,
    target: Sequence[str] | None = None,
    *,
    ax: Any = None,
) -> Picture:
    """Plot attention weights as a matrix: a row for each target symbol, a column for each source symbol.

    Args:
        weights: a Translation, as from `Translator.translate`; or an array (T, S), each row adding up to 1.
        source: S symbols; None means those of the Translation.
        target: T symbols; None means those of the Translation.
        ax: matplotlib axes; None for new axes.

    Returns:
        A picture with `axes`, `figure` and `save`.

    Raises:
        ImportError: without matplotlib.
        TypeError: for weights that are not numbers, or symbols that are not strings.
        ValueError: if the weights' shape does not match the symbols.
    """
    shown, source, target = as_attention(weights, source, target, "plot_attention")
    ax = _axes(ax, "plot_attention")
    image = ax.imshow(shown, vmin=0.0, vmax=1.0, cmap="Greys", aspect="auto")
    ax.set_xticks(range(len(source)), labels=source, rotation=45, ha="right", parse_math=False)
    ax.set_yticks(range(len(target)), labels=target, parse_math=False)
    ax.set_xlabel("source")
    ax.set_ylabel("target")
    ax.figure.colorbar(image, ax=ax, label="weight")
    return Picture(ax)


def plot_trace(trace: Mapping[str, Array], name: str, *, row: int = 0, ax: Any = None) -> Picture:
    """Plot one quantity of a trace, units over time, for one sequence of the batch.

    Args:
        trace: the result of `layer.trace(cache)`: (T, B, H) by name.
        name: the name of one of the arrays.
        row: the index of the sequence in the batch.
        ax: matplotlib axes; None for new axes.

    Returns:
        A picture with `axes`, `figure` and `save`.

    Raises:
        ImportError: without matplotlib.
        TypeError, ValueError: if the trace is not one, or lacks the name or the row.
    """
    trace = as_trace(trace, "plot_trace")
    values = trace[as_choice(name, trace, "plot_trace", "name")]
    values = values[:, as_index(row, values.shape[1], "plot_trace", "row")].T  # (H, T)
    ax = _axes(ax, "plot_trace")
    is_gate = name in ("i", "f", "o", "r", "z")
    bound = 1.0 if is_gate else max(1e-12, float(np.max(np.abs(values), initial=0.0)))
    colours = {"cmap": "viridis", "vmin": 0.0} if is_gate else {"cmap": "RdBu_r", "vmin": -bound}
    image = ax.imshow(values, vmax=bound, aspect="auto", interpolation="nearest", **colours)
    ax.set_xlabel("step")
    ax.set_ylabel("unit")
    ax.set_title(name)
    ax.figure.colorbar(image, ax=ax)
    return Picture(ax)


def plot_gradient_flow(flow: FlowCases | GradientFlow | Mapping[str, Array], *, ax: Any = None) -> Picture:
    """Plot the norm of the gradient at each step, on a logarithmic scale.

    Args:
        flow: the result of `gradient_flow` or `gradient_flow_of_cases`, or other norms, (T,) by name.
        ax: matplotlib axes; None for new axes.

    Returns:
        A picture with `axes`, `figure` and `save`.

    Raises:
        ImportError: without matplotlib.
        TypeError: for anything else.
    """
    norms = flow.norms if isinstance(flow, FlowCases | GradientFlow) else flow
    check_type(norms, Mapping, "plot_gradient_flow", "flow")
    axes = ("T",)
    curves = {
        name: as_floats(values, np.dtype(np.float64), axes, "plot_gradient_flow", f"flow[{name!r}]")
        for name, values in norms.items()
    }
    ax = _axes(ax, "plot_gradient_flow")
    for k, (name, values) in enumerate(curves.items()):
        shown = np.where(values > 0, values, np.nan)  # 0 has no logarithm
        marker, every = MARKERS[k % len(MARKERS)], max(1, len(shown) // 8)
        ax.plot(
            shown,
            LINES[k % len(LINES)],
            marker=marker,
            markevery=(k % every, every),
            markersize=4,
            label=name,
        )
    ax.set_yscale("log")
    ax.set_xlabel("step, 0 is the first")
    ax.set_ylabel("norm of the gradient")
    ax.grid(**GRID)
    aside = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0), "borderaxespad": 0.0}
    ax.legend(**(aside if len(curves) > MOST_INSIDE else {}))
    return Picture(ax)


class Horizon(Protocol):
    """The interface that a plot needs, of the results of `memory_horizon` and `bottleneck`."""

    @property
    def courses(self) -> list[str]:
        """The courses of training."""
        ...

    def accuracy(self, course: str) -> dict[str, dict[int, list[float]]]:
        """Return the accuracy of each seed by kind and distance."""
        ...


def plot_memory_horizon(experiment: Horizon, course: str | None = None, *, ax: Any = None) -> Picture:
    """Plot accuracy against distance for one course of training: mean and range over the seeds.

    Args:
        experiment: the result of `memory_horizon` or `bottleneck`.
        course: one of the experiment's courses; optional if there is only one.
        ax: matplotlib axes; None for new axes.

    Returns:
        A picture with `axes`, `figure` and `save`.

    Raises:
        ImportError: without matplotlib.
        TypeError: if the experiment is not one.
        ValueError: for a course that the experiment does not have, or None if it has several.
    """
    caller = "plot_memory_horizon"
    if not (hasattr(experiment, "courses") and hasattr(experiment, "accuracy")):
        came = type(experiment).__name__
        raise TypeError(f"{caller}: experiment is of type {came}, expected the result of memory_horizon")
    courses = experiment.courses
    if course is None and len(courses) == 1:
        course = courses[0]
    accuracy = experiment.accuracy(as_choice(course, courses, caller, "course"))
    ax = _axes(ax, caller)
    for k, (kind, found) in enumerate(accuracy.items()):
        distances = sorted(found)
        runs = [np.asarray(found[distance]) for distance in distances]
        style = {"marker": MARKERS[k % len(MARKERS)], "linestyle": LINES[k % len(LINES)]}
        (line,) = ax.plot(distances, [run.mean() for run in runs], label=kind, **style)
        low, high = [run.min() for run in runs], [run.max() for run in runs]
        ax.fill_between(distances, low, high, alpha=0.15, color=line.get_color())
    ax.axhline(0.9, color="grey", linewidth=0.8, linestyle=":")
    ax.set_xscale("log")
    ticks = sorted({distance for found in accuracy.values() for distance in found})
    ax.set_xticks(ticks, labels=map(str, ticks))
    ax.minorticks_off()
    ax.set_ylim(0.0, 1.02)
    ax.set_xlabel("distance in words")
    ax.set_ylabel("accuracy")
    ax.grid(**GRID)
    ax.legend()
    return Picture(ax)


def plot_history(history: History, *, ax: Any = None) -> Picture:
    """Plot the losses, and the metrics if there are any, over the epochs, as `History.plot` does.

    Args:
        history: the History that `fit` returned.
        ax: matplotlib axes; None for new axes.

    Returns:
        A picture with `axes`, `figure` and `save`.

    Raises:
        ImportError: without matplotlib.
    """
    check_type(history, History, "plot_history", "history")
    return history.plot(ax=_axes(ax, "plot_history"))


def _axes(ax: Any, caller: str) -> Any:
    """Return the given axes, or new axes."""
    if ax is not None:
        if not hasattr(ax, "set_xlabel"):
            raise TypeError(f"{caller}: ax is of type {type(ax).__name__}, expected matplotlib axes")
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'plots need matplotlib, which is not installed: pip install "seqmem[plot]". '
            "attention_heatmap and trace_heatmap draw with text and do not need it"
        ) from error
    return Figure(layout="constrained").subplots()  # opens no window, and pyplot keeps no reference to it

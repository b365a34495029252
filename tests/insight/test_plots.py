"""Each plot draws on the axes that it is given, or on new ones, and shows itself in a notebook."""

import sys

import numpy as np
import pytest
from comparing import assert_close

from seqmem.cells import LSTMCell
from seqmem.experiments import Experiment
from seqmem.insight import (
    gradient_flow,
    gradient_flow_of_cases,
    plot_attention,
    plot_gradient_flow,
    plot_history,
    plot_memory_horizon,
    plot_trace,
    trace_heatmap,
)
from seqmem.layers import Recurrent
from seqmem.tasks.translator import Translation
from seqmem.training import History

WEIGHTS = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
TRACE = {
    "f": np.linspace(0, 1, 24).reshape(4, 2, 3),
    "c": np.linspace(-2, 3, 24).reshape(4, 2, 3),
    "h": np.zeros((4, 2, 3)),
}
HISTORY = History(loss=[3.0, 2.0, 1.5], metric=[0.1, 0.5, 0.7])

LAYER = Recurrent(LSTMCell(3, 4, rng=0))
FLOW = gradient_flow(LAYER, np.random.default_rng(0).normal(size=(6, 2, 3)))
CASES = gradient_flow_of_cases(steps=4, hidden_size=3, batch_size=2)
RECORD = {
    "kind": "lstm",
    "course": "growing",
    "seed": 0,
    "at": [5, 50],
    "accuracy": [1.0, 0.4],
    "parameters": 9,
}
HORIZON = Experiment(
    "memory horizon",
    {},
    [RECORD, {**RECORD, "seed": 1, "accuracy": [0.9, 0.8]}, {**RECORD, "course": "alone"}],
)

PLOTS = {
    "attention": lambda ax: plot_attention(WEIGHTS, ["the", "cat", "$at"], ["le", "ch$at$_"], ax=ax),
    "gate": lambda ax: plot_trace(TRACE, "f", row=1, ax=ax),
    "cell": lambda ax: plot_trace(TRACE, "c", ax=ax),
    "all zeros": lambda ax: plot_trace(TRACE, "h", ax=ax),
    "gradient flow": lambda ax: plot_gradient_flow({"h": np.geomspace(1e-9, 1, 9), "c": [0, 0]}, ax=ax),
    "gradient flow of cases": lambda ax: plot_gradient_flow(CASES, ax=ax),
    "gradient flow of a layer": lambda ax: plot_gradient_flow(FLOW, ax=ax),
    "memory horizon": lambda ax: plot_memory_horizon(HORIZON, "growing", ax=ax),
    "history": lambda ax: plot_history(HISTORY, ax=ax),
    "history without a metric": lambda ax: plot_history(History(loss=[1.0]), ax=ax),
}
every_plot = pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS.keys())


@every_plot
def test_a_plot_draws_on_the_axes_that_it_is_given(plot, require):
    require("matplotlib")
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert plot(ax).axes is ax
    assert ax.has_data()
    ax.figure.canvas.draw()


@every_plot
def test_a_plot_makes_axes_when_it_is_given_none(plot, require):
    require("matplotlib")
    plot(None).figure.canvas.draw()


@every_plot
def test_a_plot_shows_itself_in_a_notebook(plot, require):
    require("matplotlib")
    assert plot(None)._repr_png_().startswith(b"\x89PNG")


def test_a_legend_of_many_curves_stands_beside_them(require):
    require("matplotlib")
    picture = plot_gradient_flow(CASES)
    picture.figure.canvas.draw()
    (legend,) = [picture.axes.get_legend().get_window_extent()]
    assert legend.x0 >= picture.axes.get_window_extent().x1
    assert len(picture.axes.get_legend().get_texts()) == len(CASES.curves)


@every_plot
def test_without_matplotlib_the_message_names_the_extra(plot, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "seqmem\[plot\]"'):
        plot(None)


def test_the_matrix_shows_the_weights_under_their_symbols(require):
    require("matplotlib")
    ax = PLOTS["attention"](None).axes
    (image,) = ax.get_images()
    assert np.array_equal(image.get_array(), WEIGHTS)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["the", "cat", "$at"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["le", "ch$at$_"]


def test_the_matrix_of_a_translation_is_that_of_its_weights_and_symbols(require):
    require("matplotlib")
    ax = plot_attention(Translation("a b c", ["a", "b", "c"], ["x", "y"], -1.0, WEIGHTS, ended=True)).axes
    assert np.array_equal(ax.get_images()[0].get_array(), WEIGHTS)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "y"]


def test_a_trace_shows_units_over_time_of_one_sequence(require):
    require("matplotlib")
    (image,) = PLOTS["gate"](None).axes.get_images()
    assert np.array_equal(image.get_array(), TRACE["f"][:, 1].T)


def test_the_horizon_shows_the_mean_of_the_seeds(require):
    require("matplotlib")
    line = PLOTS["memory horizon"](None).axes.get_lines()[0]
    assert np.allclose(line.get_xydata(), [[5, 0.95], [50, 0.6]])


def test_weights_that_do_not_fit_the_symbols_are_a_value_error():
    with pytest.raises(ValueError, match=r"weights has shape \(2, 3\), expected \(1, 3\)"):
        plot_attention(WEIGHTS, ["a", "b", "c"], ["x"])


def test_a_name_that_is_not_in_the_trace_is_a_value_error():
    with pytest.raises(ValueError, match=r"^plot_trace: name is 'z', expected 'f' or 'c' or 'h'"):
        plot_trace(TRACE, "z")


def test_a_curve_is_what_the_function_measured(require):
    require("matplotlib")
    lines = plot_gradient_flow(FLOW).axes.get_lines()
    assert [line.get_label() for line in lines] == ["dL/dh", "dL/dc"]
    mean = np.exp(np.log(FLOW.h_norms).mean(axis=1))
    assert_close(lines[0].get_ydata(), mean)


@pytest.mark.parametrize("course", [None, "mixed", 3])
def test_a_course_that_was_not_measured_is_refused_with_those_that_were(course):
    with pytest.raises(
        ValueError, match=r"^plot_memory_horizon: course is .*, expected 'alone' or 'growing'"
    ):
        plot_memory_horizon(HORIZON, course)


def test_the_only_course_need_not_be_named(require):
    require("matplotlib")
    only = Experiment("memory horizon", {}, [RECORD])
    assert plot_memory_horizon(only).axes.has_data()


def test_the_text_map_has_a_line_for_each_unit_and_a_shade_for_each_step():
    lines = trace_heatmap(TRACE["c"][:, 0], ascii_only=True).splitlines()
    assert len(lines) == 3
    assert all(line[:1] == str(unit) and len(line) == 3 + 4 for unit, line in enumerate(lines))
    assert lines[2].endswith("#")
    assert trace_heatmap(np.zeros((0, 3))) == ""
    assert trace_heatmap(np.zeros((2, 1))) == "0   " + " "

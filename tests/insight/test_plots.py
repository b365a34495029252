"""Each plot draws on the axes that it is given, or on new ones, and returns them."""

import sys

import numpy as np
import pytest

from seqmem.insight import (
    plot_attention,
    plot_gradient_flow,
    plot_history,
    plot_memory_horizon,
    plot_trace,
    trace_heatmap,
)
from seqmem.training import History

WEIGHTS = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
TRACE = {
    "f": np.linspace(0, 1, 24).reshape(4, 2, 3),
    "c": np.linspace(-2, 3, 24).reshape(4, 2, 3),
    "h": np.zeros((4, 2, 3)),
}
HISTORY = History(loss=[3.0, 2.0, 1.5], metric=[0.1, 0.5, 0.7])

PLOTS = {
    "attention": lambda ax: plot_attention(WEIGHTS, ["the", "cat", "$at"], ["le", "ch$at$_"], ax=ax),
    "gate": lambda ax: plot_trace(TRACE, "f", row=1, ax=ax),
    "cell": lambda ax: plot_trace(TRACE, "c", ax=ax),
    "all zeros": lambda ax: plot_trace(TRACE, "h", ax=ax),
    "gradient flow": lambda ax: plot_gradient_flow({"h": np.geomspace(1e-9, 1, 9), "c": [0, 0]}, ax=ax),
    "memory horizon": lambda ax: plot_memory_horizon({"lstm": {5: [1.0, 0.9], 50: [0.4, 0.8]}}, ax=ax),
    "history": lambda ax: plot_history(HISTORY, ax=ax),
    "history without a metric": lambda ax: plot_history(History(loss=[1.0]), ax=ax),
}
every_plot = pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS.keys())


@every_plot
def test_a_plot_draws_on_the_axes_that_it_is_given(plot, require):
    require("matplotlib")
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert plot(ax) is ax
    assert ax.has_data()
    ax.figure.canvas.draw()


@every_plot
def test_a_plot_makes_axes_when_it_is_given_none(plot, require):
    require("matplotlib")
    plot(None).figure.canvas.draw()


@every_plot
def test_without_matplotlib_the_message_names_the_extra(plot, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "seqmem\[plot\]"'):
        plot(None)


def test_the_matrix_shows_the_weights_under_their_symbols(require):
    require("matplotlib")
    ax = PLOTS["attention"](None)
    (image,) = ax.get_images()
    assert np.array_equal(image.get_array(), WEIGHTS)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["the", "cat", "$at"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["le", "ch$at$_"]


def test_a_trace_shows_units_over_time_of_one_sequence(require):
    require("matplotlib")
    (image,) = PLOTS["gate"](None).get_images()
    assert np.array_equal(image.get_array(), TRACE["f"][:, 1].T)


def test_the_horizon_shows_the_mean_of_the_seeds(require):
    require("matplotlib")
    line = PLOTS["memory horizon"](None).get_lines()[0]
    assert np.allclose(line.get_xydata(), [[5, 0.95], [50, 0.6]])


def test_weights_that_do_not_fit_the_symbols_are_a_value_error():
    with pytest.raises(ValueError, match=r"weights has shape \(2, 3\), expected \(1, 3\)"):
        plot_attention(WEIGHTS, ["a", "b", "c"], ["x"])


def test_a_name_that_is_not_in_the_trace_is_a_value_error():
    with pytest.raises(ValueError, match=r"'z' is not in the trace, which has f, c, h"):
        plot_trace(TRACE, "z")


def test_the_text_map_has_a_line_for_each_unit_and_a_shade_for_each_step():
    lines = trace_heatmap(TRACE["c"][:, 0], ascii_only=True).splitlines()
    assert len(lines) == 3
    assert all(line[:1] == str(unit) and len(line) == 3 + 4 for unit, line in enumerate(lines))
    assert lines[2].endswith("#")
    assert trace_heatmap(np.zeros((0, 3))) == ""
    assert trace_heatmap(np.zeros((2, 1))) == "0   " + " "

"""The history as numbers, as a table and as a picture."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from seqmem import History
from seqmem.training import Picture

WHOLE = History(
    loss=[2.0, 1.0],
    metric=[0.1, 0.2],
    tokens_per_second=[10.0, 20.0],
    seconds=[1.0, 2.0],
    validation_loss=[3.0, 1.5],
    metrics={"accuracy": [0.5, 0.75], "F1, macro": [0.25, 0.5]},
    learning_rate=[0.1, 0.05],
)


def test_everything_that_was_recorded_has_a_name() -> None:
    names = ["loss", "validation_loss", "metric", "accuracy", "F1, macro"]
    assert WHOLE.names == [*names, "learning_rate", "seconds", "tokens_per_second"]
    assert WHOLE.values("validation_loss") == [3.0, 1.5]
    assert WHOLE.values("accuracy") == [0.5, 0.75]
    assert History().names == []


def test_it_is_json() -> None:
    assert json.loads(json.dumps(vars(WHOLE)))["metrics"]["accuracy"] == [0.5, 0.75]


def test_the_table_is_read_back_by_a_csv_reader(tmp_path: Path) -> None:
    WHOLE.to_csv(tmp_path / "history.csv")
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text("utf-8").splitlines()))
    assert [float(row["F1, macro"]) for row in rows] == [0.25, 0.5]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert list(rows[0]) == ["epoch", *WHOLE.names]


def test_a_number_that_is_missing_after_an_interrupt_is_an_empty_cell() -> None:
    history = History(loss=[2.0, 1.0], validation_loss=[3.0])
    assert history.table() == "epoch,loss,validation_loss\n1,2.0,3.0\n2,1.0,\n"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("recall", ValueError, "History.values: name is 'recall', expected one of: loss, validation_loss"),
        (3, TypeError, "History.values: name is of type int"),
    ],
)
def test_an_unknown_name_is_refused(name: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        WHOLE.values(name)


def test_the_picture_has_every_line_and_shows_itself(require: Any, tmp_path: Path) -> None:
    require("matplotlib")
    picture = WHOLE.plot()
    assert isinstance(picture, Picture)
    left, right = picture.figure.axes
    assert [line.get_label() for line in left.get_lines()] == ["loss", "validation loss"]
    assert [line.get_label() for line in right.get_lines()] == ["metric", "accuracy", "F1, macro"]
    assert all(list(line.get_xdata()) == [1, 2] for line in (*left.get_lines(), *right.get_lines()))
    assert picture._repr_png_().startswith(b"\x89PNG")
    picture.save(tmp_path / "history.svg")
    assert "<svg" in (tmp_path / "history.svg").read_text("utf-8")
    assert WHOLE.plot(ax=left).axes is left
    assert len(History(loss=[1.0]).plot().figure.axes) == 1


def test_without_matplotlib_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "seqmem\[plot\]"'):
        WHOLE.plot()
    with pytest.raises(TypeError, match=r"History\.plot: ax is of type int, expected matplotlib axes"):
        WHOLE.plot(ax=3)

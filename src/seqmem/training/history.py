"""The history of a training: numbers by epoch, as a picture and as a table."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass, field
from typing import Any

from seqmem.training.files.replacing import replacing
from seqmem.validation import as_path, as_text, brief


@dataclass
class History:
    """The course of training, one entry per epoch; `vars(history)` is ready for JSON.

    A history that is passed to `fit` is continued, and keeps its entries after an error or Ctrl-C; so does
    the `history` attribute of the exception.

    Attributes:
        loss: mean training loss during the epoch, in the loss's unit (nats per token for a
            sequence-to-sequence model).
        metric: the value of `validate` after the epoch; empty without it.
        tokens_per_second: counted items (target tokens, if batches have a mask) divided by training time.
        seconds: training time, without validation and callbacks.
        validation_loss: mean loss of the validation batches after the epoch; empty without them.
        metrics: the named metrics after the epoch.
        learning_rate: of the epoch's last step.
        stopped: why the training ended before its last epoch; empty if it did not.

    >>> history = History(loss=[2.0, 1.5], metrics={"accuracy": [0.5, 0.75]})
    >>> history.values("accuracy")
    [0.5, 0.75]
    >>> print(history.table(), end="")
    epoch,loss,accuracy
    1,2.0,0.5
    2,1.5,0.75
    """

    loss: list[float] = field(default_factory=list)
    metric: list[float] = field(default_factory=list)
    tokens_per_second: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    learning_rate: list[float] = field(default_factory=list)
    stopped: str = ""

    @property
    def names(self) -> list[str]:
        """The names of everything that was recorded, in the order of the table's columns."""
        own = ("loss", "validation_loss", "metric")
        times = ("learning_rate", "seconds", "tokens_per_second")
        return [
            *(name for name in own if getattr(self, name)),
            *self.metrics,
            *(name for name in times if getattr(self, name)),
        ]

    def values(self, name: str) -> list[float]:
        """Return the values recorded under a name: "loss", "validation_loss", "metric" or a named metric.

        Raises:
            ValueError: for a name without recorded values.
            TypeError: for anything but a string.
        """
        as_text(name, "History.values", "name")
        if name not in self.names:
            known = ", ".join(self.names) or "nothing yet"
            raise ValueError(f"History.values: name is {brief(repr(name))}, expected one of: {known}")
        found: list[float] = self.metrics[name] if name in self.metrics else getattr(self, name)
        return found

    def table(self) -> str:
        """Return everything as comma-separated values, a line for each epoch under a line of names."""
        text, names = io.StringIO(), self.names
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["epoch", *names])
        for epoch in range(len(self.loss)):
            rows = [self.values(name) for name in names]
            writer.writerow([epoch + 1, *(row[epoch] if epoch < len(row) else "" for row in rows)])
        return text.getvalue()

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write `table` to a file, which is replaced completely or not at all.

        Raises:
            TypeError: for anything but a path.
            OSError: if the file cannot be written.
        """
        with replacing(as_path(path, "History.to_csv")) as file:
            file.write(self.table().encode())

    def plot(self, *, ax: Any = None) -> Picture:
        """Return a picture of the losses over the epochs, and of the metrics on a separate axis.

        Args:
            ax: matplotlib axes to draw on; None for new axes.

        Returns:
            A picture that a notebook displays at the end of a cell, with `axes`, `figure` and `save`.

        Raises:
            ImportError: without matplotlib: the extra `plot`.
            TypeError: for anything but axes.
        """
        ax = _axes(ax, "History.plot")
        losses = {name: self.values(name) for name in self.names if name in ("loss", "validation_loss")}
        _lines(ax, losses, first=0)
        ax.set_xlabel("epoch")
        ax.set_ylabel("loss")
        ax.grid(alpha=0.3, linewidth=0.6)
        scores = ({"metric": self.metric} if self.metric else {}) | self.metrics
        handles = list(ax.get_lines())
        if scores:
            other = ax.twinx()
            _lines(other, scores, first=len(losses))
            other.set_ylabel(next(iter(scores)) if len(scores) == 1 else "metrics")
            handles += other.get_lines()
        if len(handles) > 1:
            ax.legend(handles=handles)
        return Picture(ax)


class Picture:
    """A finished picture: a notebook displays it at the end of a cell.

    Args:
        axes: matplotlib axes with the lines.
    """

    def __init__(self, axes: Any) -> None:
        self.axes, self.figure = axes, axes.figure

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the picture to a file whose suffix determines the format: .png, .svg, .pdf.

        Args:
            path: the file.
            **options: of matplotlib's `Figure.savefig`, such as dpi.
        """
        self.figure.savefig(as_path(path, "Picture.save"), **options)

    def _repr_png_(self) -> bytes:
        data = io.BytesIO()
        self.figure.savefig(data, format="png")
        return data.getvalue()


_STYLES = ("o-", "s--", "^-.", "D:", "v-", "P--")  # curves never differ in colour alone


def _lines(ax: Any, series: dict[str, list[float]], first: int) -> None:
    for k, (name, values) in enumerate(series.items(), start=first):
        epochs = range(1, len(values) + 1)
        label = name.replace("_", " ")
        ax.plot(epochs, values, _STYLES[k % len(_STYLES)], color=f"C{k % 10}", label=label)


def _axes(ax: Any, caller: str) -> Any:
    if ax is not None:
        if not hasattr(ax, "set_xlabel"):
            raise TypeError(f"{caller}: ax is of type {type(ax).__name__}, expected matplotlib axes")
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"{caller}: plots need matplotlib, which is not installed: pip install "
            '"seqmem[plot]"; History.table and History.to_csv do not need it'
        ) from error
    return Figure(layout="constrained").subplots()  # opens no window, and pyplot keeps no reference to it

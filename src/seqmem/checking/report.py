"""What a gradient check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One array's comparison."""

    name: str
    shape: tuple[int, ...]
    max_error: float  # largest difference, relative to the array's largest entry; inf when nothing fits
    where: tuple[int, ...] | None  # its index; None when directions were compared, or nothing could be
    note: str = ""  # what the backward pass gave there and what is right, or why nothing could be compared


@dataclass(frozen=True)
class Report:
    """All rows of a gradient check; printable.

    >>> report = Report("LSTMCell", "complex step", 1e-12, (Row("W_x", (4, 3, 5), 2.5e-16, (0, 1, 2)),))
    >>> report.passed, report.max_error
    (True, 2.5e-16)
    >>> print(report)
    LSTMCell: right (complex step, tolerance 1.0e-12)
      array  shape          error
      W_x    (4, 3, 5)    2.5e-16
    """

    title: str
    method: str
    tolerance: float
    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """Whether every array is within the tolerance."""
        return all(row.max_error <= self.tolerance for row in self.rows)

    @property
    def max_error(self) -> float:
        """The largest error of all arrays."""
        return max((row.max_error for row in self.rows), default=0.0)

    def __str__(self) -> str:
        name = max([len(row.name) for row in self.rows] + [len("array")])
        shape = max([len(str(row.shape)) for row in self.rows] + [len("shape")])
        verdict = "right" if self.passed else "WRONG"
        lines = [
            f"{self.title}: {verdict} ({self.method}, tolerance {self.tolerance:.1e})",
            f"  {'array':<{name}}  {'shape':<{shape}}  {'error':>9}",
        ]
        for row in self.rows:
            line = f"  {row.name:<{name}}  {row.shape!s:<{shape}}  {row.max_error:>9.1e}"
            if row.where is None and row.note:
                line += f"  {row.note}"
            elif row.max_error > self.tolerance and row.where is not None:
                line += f"  at {list(row.where)}: {row.note}"
            lines.append(line)
        return "\n".join(lines)

"""What the documents count is what the code has."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.selftest.correct_passes import STYLES
from seqmem.checking.selftest.planted import PLANTED
from seqmem.data import dates

ROOT = Path(__file__).parents[1]
COUNTED = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
COUNTS: dict[str, Callable[[], int]] = {  # what is counted, and how many of it there are
    r"(?:known |different )?mistakes": lambda: len(
        {mistake for kind in KINDS.values() for mistake in kind.mistakes}
    ),
    r"mistakes planted in the library's own code": lambda: len(PLANTED),
    r"correct passes": lambda: len(STYLES),
    r"(?:written )?forms": lambda: len(dates.FORMS),
    r"kinds of function": lambda: len(KINDS),
}


def counts_in(text: str, what: str) -> list[int]:
    """Every number in a text that stands before what it counts."""
    text = " ".join(text.split())
    return [int(found.replace(",", "")) for found in re.findall(rf"(\d[\d,]*) {what}\b", text)]


@pytest.mark.parametrize("path", COUNTED, ids=lambda path: path.name)
@pytest.mark.parametrize("what", COUNTS)
def test_a_count_in_the_documents_is_the_code_s(path: Path, what: str) -> None:
    assert set(counts_in(path.read_text("utf-8"), what)) <= {COUNTS[what]()}


def test_counts_are_found_across_lines_and_with_commas() -> None:
    assert counts_in("which of 1,469 known\n  mistakes; 3 mistakes", r"(?:known )?mistakes") == [1469, 3]
    assert counts_in("one of many mistakes, 12 misses", "mistakes") == []

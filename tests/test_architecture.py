"""The picture of the rooms in docs/architecture.md is the code's."""

import re
from pathlib import Path

import pytest
import rooms_picture
from test_rooms import FILES, ROOMS, SUBROOMS, room_of

pytestmark = pytest.mark.quick

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"
DRAWN = [room for room in ROOMS if room in {room_of(name) for name in FILES}]  # those that have files

SOURCES = {  # two rooms that import a third, one of them from inside a function, and one imports all
    "seqmem.module": "import numpy as np",
    "seqmem.cells.__init__": "from seqmem.cells.lstm import LSTMCell",
    "seqmem.cells.lstm": "def f():\n    from seqmem.module import Module",
    "seqmem.data.text": "from ..module import Module",
    "seqmem.models.encoder": "import seqmem.data, seqmem.cells\nfrom seqmem.module import Module",
}
ARROWS = {"module": set(), "cells": {"module"}, "data": {"module"}, "models": {"module", "cells", "data"}}


def test_the_picture_in_the_document_is_that_of_the_code() -> None:
    shown = rooms_picture.in_document(rooms_picture.DOCUMENT.read_text("utf-8"))
    assert shown == rooms_picture.picture(), "python tests/rooms_picture.py --write draws it again"


def test_the_document_describes_every_room_in_order() -> None:
    text = rooms_picture.DOCUMENT.read_text("utf-8").partition("## The rooms")[2].partition("\n## ")[0]
    first_cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    assert [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)] == DRAWN


def test_the_document_describes_every_subroom_in_order() -> None:
    text = rooms_picture.DOCUMENT.read_text("utf-8").partition("## The subrooms")[2].partition("\n## ")[0]
    described = {}
    for section in text.split("\n### ")[1:]:
        title, *lines = section.splitlines()
        first_cells = [line.split("|")[1] for line in lines if line.startswith("|")]
        described[title.strip("`")] = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]
    assert described == {room: list(subrooms) for room, subrooms in SUBROOMS.items()}


def test_the_map_for_contributors_names_every_room_in_order() -> None:
    text = CONTRIBUTING.read_text("utf-8").partition("```text\n")[2].partition("```")[0]
    names = [name for line in text.splitlines() for name in line.partition("  ")[0].split(", ")]
    assert names == DRAWN


def test_every_import_is_an_arrow_wherever_it_stands() -> None:
    assert rooms_picture.arrows_between(SOURCES, room_of) == ARROWS


def test_the_flowchart_leaves_out_what_a_longer_way_joins() -> None:
    assert rooms_picture.without_shortcuts(ARROWS) == ARROWS | {"models": {"cells", "data"}}
    lines = rooms_picture.flowchart(ROOMS, ARROWS).splitlines()
    assert [line.strip() for line in lines if "-->" in line] == [
        *("data --> module", "cells --> module", "models --> data", "models --> cells"),
    ]


def test_the_table_leaves_out_nothing_and_an_arrow_back_would_stand_above_its_diagonal() -> None:
    rows = rooms_picture.table(ROOMS, ARROWS).splitlines()[2:-1]
    assert [row.split()[2:] for row in rows] == [
        ["-", ".", ".", "."],
        ["x", "-", ".", "."],
        ["x", ".", "-", "."],
        ["x", "x", "x", "-"],
    ]
    back = rooms_picture.table(ROOMS, ARROWS | {"data": {"module", "models"}}).splitlines()[2:-1]
    assert back[1].split()[2:] == ["x", "-", ".", "x"]


def test_rooms_that_have_subrooms_show_them() -> None:
    picture = rooms_picture.picture()
    assert all(f"between the subrooms of {room}:" in picture for room in SUBROOMS)

"""Draw the imports between the rooms of the package.

    python tests/rooms_picture.py            print the picture
    python tests/rooms_picture.py --write    put it into docs/architecture.md

The flowchart (Mermaid, which code hosts draw) leaves out an arrow whose ends a longer way already joins; the
tables below it leave out nothing. An import is drawn wherever it stands, inside a function too.
"""

import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from test_rooms import FILES, ROOMS, SUBROOMS, imports_of, room_of, subroom_of

DOCUMENT = Path(__file__).parents[1] / "docs" / "architecture.md"
BEGIN = "<!-- drawn by tests/rooms_picture.py -->\n"
END = "<!-- end of the picture -->\n"

Arrows = dict[str, set[str]]  # each room, and the other rooms that it imports


def arrows_between(sources: Mapping[str, str], place_of: Callable[[str], str | None]) -> Arrows:
    """Return which places import which others.

    Args:
        sources: the text of each file by its dotted name, which ends in `.__init__` for a room's own.
        place_of: the room (or subroom) of a dotted name, None for what is not drawn.
    """
    arrows: Arrows = {}
    for name, source in sources.items():
        place = place_of(name)
        if place is None:
            continue
        targets = {place_of(found.target) for found in imports_of(source, name.rpartition(".")[0])}
        arrows.setdefault(place, set()).update(target for target in targets if target not in (None, place))
    return arrows


def without_shortcuts(arrows: Arrows) -> Arrows:
    """Return the arrows whose ends no longer way joins; `arrows` must hold no circle."""

    def reached(places: Iterable[str]) -> set[str]:
        return set().union(*({place} | reached(arrows[place]) for place in places))

    return {
        place: targets - set().union(*(reached(arrows[target]) for target in targets))
        for place, targets in arrows.items()
    }


def flowchart(order: Iterable[str], arrows: Arrows) -> str:
    """Return a Mermaid flowchart in which an arrow means "imports"; the first room is at the top."""
    drawn = [place for place in order if place in arrows]
    lines = [f"    {place}" for place in drawn]
    few = without_shortcuts(arrows)
    lines += [f"    {place} --> {target}" for place in drawn for target in drawn if target in few[place]]
    return "\n".join(["```mermaid", "flowchart BT", *lines, "```"])


def table(order: Iterable[str], arrows: Arrows) -> str:
    """Return a text in which row and column n are the n-th room: x where the row imports the column."""
    drawn = [place for place in order if place in arrows]
    width = max(map(len, drawn))
    head = " " * (width + 3) + "".join(f"{n:3}" for n in range(1, len(drawn) + 1))
    rows = [
        f"{n:2} {place:{width}}" + "".join(_mark(place, target, arrows) for target in drawn).rstrip()
        for n, place in enumerate(drawn, start=1)
    ]
    return "\n".join(["```text", head, *rows, "```"])


def _mark(place: str, target: str, arrows: Arrows) -> str:
    return "  -" if place == target else "  x" if target in arrows[place] else "  ."


def sources() -> dict[str, str]:
    """Return the text of every file of the package, by its dotted name."""
    return {
        f"{name}.__init__" if path.name == "__init__.py" else name: path.read_text("utf-8")
        for name, path in FILES.items()
    }


@functools.cache
def picture() -> str:
    """Return the picture as it stands in the document."""
    texts = sources()
    rooms = arrows_between(texts, room_of)
    parts = [
        flowchart(ROOMS, rooms),
        "Every import between rooms, x where the row imports the column:",
        table(ROOMS, rooms),
    ]
    for room, subrooms in SUBROOMS.items():
        inside = arrows_between(
            {name: text for name, text in texts.items() if room_of(name) == room},
            lambda name, room=room: subroom_of(name) if room_of(name) == room else None,
        )
        parts += [f"The same between the subrooms of {room}:", table(subrooms, inside)]
    return "\n\n".join(parts) + "\n"


def in_document(text: str) -> str:
    """Return the picture that stands in the text of a document."""
    return text.partition(BEGIN)[2].partition(END)[0].strip() + "\n"


def write() -> None:
    """Replace the picture in the document."""
    text = DOCUMENT.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{picture()}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        sys.stdout.write(picture())

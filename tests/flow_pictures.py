"""Draw the data flow of one step for the derivations, as SVG.

    python tests/flow_pictures.py            say which pictures are out of date
    python tests/flow_pictures.py --write    write them into docs/derivations/figures/

Boxes are values or functions, circles are operations, and a line that leaves another one at a dot is a copy.
The thick line is the path along which a state reaches the next step without a weight matrix. A picture has
its own background, light or dark as the reader's system is.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[1] / "docs" / "derivations" / "figures"
STYLE = """
  .page { fill: #ffffff } .box { fill: #f2f4f8; stroke: #5b6472 } .op { fill: #ffffff; stroke: #5b6472 }
  .value { fill: #e3edfb; stroke: #2f6fbf } text { fill: #1d232b; font: 14px sans-serif; text-anchor: middle }
  .line { fill: none; stroke: #5b6472; stroke-width: 1.5 } .head, .dot { fill: #5b6472 }
  .main { stroke: #b3541e; stroke-width: 3 } .mainhead { fill: #b3541e }
  @media (prefers-color-scheme: dark) {
    .page { fill: #14181d } .box { fill: #232a33; stroke: #9aa5b4 } .op { fill: #14181d; stroke: #9aa5b4 }
    .value { fill: #17304f; stroke: #6aa5ee } text { fill: #e8ecf1 }
    .line { stroke: #9aa5b4 } .head, .dot { fill: #9aa5b4 }
    .main { stroke: #f0995f } .mainhead { fill: #f0995f }
  }
"""
HEIGHT, RADIUS = 34, 15  # of a box, of a circle

Point = tuple[float, float]


class Box(NamedTuple):
    """A value or a function."""

    at: Point  # the centre
    text: str
    kind: str = "box"
    width: float = 70
    height: float = HEIGHT


class Op(NamedTuple):
    """An operation on what arrives."""

    at: Point
    text: str


class Label(NamedTuple):
    """The name of the value on a line."""

    at: Point
    text: str


class Line(NamedTuple):
    """An arrow along some points; its last point is the border of what it leads to."""

    points: tuple[Point, ...]
    is_copy: bool = False  # whether it begins with a dot on another line
    is_main: bool = False


Part = Box | Op | Label | Line


class Picture(NamedTuple):
    """A drawing with its size."""

    title: str
    says: str
    size: tuple[int, int]
    parts: tuple[Part, ...]


def path(*points: Point, copy: bool = False, main: bool = False) -> Line:
    """Return an arrow."""
    return Line(points, copy, main)


def value(at: Point, text: str) -> Box:
    """Return the box of an input or an output."""
    return Box(at, text, "value")


RNN = Picture(
    "A plain recurrent step",
    "x and h_prev are weighted and added to the pre-activation a; h is its tanh, shown and kept",
    (720, 200),
    (
        path((75, 60), (190, 60)),
        path((75, 140), (285, 140), (285, 77)),
        path((380, 60), (445, 60)),
        path((515, 60), (620, 60)),
        path((570, 60), (570, 140), (620, 140), copy=True),
        value((40, 60), "h_prev"),
        value((40, 140), "x"),
        Box((285, 60), "a = x W_x + h_prev W_h + b", width=190),
        Box((480, 60), "tanh"),
        Box((665, 60), "h, as state", "value", 90),
        Box((665, 140), "h, as output", "value", 90),
    ),
)

LSTM = Picture(
    "A step of an LSTM",
    "c_prev is multiplied by f, i times g is added, which gives c; h is o times the tanh of c; the four "
    "gates come from x and h_prev",
    (720, 350),
    (
        path((75, 50), (195, 50), main=True),
        path((225, 50), (365, 50), main=True),
        path((395, 50), (645, 50), main=True),
        path((210, 263), (210, 202)),
        path((330, 263), (330, 202)),
        path((430, 263), (430, 202)),
        path((530, 263), (530, 202)),
        path((210, 168), (210, 65)),
        path((330, 168), (330, 115), (365, 115)),
        path((430, 168), (430, 115), (395, 115)),
        path((380, 100), (380, 65)),
        path((600, 50), (600, 98), copy=True),
        path((600, 132), (600, 170)),
        path((565, 185), (585, 185)),
        path((615, 185), (645, 185)),
        path((75, 280), (175, 280)),
        path((75, 325), (370, 325), (370, 297)),
        value((40, 50), "c_prev"),
        value((40, 280), "h_prev"),
        value((40, 325), "x"),
        Op((210, 50), "×"),
        Op((380, 50), "+"),
        Op((380, 115), "×"),
        Op((600, 185), "×"),
        Box((210, 185), "f = σ(a_f)", width=84),
        Box((325, 185), "i = σ(a_i)", width=84),
        Box((430, 185), "g = tanh(a_g)", width=104),
        Box((530, 185), "o = σ(a_o)", width=80),
        Box((600, 115), "tanh"),
        Box((370, 280), "a = x W_x + h_prev W_h + b, for each gate", width=390),
        value((680, 50), "c"),
        value((680, 185), "h"),
    ),
)


def gru(reset: str) -> Picture:
    """Return the picture of a GRU with the reset before or after the product."""
    before = reset == "before"
    product: tuple[Part, ...] = (
        path((230, 50), (230, 135), copy=True),
        path((230, 165), (230, 255), (395, 255)),
        path((525, 255), (560, 255), (560, 227)),
        Box((460, 255), "(r × h_prev) W_hn", width=130),
    )
    if not before:
        product = (
            path((230, 165), (230, 255), (560, 255), (560, 227)),
            path((230, 50), (230, 83), copy=True),
            path((230, 117), (230, 135)),
            Box((230, 100), "h_prev W_hn + b_hn", width=150),
        )
    return Picture(
        f"A step of a GRU, reset {reset} the product",
        "h is (1 - z) times h_prev plus z times n; the candidate n comes from x and from "
        + ("r times h_prev" if before else "r times a product of h_prev"),
        (720, 350),
        (
            path((75, 50), (345, 50), main=True),
            path((375, 50), (465, 50), main=True),
            path((495, 50), (645, 50), main=True),
            *product,
            path((140, 193), (140, 150), (215, 150)),
            path((360, 193), (360, 132)),
            path((360, 98), (360, 65)),
            path((360, 165), (480, 165), (480, 130), copy=True),
            path((580, 193), (580, 115), (495, 115)),
            path((480, 100), (480, 65)),
            path((85, 50), (85, 285), (375, 285), (375, 227), copy=True),
            path((155, 285), (155, 227), copy=True),
            path((75, 315), (600, 315), (600, 227)),
            path((125, 315), (125, 227), copy=True),
            path((345, 315), (345, 227), copy=True),
            value((40, 50), "h_prev"),
            value((40, 315), "x"),
            Op((360, 50), "×"),
            Op((480, 50), "+"),
            Op((480, 115), "×"),
            Op((230, 150), "×"),
            Box((140, 210), "r = σ(a_r)", width=84),
            Box((360, 210), "z = σ(a_z)", width=84),
            Box((360, 115), "1 − z", width=60),
            Box((580, 210), "n = tanh(a_n)", width=110),
            value((680, 50), "h"),
        ),
    )


def attention() -> Picture:
    """Return the picture of additive attention over three keys."""
    parts: list[Part] = [
        path((75, 270), (130, 270), (130, 70), (160, 70)),
        path((585, 60), (640, 60), (640, 120)),
        path((585, 135), (625, 135)),
        path((585, 210), (640, 210), (640, 150)),
        path((655, 135), (685, 135)),
        value((40, 270), "q"),
        Box((450, 135), "softmax", width=84, height=190),
        Op((640, 135), "+"),
        value((720, 135), "C"),
    ]
    for s, y in enumerate((60, 135, 210)):
        parts += [
            path((75, y), (160, y)),
            path((105, y), (105, y - 28), (570, y - 28), (570, y - 15), copy=True),
            path((370, y), (408, y)),
            path((492, y), (555, y)),
            value((40, y), f"k_{s}"),
            Box((265, y), f"tanh(q W_q + k_{s} W_k + b) · v", width=210),
            Op((570, y), "×"),
            Label((389, y - 8), f"e_{s}"),
            Label((523, y - 8), f"α_{s}"),
        ]
        parts += [path((130, y + 10), (160, y + 10), copy=True)] if s else []
    return Picture(
        "Additive attention over three keys",
        "each key k gets a score e from the query q and itself; the softmax of the scores gives the weights "
        "alpha; the context C is the sum of the weighted keys",
        (770, 310),
        tuple(parts),
    )


PICTURES = {
    "rnn": RNN,
    "lstm": LSTM,
    "gru-before": gru("before"),
    "gru-after": gru("after"),
    "attention": attention(),
}


def arrow(line: Line) -> list[str]:
    """Return the elements of an arrow."""
    (x0, y0), (x1, y1) = line.points[-2:]
    dx, dy = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
    size = 9 if line.is_main else 7
    back = (x1 - size * dx, y1 - size * dy)
    corners = [(x1, y1), (back[0] + 4 * dy, back[1] + 4 * dx), (back[0] - 4 * dy, back[1] - 4 * dx)]
    inner = [*line.points[:-1], back]
    main = line.is_main
    elements = [f'<polyline class="line{" main" if main else ""}" points="{as_points(inner)}"/>']
    elements.append(f'<polygon class="{"mainhead" if main else "head"}" points="{as_points(corners)}"/>')
    if line.is_copy:
        x, y = line.points[0]
        elements.append(f'<circle class="dot" cx="{x:g}" cy="{y:g}" r="3.5"/>')
    return elements


def as_points(points: list[Point]) -> str:
    """Return points as SVG writes them."""
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def shape(part: Part) -> list[str]:
    """Return the elements of a part."""
    if isinstance(part, Line):
        return arrow(part)
    x, y = part.at
    text = f'<text x="{x:g}" y="{y + 5:g}">{escape(part.text)}</text>'
    if isinstance(part, Label):
        return [text]
    if isinstance(part, Op):
        return [f'<circle class="op" cx="{x:g}" cy="{y:g}" r="{RADIUS}"/>', text]
    left, top = x - part.width / 2, y - part.height / 2
    size = f'width="{part.width:g}" height="{part.height:g}"'
    return [f'<rect class="{part.kind}" x="{left:g}" y="{top:g}" {size} rx="6"/>', text]


def as_svg(picture: Picture) -> str:
    """Return a picture as the text of an SVG file."""
    width, height = picture.size
    parts = sorted(picture.parts, key=lambda part: not isinstance(part, Line))  # lines pass behind boxes
    elements = [element for part in parts for element in shape(part)]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="title says">',
        f'<title id="title">{escape(picture.title)}</title>',
        f'<desc id="says">{escape(picture.says)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}" rx="8"/>',
        *elements,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write the pictures again, or say which are out of date; return the exit code."""
    is_writing, is_stale = arguments == ["--write"], False
    for name, picture in PICTURES.items():
        file, text = FOLDER / f"{name}.svg", as_svg(picture)
        if not file.is_file() or file.read_text("utf-8") != text:
            is_stale = True
            sys.stdout.write(f"{file.name}: {'written' if is_writing else 'out of date'}\n")
            if is_writing:
                FOLDER.mkdir(exist_ok=True)
                file.write_text(text, "utf-8")
    return int(is_stale and not is_writing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

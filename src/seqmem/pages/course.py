"""The pages as a course: an index in the lecture's order, and a way on and back from each page."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from seqmem.pages.page import Page, compose, part
from seqmem.validation import check_type


class State(NamedTuple):
    """A page in a certain state: the words of a link, and the part of the address after "#"."""

    words: str
    address: str


class Stop(NamedTuple):
    """One page of the course."""

    file: str
    section: str  # of the lecture
    title: str  # of the page in the course; no two are the same
    shows: str
    states: tuple[State, ...] = ()


STOPS = (
    Stop(
        "gradients.html",
        "1. Short-term memory",
        "Vanishing gradients",
        "How much of the gradient reaches the clue, if it stands a hundred words before the blank?",
        (
            State("a hundred words, forget bias 3", "distance=100&forget=3"),
            State("exploding", "distance=60&radius=1.3&faint"),
            State("open gates", "distance=100&forget=4&update=-4"),
        ),
    ),
    Stop(
        "gates.html",
        "2. LSTM, 3. GRU",
        "Gate explorer",
        "What do the gates of one unit keep, erase and write?",
        (
            State("an LSTM that keeps all", "lstm&preset=keep-all"),
            State("an LSTM that counts", "lstm&preset=counter"),
            State("a GRU that writes, with z near 1", "gru&preset=write"),
            State("an RNN in which a trace vanishes", "rnn&preset=vanish"),
        ),
    ),
    Stop(
        "attention-polish.html",
        "4. Encoder and decoder",
        "“How are you?” in Polish",
        "How does a decoder write a sentence, word by word, from what an encoder has read?",
    ),
    Stop(
        "attention.html",
        "5. Additive attention",
        "Attention visualiser",
        "Which words of the input had the most weight when a word was written?",
    ),
    Stop(
        "movie.html",
        "5. Additive attention",
        "Gate movie",
        "What do all units of a trained model do, step by step?",
    ),
    Stop(
        "quiz.html",
        "7. The quiz",
        "Quiz",
        "Eighteen questions, and a number that refutes each wrong answer.",
        (State("the question on z", "update-gate"), State("the question on masks", "masked-attention")),
    ),
)
ORDER = tuple(stop.file for stop in STOPS)


def course_pages(pages: Mapping[str, Page]) -> dict[str, Page]:
    """Return the pages with an index, each with a title of its own and links to its neighbours.

    Args:
        pages: some or all pages of the course by file name; ORDER has the names.

    Returns:
        The pages in the lecture's order, the index first, as "index.html".

    Raises:
        TypeError: if pages is no mapping, or a value is not a Page.
        ValueError: if there are no pages, or a file is no page of the course.

    >>> from seqmem.pages.explorer import gate_explorer
    >>> pages = course_pages({"gates.html": gate_explorer()})
    >>> list(pages), pages["gates.html"].title
    (['index.html', 'gates.html'], 'Gate explorer')
    """
    check_type(pages, Mapping, "course_pages", "pages")
    unknown = sorted(str(file) for file in pages if file not in ORDER)
    if unknown or not pages:
        raise ValueError(
            f"course_pages: pages has {unknown or 'no page'}, expected some of {', '.join(ORDER)}"
        )
    for file, page in pages.items():
        check_type(page, Page, "course_pages", f"pages[{file!r}]")
    stops = [stop for stop in STOPS if stop.file in pages]
    found = {"index.html": _index(stops)}
    for place, stop in enumerate(stops):
        before = stops[place - 1] if place else None
        after = stops[place + 1] if place + 1 < len(stops) else None
        found[stop.file] = _linked(pages[stop.file], stop, before, after)
    return found


def _index(stops: list[Stop]) -> Page:
    return compose(
        "The lecture, page by page",
        body=part("index.html").replace("{pages}", "\n".join(map(_entry, stops))),
        styles=[part("base.css"), part("index.css")],
    )


def _entry(stop: Stop) -> str:
    states = [
        f'<li><a href="{stop.file}#{html.escape(state.address)}">{state.words}</a></li>'
        for state in stop.states
    ]
    links = f'<p class="quiet">Open it at</p><ul class="states">{"".join(states)}</ul>' if states else ""
    return (
        f'<li class="card"><p class="section">{stop.section}</p>'
        f'<h2><a href="{stop.file}">{stop.title}</a></h2><p>{stop.shows}</p>{links}</li>'
    )


def _linked(page: Page, stop: Stop, before: Stop | None, after: Stop | None) -> Page:
    """Return the page with its title in the course, and links above and below what it shows."""
    back = f'<a rel="prev" href="{before.file}">← {before.title}</a>' if before else "<span></span>"
    on = f'<a rel="next" href="{after.file}">{after.title} →</a>' if after else "<span></span>"
    above = f'<nav class="course" aria-label="Course">{back}<a href="index.html">All pages</a>{on}</nav>\n'
    below = (
        f'<nav class="course" aria-label="On from here">{back}<a href="index.html">All pages</a>{on}</nav>\n'
    )
    head, body = page.html.split("<body>\n", 1)
    old, new = (f"<title>{html.escape(title)}</title>" for title in (page.title, stop.title))
    end = max(body.rfind(tag) + len(tag) for tag in ("</main>", "</footer>"))
    return replace(
        page,
        title=stop.title,
        html=f"{head.replace(old, new)}<body>\n{above}{body[:end]}\n{below}{body[end:].lstrip()}",
    )

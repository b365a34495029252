"""A page: one HTML document that carries everything it needs and fetches nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from seqmem.validation import as_path

GENERATOR = '<meta name="generator" content="seqmem">'  # by which a file is known to be one of these pages


@dataclass(frozen=True)
class Page:
    """A self-contained HTML document; the last value of a notebook cell shows it in place.

    Args:
        title: what the document calls itself.
        html: the whole document, from `<!doctype html>` on.

    >>> page = compose("Hello", body="<h1>Hello</h1>")
    >>> page.title, page.html.startswith("<!doctype html>")
    ('Hello', True)
    """

    title: str
    html: str = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the document to a file, which any browser opens without a server.

        Args:
            path: the file; what was in it is replaced.

        Returns:
            The file's path.

        >>> compose("Hello", body="<h1>Hello</h1>").save("hello.html").name
        'hello.html'
        """
        path = Path(as_path(path, "Page.save"))
        path.write_text(self.html, "utf-8", newline="\n")  # other line ends would change the script's hash
        return path

    def _repr_html_(self) -> str:
        """The document in a frame of its own: its styles and scripts cannot touch the notebook's."""
        return (
            f'<iframe title="{html.escape(self.title)}" sandbox="allow-scripts" '
            'style="width:100%;height:46rem;border:0;resize:vertical" '
            f'srcdoc="{html.escape(self.html)}"></iframe>'
        )


def compose(title: str, *, body: str, styles: Iterable[str] = (), scripts: Iterable[str] = ()) -> Page:
    """Put a page together.

    Its Content-Security-Policy lets the browser run this very style sheet and script, known by their hash,
    and nothing else: no request can leave the page, and markup that got into the body cannot run.

    Args:
        title: plain text; it is escaped here.
        body: HTML; whatever comes from a user is escaped by the caller.
        styles: texts of CSS, in order.
        scripts: texts of JavaScript, in order; they share one scope.

    Returns:
        The page.

    Raises:
        ValueError: when a style or a script would end its own element.

    >>> "&lt;b&gt;" in compose("<b>", body="").html
    True
    """
    style, script = "\n".join(styles), "\n".join(scripts)
    for name, text in (("style", style), ("script", script)):
        if f"</{name}" in text.lower() or "<!--" in text:
            raise ValueError(f"compose: the {name} holds </{name} or <!--, which would end its element")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    document = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
{GENERATOR}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<style>{style}</style>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""
    return Page(title, document)


def is_page(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is a page that `Page.save` wrote.

    >>> is_page(compose("Hello", body="").save("hello.html"))
    True
    """
    try:
        with open(path, "rb") as file:
            return GENERATOR.encode() in file.read(4096)
    except OSError:
        return False


def part(name: str) -> str:
    """Return the text of a file in `assets`, which are sorted by kind: css, html, js.

    >>> part("base.css").startswith("/*")
    True
    """
    return (resources.files("seqmem.pages") / "assets" / name.rpartition(".")[2] / name).read_text("utf-8")


def _hash(text: str) -> str:
    """A text's hash as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

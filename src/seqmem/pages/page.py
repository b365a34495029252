"""A page: one HTML document that contains everything it needs and fetches nothing."""

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

GENERATOR = '<meta name="generator" content="seqmem">'  # marks a file as one of these pages


@dataclass(frozen=True)
class Page:
    """A self-contained HTML document; a notebook displays it as the last value of a cell.

    Args:
        title: the document's title.
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
            path: the file, which is overwritten if it exists.

        Returns:
            The file's path.

        >>> compose("Hello", body="<h1>Hello</h1>").save("hello.html").name
        'hello.html'
        """
        path = Path(as_path(path, "Page.save"))
        path.write_text(self.html, "utf-8", newline="\n")  # other line endings would change the script's hash
        return path

    def _repr_html_(self) -> str:
        """Return the document in a separate frame: its styles and scripts cannot affect the notebook."""
        return (
            f'<iframe title="{html.escape(self.title)}" sandbox="allow-scripts" '
            'style="width:100%;height:46rem;border:0;resize:vertical" '
            f'srcdoc="{html.escape(self.html)}"></iframe>'
        )


def compose(title: str, *, body: str, styles: Iterable[str] = (), scripts: Iterable[str] = ()) -> Page:
    """Build a page from its parts.

    The Content-Security-Policy lets the browser use only this style sheet and this script, identified by
    their hashes: no request can leave the page, and injected markup cannot run.

    Args:
        title: plain text; it is escaped here.
        body: HTML; the caller escapes everything that comes from a user.
        styles: CSS texts, in order.
        scripts: JavaScript texts, in order; they share one scope.

    Returns:
        The page.

    Raises:
        ValueError: if a style or a script would end its own element.

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


def part(name: str, own: str = "") -> str:
    """Return the text of a file in `assets`, where files are sorted by kind: css, html, js.

    Args:
        name: the file's name, such as "base.css".
        own: the folder of a page that has assets of its own, which come before those of all pages.

    >>> part("base.css").startswith("/*")
    True
    """
    room = resources.files("seqmem.pages")
    places = [room / own / "assets", room / "assets"] if own else [room / "assets"]
    files = [place / name.rpartition(".")[2] / name for place in places]
    return next((file for file in files if file.is_file()), files[-1]).read_text("utf-8")


def parts(names: Iterable[str], own: str = "") -> list[str]:
    """Return the texts of several files, as `part` finds them.

    >>> len(parts(["base.css", "explorer.css"], "explorer"))
    2
    """
    return [part(name, own) for name in names]


def _hash(text: str) -> str:
    """Return a text's hash in the notation of a Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

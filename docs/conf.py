"""The documentation as a site: Markdown by MyST, formulas set by KaTeX while it is built, the theme Furo.

    pip install -e ".[docs]"
    npm install --prefix build katex@0.16.22
    sphinx-build -W docs build/site

Node runs KaTeX while the site is built; its style sheet and fonts are copied into the site. A reader needs
neither a network nor JavaScript for the formulas.
"""

import re
import sys
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

import seqmem

sys.path.insert(0, str(Path(__file__).parent))  # for formulas.py
from formulas import KATEX

CONTENTS = ("index", "derivations/index", "exercises/index")  # pages whose links are the order of the pages
LINK = re.compile(r"\]\((?P<page>[\w/-]+)\.md\)")
FOLDER = re.compile(r"\[(?P<text>[^\[\]]+)\]\((?P<target>\.\.[\w./-]*)\)")

project = "seqmem"
version = release = seqmem.__version__
extensions = ["myst_parser", "formulas"]

myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4

html_math_renderer = "katex"
html_static_path = [str(KATEX / "katex.min.css"), "site.css"]
html_css_files = ["site.css"]
html_theme = "furo"
html_title = f"seqmem {version}"
html_show_sphinx = False
html_copy_source = False


def unlink_folders(app: Sphinx, docname: str, source: list[str]) -> None:
    """Turn a link to a folder of the repository, which a site cannot show, into its text."""
    folder = Path(app.srcdir, docname).parent
    source[0] = FOLDER.sub(
        lambda match: match["text"] if (folder / match["target"]).is_dir() else match[0], source[0]
    )


def add_toctree(app: Sphinx, docname: str, source: list[str]) -> None:
    """Make a table of contents of the pages that a page of contents links to."""
    if docname in CONTENTS:
        pages = dict.fromkeys(match["page"] for match in LINK.finditer(source[0]))
        source[0] += "\n```{toctree}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"


def reach_code(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Let a keyboard reach the blocks that scroll on a narrow screen."""
    context["body"] = context.get("body", "").replace("<pre>", '<pre tabindex="0">')


def setup(app: Sphinx) -> None:
    """Prepare Sphinx for what these pages contain."""
    app.add_lexer("mermaid", TextLexer)  # code hosts draw it; the tables below it say the same
    app.connect("source-read", unlink_folders)
    app.connect("source-read", add_toctree)
    app.connect("html-page-context", reach_code)

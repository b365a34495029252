"""The documentation as a site: Markdown by MyST, formulas set by KaTeX while it is built, the theme Furo.

    pip install -e ".[docs]"
    npm install --prefix build katex@0.16.22
    sphinx-build -W docs build/site

Node runs KaTeX while the site is built; its style sheet and fonts are copied into the site. A reader needs
neither a network nor JavaScript for the formulas.
"""

import re
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.errors import ConfigError

import seqmem

ROOT = Path(__file__).parents[1]
KATEX = ROOT / "build" / "node_modules" / "katex" / "dist"
CONTENTS = ("index", "derivations/index", "exercises/index")  # pages whose links are the order of the pages
LINK = re.compile(r"\]\((?P<page>[\w/-]+)\.md\)")

project = "seqmem"
version = release = seqmem.__version__
extensions = ["myst_parser", "sphinxcontrib.katex"]

myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4

katex_prerender = True
katex_css_path = "katex.min.css"
html_static_path = [str(KATEX)]

html_theme = "furo"
html_title = f"seqmem {version}"
html_show_sphinx = False
html_copy_source = False


def add_toctree(app: Sphinx, docname: str, source: list[str]) -> None:
    """Make a table of contents of the pages that a page of contents links to."""
    if docname in CONTENTS:
        pages = dict.fromkeys(match["page"] for match in LINK.finditer(source[0]))
        source[0] += "\n```{toctree}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"


def setup(app: Sphinx) -> None:
    """Prepare Sphinx for what these pages contain."""
    if not KATEX.is_dir():
        raise ConfigError(f"KaTeX is not in {KATEX}: npm install --prefix build katex@0.16.22")
    app.add_lexer("mermaid", TextLexer)  # code hosts draw it; the tables below it say the same
    app.connect("source-read", add_toctree)

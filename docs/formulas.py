"""A Sphinx extension: KaTeX sets the formulas while a site is built, with one run of Node for each page."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ConfigError, ExtensionError

KATEX = Path(__file__).parents[1] / "build" / "node_modules" / "katex" / "dist"
SET_ALL = """
const katex = require(process.argv[1]);
const formulas = JSON.parse(require("fs").readFileSync(0, "utf8"));
const set = ([latex, displayMode]) => katex.renderToString(latex, { displayMode, strict: "error" });
process.stdout.write(JSON.stringify(formulas.map(set)));
"""


def set_formulas(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give every formula of a page its HTML."""
    if app.builder.format != "html":
        return
    formulas = [*doctree.findall(nodes.math), *doctree.findall(nodes.math_block)]
    if not formulas:
        return
    asked = json.dumps([(node.astext(), isinstance(node, nodes.math_block)) for node in formulas])
    command = ["node", "-e", SET_ALL, str(KATEX / "katex.js")]
    run = subprocess.run(command, input=asked, capture_output=True, encoding="utf-8", check=False)
    if run.returncode != 0:
        raise ExtensionError(f"{docname}: KaTeX cannot set a formula:\n{run.stderr}")
    for node, html in zip(formulas, json.loads(run.stdout), strict=True):
        node["html"] = html


def visit(translator: Any, node: nodes.Element) -> None:
    """Write the HTML of a formula."""
    translator.body.append(node["html"])
    raise nodes.SkipNode


def copy_fonts(app: Sphinx, exception: Exception | None) -> None:
    """Put the fonts that KaTeX's style sheet asks for beside it, in the form that today's browsers read."""
    if exception is None and app.builder.format == "html":
        fonts, ignored = Path(app.outdir, "_static", "fonts"), shutil.ignore_patterns("*.ttf", "*.woff")
        shutil.copytree(KATEX / "fonts", fonts, ignore=ignored, dirs_exist_ok=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the renderer "katex" to Sphinx."""
    if not KATEX.is_dir():
        raise ConfigError(f"KaTeX is not in {KATEX}: npm install --prefix build katex@0.16.22")
    app.add_html_math_renderer("katex", (visit, None), (visit, None))
    app.add_css_file("katex.min.css")
    app.connect("doctree-resolved", set_formulas)
    app.connect("build-finished", copy_fonts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

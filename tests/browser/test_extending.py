"""The page that docs/extending.md builds shows what the document says, in a browser."""

from pathlib import Path

from browsing import texts
from test_documents import run_blocks

DOCUMENT = Path(__file__).parents[2] / "docs" / "extending.md"


def test_the_page_of_the_document_shows_the_sizes(open_page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_blocks(DOCUMENT.read_text("utf-8"), str(DOCUMENT))
    page = open_page((tmp_path / "sizes.html").as_uri())
    assert texts(page, "#sizes li") == ["W_x: 48", "W_h: 64", "b: 16"]

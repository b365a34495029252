"""A headless Chromium, and pages that remember what they did besides what was asked of them."""

from __future__ import annotations

import importlib
import importlib.resources
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (  # without them the browser calls its maker's servers, and root cannot start it
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="session")
def missing() -> Callable[[str], NoReturn]:
    """`missing("chromium")` skips with the reason; with SEQMEM_REQUIRE_BROWSER=1 it is a failure instead."""

    def missing(what: str) -> NoReturn:
        reason = f"needs {what}, which is not installed"
        if os.environ.get("SEQMEM_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{reason}, and SEQMEM_REQUIRE_BROWSER=1 requires it")
        pytest.skip(reason)

    return missing


@pytest.fixture(scope="session")
def browser(missing: Callable[[str], NoReturn]) -> Iterator[Any]:
    try:
        playwright = importlib.import_module("playwright.sync_api")
    except ModuleNotFoundError:
        missing("playwright")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        missing("chromium")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """`page = open_page(url, width=360)`; afterwards: no message, no error, no request but for the file."""
    contexts, complaints = [], []

    def open_page(url: str, *, width: int = 1200, scheme: str = "light", calm: bool = False) -> Any:
        motion = "reduce" if calm else "no-preference"
        viewport = {"width": width, "height": 800}
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion=motion))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        own = url.partition("#")[0]
        page.on("request", lambda request: request.url == own or complaints.append(f"request: {request.url}"))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def violations(missing: Callable[[str], NoReturn]) -> Callable[[Any], list[str]]:
    """`violations(page)`: what axe-core complains of, a rule and the elements to each."""
    try:
        folder = importlib.resources.files(importlib.import_module("axe_playwright_python"))
    except ModuleNotFoundError:
        missing("axe-playwright-python")
    axe = (folder / "axe.min.js").read_text("utf-8")

    def violations(page: Any) -> list[str]:
        page.evaluate(axe)
        found = page.evaluate("axe.run()")["violations"]
        return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found]

    return violations

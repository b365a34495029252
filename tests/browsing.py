"""What the tests of the pages ask a browser."""

from __future__ import annotations

from typing import Any

_CONTRAST = """(selector) => {
    const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const channel = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const luminance = (colour) => {
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...brush.getImageData(0, 0, 1, 1).data].map((value) => channel(value / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (node) => {
        const colour = getComputedStyle(node).backgroundColor;
        const isClear = colour === "rgba(0, 0, 0, 0)";
        return isClear && node.parentElement ? ground(node.parentElement) : colour;
    };
    const contrast = (node) => {
        const two = [luminance(getComputedStyle(node).color), luminance(ground(node))].sort((a, b) => a - b);
        return (two[1] + 0.05) / (two[0] + 0.05);
    };
    const nodes = [...document.querySelectorAll(selector)]
        .filter((node) => node.checkVisibility() && node.textContent.trim() && !node.closest(".unseen"));
    return Math.min(...nodes.map(contrast));
}"""

TEXT = "h1, h2, h3, p, span:not(.bar, .ramp), button, select, label, output, li, th, td, summary, pre, code"


def least_contrast(page: Any, selector: str = TEXT) -> float:
    """The least contrast of a text with its ground, as WCAG 2 defines it, among the visible elements."""
    return page.evaluate(_CONTRAST, selector)


def overflow(page: Any) -> int:
    """By how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def texts(page: Any, selector: str) -> list[str]:
    """What stands in each of the elements."""
    return page.eval_on_selector_all(selector, "nodes => nodes.map((node) => node.textContent)")


def values(page: Any, selector: str) -> list[float]:
    """The elements' numbers in full precision."""
    return page.eval_on_selector_all(selector, "nodes => nodes.map((node) => Number(node.dataset.value))")


def wait_until(page: Any, condition: str) -> None:
    """Wait until a JavaScript expression is true; a page's policy forbids what the driver's own wait does."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"not true within 5 s: {condition}; the address is {page.url}")


def stop_clock(page: Any) -> None:
    """From here on the page's time goes on only through `page.clock.run_for`, however slow the machine is."""
    page.clock.install(time=0)
    page.clock.pause_at(60)

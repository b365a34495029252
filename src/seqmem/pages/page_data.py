"""Data inside a page, in a form that can never become markup."""

from __future__ import annotations

import json
from typing import Any


def data_block(data: Any) -> str:
    """Return an HTML element with data for the page's script, which cannot run: JSON with every "<" escaped.

    Args:
        data: anything that JSON can represent: finite numbers, strings, lists, dictionaries.

    Returns:
        HTML; the script reads it with `JSON.parse(document.getElementById("data").textContent)`.

    Raises:
        ValueError: for nan or inf, which JSON cannot represent.

    >>> data_block({"word": "</script>"})
    '<script type="application/json" id="data">{"word":"\\\\u003c/script>"}</script>'
    """
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="data">{text}</script>'

"""Data inside a page, where no text of it can become markup."""

from __future__ import annotations

import json
from typing import Any


def data_block(data: Any) -> str:
    """An element that holds data for the page's script and cannot run: JSON, with every "<" escaped.

    Args:
        data: what JSON can say: finite numbers, strings, lists, dictionaries.

    Returns:
        HTML; the script reads it by `JSON.parse(document.getElementById("data").textContent)`.

    Raises:
        ValueError: for nan or inf, which JSON does not know.

    >>> data_block({"word": "</script>"})
    '<script type="application/json" id="data">{"word":"\\\\u003c/script>"}</script>'
    """
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="data">{text}</script>'

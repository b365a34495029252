"""Pages: gates, attention and states over time, for a browser without a network."""

from seqmem.pages.attention import attention_page
from seqmem.pages.explorer import gate_explorer
from seqmem.pages.movie import gate_movie
from seqmem.pages.page import Page

__all__ = ["Page", "attention_page", "gate_explorer", "gate_movie"]

"""Pages: gates, attention and states over time, to look at in a browser without a network."""

from seqmem.pages.attention_page import attention_page
from seqmem.pages.gate_explorer import gate_explorer
from seqmem.pages.gate_movie import gate_movie
from seqmem.pages.page import Page

__all__ = ["Page", "attention_page", "gate_explorer", "gate_movie"]

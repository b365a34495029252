"""Pages: gates, gradients, attention, states over time and a quiz, for a browser without a network."""

from seqmem.pages.attention import attention_page
from seqmem.pages.course import course_pages
from seqmem.pages.explorer import gate_explorer
from seqmem.pages.movie import gate_movie
from seqmem.pages.page import Page
from seqmem.pages.quiz import quiz_page
from seqmem.pages.vanishing import vanishing_gradient

__all__ = [
    "Page",
    "attention_page",
    "course_pages",
    "gate_explorer",
    "gate_movie",
    "quiz_page",
    "vanishing_gradient",
]

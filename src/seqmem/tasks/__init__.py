"""Tasks: text in, text out; a model and its vocabularies are trained, saved and loaded together."""

from seqmem.tasks.phrase_translator import phrase_model
from seqmem.tasks.translator import Translation, Translator

__all__ = ["Translation", "Translator", "phrase_model"]

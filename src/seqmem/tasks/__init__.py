"""Tasks: text in, answers out; a model with its vocabularies, trained, saved and loaded as one."""

from seqmem.tasks.phrase_translator import phrase_model
from seqmem.tasks.translator import Translation, Translator

__all__ = ["Translation", "Translator", "phrase_model"]

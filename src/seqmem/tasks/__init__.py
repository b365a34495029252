"""Tasks: text or numbers in, answers out; a model with its preparation, trained, saved and loaded as one."""

from seqmem.tasks.classifier import Classifier
from seqmem.tasks.forecaster import Forecaster, seasonal_naive
from seqmem.tasks.labels import Labels
from seqmem.tasks.phrase_translator import phrase_model
from seqmem.tasks.tagger import Tagger
from seqmem.tasks.task import Task, load_task
from seqmem.tasks.text_generator import TextGenerator
from seqmem.tasks.translation_report import ScoredPair, TranslationReport, report_translations
from seqmem.tasks.translator import Translation, Translator

__all__ = [
    "Classifier",
    "Forecaster",
    "Labels",
    "ScoredPair",
    "Tagger",
    "Task",
    "TextGenerator",
    "Translation",
    "TranslationReport",
    "Translator",
    "load_task",
    "phrase_model",
    "report_translations",
    "seasonal_naive",
]

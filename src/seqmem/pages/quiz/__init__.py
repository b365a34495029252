"""The quiz: questions with choices, of which each wrong one is refuted by a number."""

from seqmem.pages.quiz.asking import Choice, Question, quiz_page, quiz_questions

__all__ = ["Choice", "Question", "quiz_page", "quiz_questions"]

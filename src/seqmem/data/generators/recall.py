"""The built-in memory task: a clue, words unrelated to it, and a question at the end.

"I was born in Japan … my native language is ___": the distance of the clue is exact in words, from 5 words
(nothing in between) upwards. The filler between clue and question is about years, moves, weather and food. It
names neither a country nor a language; with `moves`, it also names countries, as the lecture's "and then
moved to the US" does. They are drawn independently of the answer, so they carry no information, but a network
must not let them overwrite the clue.

>>> for sentence in make_sentences(3, 12, rng=0):
...     print(sentence)
my life began in japan for three years we liked the cheese my mother tongue is ___ (japanese)
i was born in hungary it was dry it rained in spring my mother tongue is ___ (hungarian)
i was born in finland it was cold it rained in winter my mother tongue is ___ (finnish)
>>> print(make_sentences(1, 19, rng=8, moves=True)[0])
my life began in turkey we moved to finland for five years my first school was so grey then
my mother tongue is ___ (turkish)
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from seqmem.data.vocabulary import Vocabulary
from seqmem.initializers import Rng, as_generator
from seqmem.module import Array
from seqmem.validation import as_count, as_size

LANGUAGE_OF = {
    "japan": "japanese",
    "poland": "polish",
    "france": "french",
    "germany": "german",
    "italy": "italian",
    "spain": "spanish",
    "china": "chinese",
    "greece": "greek",
    "turkey": "turkish",
    "sweden": "swedish",
    "hungary": "hungarian",
    "finland": "finnish",
}
LANGUAGES = tuple(LANGUAGE_OF.values())

# All clues have as many words before the country, all questions as many before the blank.
CLUES = ("i was born in", "my life began in", "my family came from", "we all come from")
QUESTIONS = ("my native language is", "my mother tongue is")
SHORTEST = 1 + len(QUESTIONS[0].split())  # the blank's distance if the question directly follows the clue

_WORDS = {
    "COUNTRY": " ".join(LANGUAGE_OF),
    "PLACE": "coast city north mountains us village",
    "NUMBER": "two three five ten twenty",
    "YEAR": "1984 1991 1997 2003 2010",
    "WEATHER": "cold warm dry windy",
    "SEASON": "spring summer autumn winter",
    "FOOD": "rice bread soup fish apples cheese",
    "THING": "school flat room garden",
    "LOOK": "small old big grey",
}
_TEMPLATES = (  # each word in capitals is replaced by one of its choices
    "anyway",
    "then",
    "of course",
    "in YEAR",
    "for NUMBER years",
    "it was WEATHER",
    "we liked the FOOD",
    "it rained in SEASON",
    "we ate FOOD and FOOD",
    "we moved to the PLACE",
    "and lived there for NUMBER years",
    "in YEAR it was very WEATHER",
    "and then moved to the PLACE again",
    "our next THING was very LOOK",
    "my first THING was so LOOK",
    "every SEASON we ate FOOD with FOOD",
)
_MOVES = ("we moved to COUNTRY", "in YEAR we saw COUNTRY")


class Sentence(NamedTuple):
    """One example as words."""

    words: list[str]  # S words; the blank would be the next one
    answer: str  # the language
    distance: int  # from the clue to the blank: len(words) minus the clue's index

    def __str__(self) -> str:
        return f"{' '.join(self.words)} ___ ({self.answer})"


class Recall(NamedTuple):
    """B examples of the same distance as arrays."""

    tokens: Array  # (S, B) ids of VOCABULARY
    answers: Array  # (B,) indices into LANGUAGES


def _expanded(template: str) -> list[tuple[str, ...]]:
    choices = [_WORDS[word].split() if word in _WORDS else [word] for word in template.split()]
    return [words for words in itertools.product(*choices) if len(words) < 2 or words[-1] not in words[:-1]]


_PHRASES = [words for template in _TEMPLATES for words in _expanded(template)]
_MOVE_PHRASES = [words for template in _MOVES for words in _expanded(template)]
FILLER_WORDS = tuple(sorted({word for phrase in _PHRASES for word in phrase}))
VOCABULARY = Vocabulary(  # each word once
    dict.fromkeys([*LANGUAGE_OF, *" ".join((*CLUES, *QUESTIONS, "saw")).split(), *FILLER_WORDS])
)

_LONGEST_PHRASE = max(map(len, _PHRASES))


def _by_length(phrases: list[tuple[str, ...]]) -> dict[int, Array]:
    """Return the phrases of n words as ids, (count, n), by n."""
    lengths = range(1, 1 + _LONGEST_PHRASE)
    return {n: np.array([VOCABULARY.encode(words) for words in phrases if len(words) == n]) for n in lengths}


_FILLERS = {False: _by_length(_PHRASES), True: _by_length(_PHRASES + _MOVE_PHRASES)}  # by `moves`
_COUNTRY_IDS = np.array(VOCABULARY.encode(LANGUAGE_OF))
_CLUE_IDS = np.array([VOCABULARY.encode(text.split()) for text in CLUES])
_QUESTION_IDS = np.array([VOCABULARY.encode(text.split()) for text in QUESTIONS])


def make_recall(count: int, distance: int, rng: Rng = None, *, lead: int = 0, moves: bool = False) -> Recall:
    """Return examples of one distance and one length, as arrays.

    The numbers of the answers differ by at most one; nothing else depends on the answer.

    Args:
        count: B.
        distance: steps from the clue to the blank: with 5, the question directly follows the clue.
        rng: seed or generator for all random choices.
        lead: words of filler before the clue.
        moves: whether the filler names countries, independently of the answer: about one per 25 words.

    Returns:
        Recall(tokens, answers), (S, B) and (B,) intp, where S = lead + 4 + distance.

    Raises:
        ValueError: for a count below 1, a distance below 5 or a lead below 0.

    >>> tokens, answers = make_recall(24, 40, rng=0, lead=3)
    >>> tokens.shape, np.bincount(answers).tolist()
    ((47, 24), [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    count = as_size(count, "make_recall", "count")
    distance = as_size(distance, "make_recall", "distance")
    if distance < SHORTEST:
        raise ValueError(f"make_recall: distance is {distance}, expected at least {SHORTEST}: the question")
    as_count(lead, "make_recall", "lead")
    rng = as_generator(rng)
    first = rng.integers(len(LANGUAGES))  # so that no answer is favoured if 12 does not divide the count
    answers = rng.permutation((first + np.arange(count)) % len(LANGUAGES))
    rows = [
        *_filler(count, int(lead), rng, moves),
        _CLUE_IDS[rng.integers(len(CLUES), size=count)],
        _COUNTRY_IDS[answers][:, None],
        *_filler(count, distance - SHORTEST, rng, moves),
        _QUESTION_IDS[rng.integers(len(QUESTIONS), size=count)],
    ]
    return Recall(np.ascontiguousarray(np.concatenate(rows, axis=1).T), answers)


def make_sentences(
    count: int, distance: int, rng: Rng = None, *, lead: int = 0, moves: bool = False
) -> list[Sentence]:
    """Return the examples of `make_recall`, as words.

    Args:
        count, distance, rng, lead, moves: as in `make_recall`.

    Returns:
        Sentences of lead + 4 + distance words.

    Raises:
        ValueError: as in `make_recall`.

    >>> sentence = make_sentences(1, 5, rng=1)[0]
    >>> " ".join(sentence.words), sentence.answer
    ('my family came from spain my mother tongue is', 'spanish')
    """
    tokens, answers = make_recall(count, distance, rng, lead=lead, moves=moves)
    texts = [VOCABULARY.decode(column) for column in tokens.T.tolist()]
    return [Sentence(text, LANGUAGES[k], distance) for text, k in zip(texts, answers, strict=True)]


def _filler(count: int, words: int, rng: np.random.Generator, moves: bool) -> list[Array]:
    """Return phrases with a given total of words, (B, n) each: the rows share the lengths, not the words."""
    fillers, pieces = _FILLERS[bool(moves)], []
    while words:
        n = int(rng.integers(min(3, words), min(words, _LONGEST_PHRASE) + 1))
        pieces.append(fillers[n][rng.integers(len(fillers[n]), size=count)])
        words -= n
    return pieces

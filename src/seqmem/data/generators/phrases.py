"""Short phrases in two languages, for models that learn word alignment in seconds.

English-French pairs are variations of the lecture's "The cat sat on mat" -> "Le chat s'assit sur le tapis".
English-Polish pairs are greetings and small talk, such as "How are you?" -> "Jak się masz?". The sentences
come from small templates in which each word has one meaning; articles, adjectives, cases and endings agree.

>>> dict(phrases("fr"))["The cat sat on mat"]
"Le chat s'assit sur le tapis"
>>> dict(phrases("pl"))["How are you?"]
'Jak się masz?'
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from seqmem.validation import as_choice

Language = Literal["fr", "pl"]


def phrases(language: Language = "fr") -> list[tuple[str, str]]:
    """Return English phrases and their translations.

    Args:
        language: "fr" for French, "pl" for Polish.

    Returns:
        (English, translation) pairs, all English phrases different, always in the same order.

    Raises:
        ValueError: for another language.

    >>> len(phrases("fr")), len(phrases("pl"))
    (600, 263)
    >>> phrases("fr")[1]
    ('A big dog slept under the bed', 'Un gros chien dormit sous le lit')
    """
    as_choice(language, ("fr", "pl"), "phrases", "language")
    if language == "fr":
        return list(dict(_french()).items())
    return list(dict(_polish()).items())


class _French(NamedTuple):
    """A noun; `gender` is "m" or "f". It begins with a consonant, so there is no elision."""

    english: str
    french: str
    gender: str


# The lengths of the next four lists and 5 and 9 have no common divisor, so counting through all of them at
# once pairs every word with every other equally often.
_ANIMALS = [
    _French("cat", "chat", "m"),
    _French("dog", "chien", "m"),
    _French("mouse", "souris", "f"),
    _French("rabbit", "lapin", "m"),
    _French("hen", "poule", "f"),
    _French("wolf", "loup", "m"),
    _French("frog", "grenouille", "f"),
    _French("fox", "renard", "m"),
    _French("goat", "chèvre", "f"),
    _French("horse", "cheval", "m"),
    _French("cow", "vache", "f"),
]
_PLACES = [
    _French("mat", "tapis", "m"),
    _French("bed", "lit", "m"),
    _French("chair", "chaise", "f"),
    _French("table", "table", "f"),
    _French("bench", "banc", "m"),
    _French("box", "boîte", "f"),
    _French("sofa", "canapé", "m"),
    _French("car", "voiture", "f"),
    _French("stone", "pierre", "f"),
    _French("cushion", "coussin", "m"),
    _French("bridge", "pont", "m"),
    _French("basket", "panier", "m"),
    _French("roof", "toit", "m"),
]
_VERBS = [  # the simple past, of one animal
    ("sat", "s'assit"),
    ("slept", "dormit"),
    ("played", "joua"),
    ("jumped", "sauta"),
    ("ate", "mangea"),
    ("waited", "attendit"),
    ("stayed", "resta"),
]
_PREPOSITIONS = [("on", "sur"), ("under", "sous"), ("behind", "derrière"), ("before", "devant")]
_ARTICLES = {
    "the": {"m": "le", "f": "la"},
    "a": {"m": "un", "f": "une"},
    "my": {"m": "mon", "f": "ma"},
    "this": {"m": "ce", "f": "cette"},
}
_BEFORE = {"small": {"m": "petit", "f": "petite"}, "big": {"m": "gros", "f": "grosse"}}  # the noun
_BEHIND = {"black": {"m": "noir", "f": "noire"}, "white": {"m": "blanc", "f": "blanche"}}
_ADJECTIVES = [*_BEFORE, *_BEHIND]


def _french() -> Iterator[tuple[str, str]]:
    """Yield the lecture's sentence and its variations."""
    yield _sentence(0, 0, 0, 0, "the", None, None)
    for number in range(1, 600):
        first = ("the", "a", "the", "my", "this")[number % 5]
        second = ("the", "a", None, "my", "the")[number // 5 % 5]
        adjective = [*_ADJECTIVES, None, None, None, None, None][number % 9]
        yield _sentence(number, number, number, number, first, adjective, second)


def _sentence(
    animal: int,
    verb: int,
    preposition: int,
    place: int,
    first: str,
    adjective: str | None,
    second: str | None,
) -> tuple[str, str]:
    """Return the sentence of the given indices, which wrap around the lists."""
    parts = [
        _noun_phrase(_ANIMALS[animal % len(_ANIMALS)], first, adjective),
        _VERBS[verb % len(_VERBS)],
        _PREPOSITIONS[preposition % len(_PREPOSITIONS)],
        _noun_phrase(_PLACES[place % len(_PLACES)], second, None),
    ]
    english, french = (" ".join(part) for part in zip(*parts, strict=True))
    return english[0].upper() + english[1:], french[0].upper() + french[1:]


def _noun_phrase(noun: _French, article: str | None, adjective: str | None) -> tuple[str, str]:
    """Return a noun phrase; English may omit the article, as the lecture's "on mat" does, French may not."""
    english = " ".join(word for word in (article, adjective, noun.english) if word)
    french = [_ARTICLES[article or "the"][noun.gender], noun.french]
    if adjective in _BEFORE:
        french.insert(1, _BEFORE[adjective][noun.gender])
    elif adjective is not None:
        french.append(_BEHIND[adjective][noun.gender])
    return english, " ".join(french)


class _Polish(NamedTuple):
    """A noun in the cases that the templates use; `gender` is "m", "f" or "n"."""

    english: str
    nominative: str
    accusative: str
    genitive: str
    gender: str


_GREETINGS = {
    "How are you?": "Jak się masz?",
    "How are you today?": "Jak się dzisiaj masz?",
    "How do you feel?": "Jak się czujesz?",
    "How do you feel today?": "Jak się dzisiaj czujesz?",
    "What is your name?": "Jak masz na imię?",
    "Who are you?": "Kim jesteś?",
    "Where are you?": "Gdzie jesteś?",
    "Where are you from?": "Skąd jesteś?",
    "Where do you live?": "Gdzie mieszkasz?",
    "Where do you work?": "Gdzie pracujesz?",
    "What are you doing?": "Co robisz?",
    "What are you doing today?": "Co dzisiaj robisz?",
    "How old are you?": "Ile masz lat?",
    "Hello!": "Cześć!",
    "Good morning!": "Dzień dobry!",
    "Good evening!": "Dobry wieczór!",
    "Good night!": "Dobranoc!",
    "Goodbye!": "Do widzenia!",
    "See you tomorrow!": "Do zobaczenia jutro!",
    "See you!": "Do zobaczenia!",
    "Thank you!": "Dziękuję!",
    "Thank you very much!": "Dziękuję bardzo!",
    "You are welcome!": "Proszę bardzo!",
    "I am sorry.": "Przepraszam.",
    "I am well.": "Mam się dobrze.",
    "I am very well.": "Mam się bardzo dobrze.",
    "I live here.": "Mieszkam tutaj.",
    "I work here.": "Pracuję tutaj.",
    "I understand.": "Rozumiem.",
    "I do not understand.": "Nie rozumiem.",
    "I know.": "Wiem.",
    "I do not know.": "Nie wiem.",
    "Do you understand?": "Czy rozumiesz?",
    "Do you know?": "Czy wiesz?",
    "Nice to meet you!": "Miło cię poznać!",
    "Have a nice day!": "Miłego dnia!",
    "Good luck!": "Powodzenia!",
    "Bon appetit!": "Smacznego!",
}
_POLISH = [
    _Polish("dog", "pies", "psa", "psa", "m"),
    _Polish("cat", "kot", "kota", "kota", "m"),
    _Polish("brother", "brat", "brata", "brata", "m"),
    _Polish("son", "syn", "syna", "syna", "m"),
    _Polish("house", "dom", "dom", "domu", "m"),
    _Polish("car", "samochód", "samochód", "samochodu", "m"),
    _Polish("table", "stół", "stół", "stołu", "m"),
    _Polish("sister", "siostra", "siostrę", "siostry", "f"),
    _Polish("daughter", "córka", "córkę", "córki", "f"),
    _Polish("book", "książka", "książkę", "książki", "f"),
    _Polish("map", "mapa", "mapę", "mapy", "f"),
    _Polish("lamp", "lampa", "lampę", "lampy", "f"),
    _Polish("window", "okno", "okno", "okna", "n"),
    _Polish("child", "dziecko", "dziecko", "dziecka", "n"),
    _Polish("apple", "jabłko", "jabłko", "jabłka", "n"),
]
_MY = {"m": "mój", "f": "moja", "n": "moje"}
_YOUR = {"m": "twój", "f": "twoja", "n": "twoje"}
_MY_ACCUSATIVE = {"m": "mój", "f": "moją", "n": "moje"}  # inanimate; an animate "m" takes the genitive
_OWN_ACCUSATIVE = {"m": "swój", "f": "swoją", "n": "swoje"}  # for something that belongs to the subject


def _polish() -> Iterator[tuple[str, str]]:
    """Yield fixed phrases, then sentences about every noun."""
    yield from _GREETINGS.items()
    for noun in _POLISH:
        english, nominative, accusative, genitive, gender = noun
        a = "an" if english[0] in "aeiou" else "a"
        mine, yours = _MY[gender], _YOUR[gender]
        alive = gender == "m" and accusative == genitive
        my_accusative = "mojego" if alive else _MY_ACCUSATIVE[gender]
        own_accusative = "swojego" if alive else _OWN_ACCUSATIVE[gender]
        yield f"I have {a} {english}.", f"Mam {accusative}."
        yield f"I do not have {a} {english}.", f"Nie mam {genitive}."
        yield f"Do you have {a} {english}?", f"Czy masz {accusative}?"
        yield f"You have {a} {english}.", f"Masz {accusative}."
        yield f"I see {a} {english}.", f"Widzę {accusative}."
        yield f"I see my {english}.", f"Widzę {own_accusative} {accusative}."
        yield f"Do you see my {english}?", f"Czy widzisz {my_accusative} {accusative}?"
        yield f"I like my {english}.", f"Lubię {own_accusative} {accusative}."
        yield f"Where is my {english}?", f"Gdzie jest {mine} {nominative}?"
        yield f"Where is your {english}?", f"Gdzie jest {yours} {nominative}?"
        yield f"My {english} is here.", f"{mine.capitalize()} {nominative} jest tutaj."
        yield f"Your {english} is here.", f"{yours.capitalize()} {nominative} jest tutaj."
        yield f"This is my {english}.", f"To jest {mine} {nominative}."
        yield f"This is your {english}.", f"To jest {yours} {nominative}."
        yield f"Is this your {english}?", f"Czy to jest {yours} {nominative}?"

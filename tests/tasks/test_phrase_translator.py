"""A model that learns the lecture's sentence in seconds, and looks at the words that it translates."""

import numpy as np
import pytest

from seqmem.data.generators.phrases import phrases
from seqmem.data.text import join_symbols, split_symbols
from seqmem.tasks.phrase_translator import phrase_model

WORDS = {  # each stands once in a sentence at most, on either side
    "cat": "chat", "dog": "chien", "mouse": "souris", "rabbit": "lapin", "hen": "poule", "wolf": "loup",
    "frog": "grenouille", "fox": "renard", "goat": "chèvre", "horse": "cheval", "cow": "vache",
    "mat": "tapis", "bed": "lit", "chair": "chaise", "bench": "banc", "box": "boîte", "sofa": "canapé",
    "car": "voiture", "stone": "pierre", "cushion": "coussin", "bridge": "pont", "roof": "toit",
    "slept": "dormit", "played": "joua", "jumped": "sauta", "ate": "mangea", "stayed": "resta",
}  # fmt: skip
FEMININE = (
    "souris",
    "poule",
    "grenouille",
    "chèvre",
    "vache",
    "chaise",
    "table",
    "boîte",
    "voiture",
    "pierre",
)


@pytest.fixture(scope="module")
def attentive():
    return phrase_model("fr")


@pytest.fixture(scope="module")
def polish():
    return phrase_model("pl")


def found_by(translator, text):
    (found,) = translator.translate([text])
    return found


def test_the_lectures_sentence_is_translated_exactly(attentive):
    assert found_by(attentive, "The cat sat on mat").text == "Le chat s'assit sur le tapis"


def test_the_greeting_is_translated_exactly(polish):
    assert found_by(polish, "How are you?").text == "Jak się masz?"


@pytest.mark.parametrize(("french", "english"), [("chat", "cat"), ("tapis", "mat"), ("sur", "on")])
def test_in_the_lectures_sentence_a_word_looks_at_the_word_it_translates(attentive, french, english):
    found = found_by(attentive, "The cat sat on mat")
    weights = found.weights[found.target.index(french)]
    assert found.source[weights.argmax()] == english
    assert weights.max() > 0.5


def test_nearly_all_phrases_are_learnt_and_words_look_at_what_they_translate(attentive):
    texts, translations = zip(*phrases("fr"), strict=True)
    found = attentive.translate(texts)
    right = [one.text == text for one, text in zip(found, translations, strict=True)]
    assert np.mean(right) > 0.95
    looks = [
        one.source[one.weights[one.target.index(french)].argmax()] == english
        for one in found
        for english, french in WORDS.items()
        if english in one.source and french in one.target
    ]
    assert len(looks) > 1000
    assert np.mean(looks) > 0.95


def test_an_adjective_behind_its_noun_looks_back(attentive):
    found = found_by(attentive, "The black cat slept under the bed")
    assert found.text == "Le chat noir dormit sous le lit"
    chat, noir = (found.weights[found.target.index(word)].argmax() for word in ("chat", "noir"))
    assert (found.source[chat], found.source[noir]) == ("cat", "black")
    assert chat > noir


def test_a_sentence_that_was_not_in_the_list_is_translated(attentive):
    known = dict(phrases("fr"))
    new = {
        "The dog slept on the mat": "Le chien dormit sur le tapis",
        "My cat jumped behind the sofa": "Mon chat sauta derrière le canapé",
        "The fox waited under a table": "Le renard attendit sous une table",
    }
    assert not set(new) & set(known)
    assert [found_by(attentive, text).text for text in new] == list(new.values())


def test_nearly_all_polish_phrases_are_learnt(polish):
    texts, translations = zip(*phrases("pl"), strict=True)
    found = polish.translate(texts)
    assert np.mean([one.text == text for one, text in zip(found, translations, strict=True)]) > 0.95


def test_polish_nouns_look_at_what_they_translate_and_a_question_mark_at_its_own(polish):
    found = polish.translate([source for source, _ in phrases("pl")])
    nouns = {
        "sister": "siostra",
        "book": "książka",
        "map": "mapa",
        "lamp": "lampa",
        "window": "okno",
        "dog": "psa",
    }
    looks = [
        one.source[one.weights[one.target.index(polish_noun)].argmax()] == noun
        for one in found
        for noun, polish_noun in nouns.items()
        if noun in one.source and polish_noun in one.target
    ]
    assert len(looks) > 30
    assert np.mean(looks) > 0.8
    greeting = found_by(polish, "How are you?")
    assert greeting.weights[greeting.target.index("?"), greeting.source.index("?")] > 0.5


def test_a_fixed_context_learns_the_sentence_and_always_looks_at_the_last_word():
    found = found_by(phrase_model("fr", "fixed"), "The cat sat on mat")
    assert found.text == "Le chat s'assit sur le tapis"
    assert found.weights.tolist() == [[0, 0, 0, 0, 1]] * len(found.target)


def test_a_seed_gives_the_same_model_twice_and_another_seed_another():
    first, again, other = (phrase_model("fr", rng=seed, epochs=1).model.params for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("language", ["fr", "pl"])
def test_no_phrase_stands_twice_and_words_survive_being_cut_and_joined(language):
    pairs = phrases(language)
    assert len({source for source, _ in pairs}) == len(pairs) > 200
    for text in (text for pair in pairs for text in pair):
        assert join_symbols(split_symbols(text, "word"), "word") == text


def test_french_articles_and_adjectives_agree():
    for _, french in phrases("fr"):
        words = french.lower().split()
        for noun in WORDS.values():
            if noun not in words or noun in ("dormit", "joua", "sauta", "mangea", "resta"):
                continue
            at = words.index(noun)
            near = {*words[max(0, at - 2) : at], *words[at + 1 : at + 2]} - {
                "sur",
                "sous",
                "devant",
                "derrière",
            }
            masculine = {"le", "un", "mon", "ce", "petit", "gros", "noir", "blanc"}
            feminine = {"la", "une", "ma", "cette", "petite", "grosse", "noire", "blanche"}
            wrong = masculine if noun in FEMININE else feminine
            assert not near & wrong, french


def test_another_language_or_context_is_an_error():
    with pytest.raises(ValueError, match="language is 'de', expected 'fr' or 'pl'"):
        phrases("de")
    with pytest.raises(ValueError, match="language is 'de', expected 'fr' or 'pl'"):
        phrase_model("de")
    with pytest.raises(ValueError, match="context is 'dot', expected 'attention' or 'fixed'"):
        phrase_model("fr", "dot")

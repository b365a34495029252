"""A report on a translator: its scores on pairs, and the pairs that it translates worst."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

from seqmem.data.batches import Pair
from seqmem.data.pairs import check_pair
from seqmem.data.text import join_symbols
from seqmem.tasks.translator import SearchOptions, Translation, Translator, teacher_forced
from seqmem.training.scoring.error_rates import (
    character_error_rate,
    phoneme_error_rate,
    word_error_rate,
)
from seqmem.training.scoring.metrics import edit_distance
from seqmem.training.scoring.translation_scores import bleu, chrf
from seqmem.validation import as_count, as_list, as_size, check_type


class ScoredPair(NamedTuple):
    """A pair with its translations."""

    source: str
    target: str
    found: list[Translation]  # the best first
    error_rate: float  # edits of characters over characters of the target, of the best translation


class TranslationReport(NamedTuple):
    """The result of `report_translations`."""

    scores: dict[str, float]  # by name
    pairs: list[ScoredPair]  # in the order given

    def worst(self, n: int) -> list[ScoredPair]:
        """Return the n pairs with the highest error rates; of equal ones, the less probable translation."""
        n = as_count(n, "TranslationReport.worst", "n")
        return sorted(self.pairs, key=lambda one: (-one.error_rate, one.found[0].score))[:n]

    def to_json(self) -> str:
        """Return scores and pairs with all their translations as JSON."""
        fields = ("text", "score", "normalized_score", "ended")
        pairs = [
            {
                **{name: value for name, value in one._asdict().items() if name != "found"},
                "found": [{name: getattr(each, name) for name in fields} for each in one.found],
            }
            for one in self.pairs
        ]
        return json.dumps({"scores": self.scores, "pairs": pairs}, ensure_ascii=False, indent=2)


def report_translations(
    translator: Translator,
    pairs: Sequence[Pair],
    *,
    n_best: int = 1,
    max_length: int = 100,
    batch_size: int = 64,
    **search: Unpack[SearchOptions],
) -> TranslationReport:
    """Translate pairs that the translator was not trained on, and score the translations.

    Args:
        translator: the translator.
        pairs: (source symbols, target symbols), as `read_pairs` returns them.
        n_best: the number of translations to keep of each source, at most the beam's size.
        max_length: symbols after which a translation is cut off.
        batch_size: pairs per batch.
        search: the options of the search, as for `Translator.translate`.

    Returns:
        The pairs with their translations, and the scores: "loss" in nats per symbol and "token accuracy" with
        teacher forcing; "exact match", "exact match in the n best", the rates of errors in symbols,
        characters and words, and "cut off", the share of translations without an end; with sacrebleu
        installed, also "BLEU" and "chrF", from 0 to 100.

    Raises:
        TypeError, ValueError: as from `Translator.translate`, or for an empty list.

    >>> pairs = [("cab", "bac"), ("ab", "ba")]
    >>> translator = Translator.build(pairs, "char", hidden_size=8, embedding_size=4, rng=0)
    >>> report = report_translations(translator, pairs, beam_size=3, n_best=2, max_length=5)
    >>> len(report.pairs), len(report.pairs[0].found), report.scores["exact match"]
    (2, 2, 0.0)
    """
    caller = "report_translations"
    check_type(translator, Translator, caller, "translator")
    pairs = as_list(pairs, caller, "pairs", "pairs of source and target symbols")
    for position, pair in enumerate(pairs):
        check_pair(pair, caller, position)
    if not pairs:
        raise ValueError(f"{caller}: pairs is empty, expected at least one pair")
    n_best, level = as_size(n_best, caller, "n_best"), translator.level
    sources = [join_symbols(list(source), level) for source, _ in pairs]
    targets = [join_symbols(list(target), level) for _, target in pairs]
    found = translator.translate(sources, max_length, batch_size, n_best=n_best, **search)
    scored = [
        ScoredPair(source, target, own, edit_distance(own[0].text, target) / max(1, len(target)))
        for source, target, own in zip(sources, targets, found, strict=True)
    ]
    loss, accuracy = teacher_forced(translator, pairs, batch_size)
    scores = {"loss": loss, "token accuracy": accuracy}
    scores["exact match"] = _share(one.found[0].text == one.target for one in scored)
    if n_best > 1:
        in_all = _share(any(each.text == one.target for each in one.found) for one in scored)
        scores[f"exact match in the {n_best} best"] = in_all
    best = [own[0] for own in found]
    texts = [one.text for one in best]
    scores["symbol error rate"] = phoneme_error_rate(
        [translator.words(one.target) for one in best], [list(target) for _, target in pairs]
    )
    scores["character error rate"] = character_error_rate(texts, targets)
    scores["word error rate"] = word_error_rate(texts, targets)
    scores["cut off"] = _share(not one.ended for one in best)
    if importlib.util.find_spec("sacrebleu") is not None:
        scores |= {"BLEU": bleu(texts, targets), "chrF": chrf(texts, targets)}
    return TranslationReport(scores, scored)


def _share(values: Any) -> float:
    found = list(values)
    return sum(found) / len(found)

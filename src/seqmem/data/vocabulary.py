"""Symbols and their ids. A symbol is a string: one character or one word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from seqmem.module import Array
from seqmem.validation import as_ids, as_size, check_iterable

PAD, START, END, UNKNOWN = range(4)
SPECIALS = ("<pad>", "<start>", "<end>", "<unknown>")


class Vocabulary:
    """A fixed order of symbols after the four special ids: pad 0, start 1, end 2, unknown 3.

    The names of the special ids are not symbols, so no text can contain a special id. A vocabulary is
    immutable.

    Args:
        symbols: distinct, non-empty strings; symbols[0] gets the id 4. A plain string is a sequence of its
            characters.

    Raises:
        TypeError: for a symbol that is not a string.
        ValueError: for a symbol that is empty, repeated, or the name of a special id.

    >>> vocabulary = Vocabulary(["cat", "the"])
    >>> vocabulary.encode(["the", "cat", "purrs"])
    [5, 4, 3]
    >>> vocabulary.decode([1, 5, 4, 2, 0, 0])
    ['the', 'cat']
    >>> Vocabulary(vocabulary.symbols) == vocabulary
    True
    """

    def __init__(self, symbols: Iterable[str]) -> None:
        self._ids: dict[str, int] = {}
        for position, symbol in enumerate(_strings(symbols, "Vocabulary", "symbols")):
            name = f"Vocabulary: symbols[{position}]"
            if not symbol:
                raise ValueError(f"{name} is an empty string, expected a character or a word")
            if symbol in SPECIALS:
                raise ValueError(f"{name} is {symbol!r}, the name of the special id {SPECIALS.index(symbol)}")
            if symbol in self._ids:
                raise ValueError(f"{name} is {symbol!r}, as is symbols[{self._ids[symbol] - len(SPECIALS)}]")
            self._ids[symbol] = len(SPECIALS) + position
        self._names = (*SPECIALS, *self._ids)

    @classmethod
    def build(
        cls, sequences: Iterable[Iterable[str]], max_size: int | None = None, min_count: int = 1
    ) -> Vocabulary:
        """Return the vocabulary of a text: most frequent symbols first, ties in string order.

        Args:
            sequences: sequences of symbols; a single string counts as the sequence of its characters.
            max_size: the maximum of `len`, including the four special ids; None means no limit.
            min_count: symbols that occur less often stay unknown.

        Raises:
            TypeError: for a symbol that is not a string.
            ValueError: for a max_size below 4, a min_count below 1, or a symbol that the constructor rejects.

        >>> Vocabulary.build(["banana"]).symbols
        ['a', 'n', 'b']
        >>> Vocabulary.build([["a", "rose", "is", "a", "rose"]], min_count=2).symbols
        ['a', 'rose']
        """
        if max_size is not None and as_size(max_size, "Vocabulary.build", "max_size") < len(SPECIALS):
            raise ValueError(
                f"Vocabulary.build: max_size is {max_size}, expected at least 4: the special ids"
            )
        as_size(min_count, "Vocabulary.build", "min_count")
        counts: Counter[str] = Counter()
        check_iterable(sequences, "Vocabulary.build", "sequences", "sequences of strings")
        for row, sequence in enumerate(sequences):
            counts.update(_strings(sequence, "Vocabulary.build", f"sequences[{row}]"))
        frequent = [symbol for symbol, count in counts.items() if count >= min_count]
        frequent.sort(key=lambda symbol: (-counts[symbol], symbol))
        return cls(frequent if max_size is None else frequent[: max_size - len(SPECIALS)])

    @property
    def symbols(self) -> list[str]:
        """The symbols in the order of their ids, without the special ones: all there is to store."""
        return list(self._ids)

    def encode(self, sequence: Iterable[str]) -> list[int]:
        """Return the id of each symbol, UNKNOWN for symbols outside the vocabulary, without START and END.

        Raises:
            TypeError: for a symbol that is not a string.
        """
        return [
            self._ids.get(symbol, UNKNOWN) for symbol in _strings(sequence, "Vocabulary.encode", "sequence")
        ]

    def decode(self, ids: Sequence[int] | Array, *, every: bool = False) -> list[str]:
        """Return the symbols before the first END; PAD and START are left out, UNKNOWN becomes "<unknown>".

        The output of a model ends at END. If ids may continue after an END, as in a sampled text,
        `every=True` keeps all of them.

        Args:
            ids: (T,) integers.
            every: whether to return a symbol for every id, including "<pad>", "<start>" and "<end>".

        Raises:
            TypeError: for ids that are not integers.
            ValueError: for an id outside the vocabulary.

        >>> Vocabulary("ab").decode([4, 2, 5]), Vocabulary("ab").decode([4, 2, 5], every=True)
        (['a'], ['a', '<end>', 'b'])
        """
        symbols = []
        for index in as_ids(ids, len(self), ("T",), "Vocabulary.decode", "ids").tolist():
            if index == END and not every:
                break
            if every or index not in (PAD, START):
                symbols.append(self._names[index])
        return symbols

    def __len__(self) -> int:
        """Return the number of ids, including the special ones: the vocab_size of a model."""
        return len(self._names)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._ids

    def __eq__(self, other: object) -> bool:
        return self._names == other._names if isinstance(other, Vocabulary) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._names)

    def __repr__(self) -> str:
        shown = ", ".join([repr(symbol) for symbol in self.symbols[:5]] + ["..."] * (len(self._ids) > 5))
        return f"<Vocabulary of {len(self)} ids: 4 special and [{shown}]>"


def _strings(symbols: Iterable[str], caller: str, name: str) -> Iterator[str]:
    check_iterable(symbols, caller, name, "strings")
    for position, symbol in enumerate(symbols):
        if not isinstance(symbol, str):
            raise TypeError(f"{caller}: {name}[{position}] is {symbol!r}, expected a string")
        yield symbol

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.data import join_symbols, read_pairs, split_symbols, train_validation_split

LEVELS = st.sampled_from(["char", "word"])
TEXTS = st.text() | st.text("ab 3.,:;-'\u2019()!\u00e9\u0301\u0338\u093f\u200d")
CELLS = (
    st.text(st.characters(exclude_characters="\0\t\n\r\ufeff", exclude_categories=["Cs"]))
    .map(str.strip)
    .filter(bool)
)
SMALL_PAIRS = st.lists(
    st.tuples(st.text("ab", max_size=2), st.text("cd", max_size=2)), min_size=2, max_size=20
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "corpus.tsv"

    def write(content):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@given(TEXTS)
def test_characters_are_the_text_itself_in_composed_form(text):
    symbols = split_symbols(text, "char")
    assert all(len(symbol) == 1 for symbol in symbols)
    assert join_symbols(symbols, "char") == unicodedata.normalize("NFC", text)


@given(TEXTS)
def test_words_lose_nothing_but_white_space_and_the_curl_of_apostrophes(text):
    symbols = split_symbols(text, "word")
    composed = unicodedata.normalize("NFC", text)
    assert "".join(symbols).replace("\u2019", "'") == "".join(composed.split()).replace("\u2019", "'")
    assert all(symbol and not any(map(str.isspace, symbol)) for symbol in symbols)


@given(TEXTS, LEVELS)
def test_splitting_a_joined_text_gives_the_same_symbols(text, level):
    symbols = split_symbols(text, level)
    assert split_symbols(join_symbols(symbols, level), level) == symbols


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("Le chat s'assit sur le tapis.", ["Le", "chat", "s'", "assit", "sur", "le", "tapis", "."]),
        ("Va !", ["Va", "!"]),
        ("J\u2019y vais\u202f!", ["J'", "y", "vais", "!"]),
        ("Qu'est-ce que c'est ?", ["Qu'", "est", "-ce", "que", "c'", "est", "?"]),
        ("Donne-t-il l'eau-de-vie\u00a0?", ["Donne", "-t", "-il", "l'", "eau", "-de", "-vie", "?"]),
        ("Don't!", ["Don'", "t", "!"]),
        ("the dogs' bowl", ["the", "dogs", "'", "bowl"]),
        ("Jak się masz?", ["Jak", "się", "masz", "?"]),
        ("Zażółć gęślą jaźń...", ["Zażółć", "gęślą", "jaźń", ".", ".", "."]),
        ("«\u00a0Oui\u00a0», dit-elle.", ["«", "Oui", "»", ",", "dit", "-elle", "."]),
        ("At 9:30 it cost 1,000.50 (net).", ["At", "9:30", "it", "cost", "1,000.50", "(", "net", ")", "."]),
        ("yes - no", ["yes", "-", "no"]),
        ("\u0939\u093f\u0928\u094d\u0926\u0940 a", ["\u0939\u093f\u0928\u094d\u0926\u0940", "a"]),
        ("cafe\u0301", ["caf\u00e9"]),
        (" \t ", []),
        ("", []),
    ],
)
def test_words(text, symbols):
    assert split_symbols(text, "word") == symbols


@pytest.mark.parametrize(
    "text",
    [
        "Le chat s'assit sur le tapis.",
        "Qu'est-ce que c'est?",
        "I'll go (now), won't you?",
        "At 9:30: yes!",
        "the dogs' bowl",
        "yes - no",
        "\u00bfQu\u00e9?",
    ],
)
def test_ordinary_text_comes_back_as_it_was(text):
    assert join_symbols(split_symbols(text, "word"), "word") == text


def test_case_is_kept():
    assert split_symbols("Le le", "word") == ["Le", "le"]


def test_a_file_is_read_line_by_line(file):
    path = file("Go.\tVa !\nI'm in.\tJ'en suis.\n")
    assert read_pairs(path) == [(list("Go."), list("Va !")), (list("I'm in."), list("J'en suis."))]
    assert read_pairs(str(path), level="word") == [
        (["Go", "."], ["Va", "!"]),
        (["I'", "m", "in", "."], ["J'", "en", "suis", "."]),
    ]


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5),
    level=LEVELS,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_file_of_pairs_is_read_back(tmp_path_factory, rows, level, end):
    path = tmp_path_factory.mktemp("pairs") / "corpus.tsv"
    path.write_bytes("".join(f"{source}\t{target}{end}" for source, target in rows).encode())
    expected = [(split_symbols(source, level), split_symbols(target, level)) for source, target in rows]
    assert read_pairs(path, level) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"a\tb\nc\td\n",
        b"a\tb\nc\td",
        b"a\tb\r\nc\td\r\n",
        b"\xef\xbb\xbfa\tb\nc\td\n",
        b"\n\r\n  \na\tb\n\n\nc\td\n\n",
        b"a\tb\tCC-BY\t\xc3\xa9\nc\td\t\n",
        b" a \t b\t\t\n  c\td  \r\n",
    ],
)
def test_marks_line_ends_blank_lines_further_columns_and_outer_spaces_are_ignored(file, content):
    assert read_pairs(file(content)) == [(["a"], ["b"]), (["c"], ["d"])]


def test_only_a_line_feed_ends_a_line(file):
    assert read_pairs(file("a\u2028b\tc\x0bd\n")) == [(["a", "\u2028", "b"], ["c", "\x0b", "d"])]


def test_both_ways_of_writing_an_accent_are_one_symbol(file):
    ((composed, decomposed),) = read_pairs(file("\u00e9\te\u0301\n"))
    assert composed == decomposed == ["\u00e9"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tb\n\nno tab here\n", "corpus.tsv, line 3: no tab"),
        (b"a\tb\n\tb\n", "corpus.tsv, line 2: the source is empty"),
        (b"a\t \tCC-BY\n", "corpus.tsv, line 1: the target is empty"),
        (b"a\t\tCC-BY\n", "corpus.tsv, line 1: the target is empty"),
        (b"a\tb\na\t\xff\n", "corpus.tsv, line 2: not UTF-8 at byte 0xff"),
        ("a\tb\n".encode("utf-16"), "corpus.tsv, line 1: not UTF-8 but UTF-16"),
        (b"a\tb\nc\tcut \xc3", "corpus.tsv, line 2: not UTF-8 at byte 0xc3"),
        (b"", "corpus.tsv: no pairs"),
        (b"\xef\xbb\xbf\n \n", "corpus.tsv: no pairs"),
    ],
)
def test_a_bad_line_is_named(file, content, message):
    with pytest.raises(ValueError, match=message):
        read_pairs(file(content))


@given(st.binary(max_size=40))
def test_any_bytes_give_pairs_or_one_kind_of_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "corpus.tsv"
    path.write_bytes(content)
    pairs, error = [], None
    try:
        pairs = read_pairs(path, "word")
    except ValueError as raised:
        error = raised
    assert bool(pairs) == (error is None)
    assert all(source and target for source, target in pairs)
    assert error is None or ("corpus.tsv" in str(error) and not isinstance(error, UnicodeError))


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_pairs(tmp_path / "nowhere.tsv")


@pytest.mark.parametrize(
    "call",
    [
        lambda path: read_pairs(path, "words"),
        lambda path: split_symbols("a", "letters"),
        lambda path: join_symbols(["a"], ""),
    ],
)
def test_there_are_two_levels(file, call):
    with pytest.raises(ValueError, match=r"level is '.*', expected 'char' or 'word'"):
        call(file("a\tb\n"))


@given(SMALL_PAIRS, st.integers(1, 19), st.integers(0, 99))
def test_a_split_keeps_every_pair_on_one_side_and_every_source_on_one_side(pairs, held_out, seed):
    try:
        training, validation = train_validation_split(pairs, held_out, seed)
    except ValueError:
        most = max(sum(source == other for other, _ in pairs) for source, _ in pairs)
        assert (
            held_out > len(pairs) - most
        )  # otherwise some source would be left to train on, whatever the draw
        return
    assert sorted(training + validation) == sorted(pairs)
    assert not {source for source, _ in training} & {source for source, _ in validation}
    assert training
    assert len(validation) >= held_out
    assert training == [pair for pair in pairs if pair in training]


@given(st.integers(1, 29), st.integers(0, 99))
def test_of_different_sources_exactly_the_wanted_number_is_held_out(held_out, seed):
    pairs = [([str(n)], ["x"]) for n in range(30)]
    training, validation = train_validation_split(pairs, held_out, seed)
    assert len(validation) == held_out
    assert train_validation_split(pairs, held_out, seed) == (training, validation)


def test_seeds_hold_out_different_pairs():
    pairs = [(str(n), "x") for n in range(30)]
    assert len({str(train_validation_split(pairs, 5, seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize("held_out", [0, -1, 2.5, True, 3, 4])
def test_both_sides_of_a_split_hold_something(held_out):
    with pytest.raises(ValueError, match="train_validation_split: held_out is"):
        train_validation_split([("a", "x"), ("b", "y"), ("c", "z")], held_out, 0)


def test_one_source_cannot_be_split():
    with pytest.raises(ValueError, match="nothing to train on: there are 2 pairs of 1 different source"):
        train_validation_split([("a", "x"), ("a", "y")], 1, 0)

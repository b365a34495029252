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


@pytest.mark.parametrize("rows", [[("go", "va"), ("stop", "halte"), ("run", "cours")]])
@given(ends=st.lists(st.sampled_from(["\n", "\r", "\r\n"]), min_size=3, max_size=3))
def test_every_kind_of_line_end_ends_a_line_in_any_mixture(tmp_path_factory, rows, ends):
    path = tmp_path_factory.mktemp("ends") / "corpus.tsv"
    lines = [f"{source}\t{target}{end}" for (source, target), end in zip(rows, ends, strict=True)]
    path.write_bytes("".join(lines).encode())
    assert read_pairs(path) == [(list(source), list(target)) for source, target in rows]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_bad_line_has_the_number_that_an_editor_shows(file, end):
    path = file(f"a\tb{end}{end}c\td{end}no tab{end}")
    with pytest.raises(ValueError, match=r"corpus.tsv, line 4: no tab"):
        read_pairs(path)
    path = file(f"a\tb{end}{end}".encode() + b"c\t\xff")
    with pytest.raises(ValueError, match=r"corpus.tsv, line 3: not UTF-8 at byte 0xff"):
        read_pairs(path)


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_what_is_no_line_end_stays_in_the_text(file, character):
    assert read_pairs(file(f"a{character}b\tc\n")) == [(["a", character, "b"], ["c"])]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffa\tb\n\ufeffc\td\n",  # two files, each with a mark, one after the other
        "\ufeff\ufeffa\tb\r\ufeff\rc\td",
        "\ufeffa\t\ufeffb\nc\td\ufeff\n",  # two files side by side, a column each
        "\ufeff\u00a0a\u3000\tb\u00a0\nc\t\u2003d\n",
    ],
)
def test_marks_at_any_line_start_and_all_outer_white_space_are_dropped(file, content):
    assert read_pairs(file(content)) == [(["a"], ["b"]), (["c"], ["d"])]


def test_a_mark_between_two_lines_that_were_joined_is_named_and_one_in_a_text_is_kept(file):
    with pytest.raises(ValueError, match=r"corpus.tsv, line 2: a byte order mark inside a text"):
        read_pairs(file("\ufeffa\tb\nc\td\ufeffe\tf\n"))
    assert read_pairs(file("a\ufeffb\tc\ufeffd\n")) == [(["a", "\ufeff", "b"], ["c", "\ufeff", "d"])]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_another_encoding_is_named(file, encoding):
    with pytest.raises(ValueError, match=f"corpus.tsv, line 1: not UTF-8 but {encoding.upper()}"):
        read_pairs(file("a\tb\n".encode(encoding)))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["a\tb\n", "\u4f60\u597d\t\u00e9\n"])
def test_another_encoding_without_a_mark_is_named_too(file, text, encoding):
    with pytest.raises(ValueError, match=r"corpus.tsv, line 1: a zero byte, as in UTF-16"):
        read_pairs(file(text.encode(encoding)))


TATOEBA = "1276\tGo.\t2481\tVa.\n1276\tGo.\t5350\tMarche.\n1277\tHi.\t2482\tSalut.\n"


@pytest.mark.parametrize(
    ("content", "column", "instead"),
    [
        (TATOEBA, 0, "columns=(1, 3)"),
        ("1\tgo\tva\n2\tstop\thalte\n", 0, "columns=(1, 2)"),
        ("id\ten\tfr\n1\tgo\tva\n2\tstop\thalte\n", 0, "columns=(1, 2)"),
        ("0.93\tgo\tva\n-1e-3\tstop\thalte\n", 0, "columns=(1, 2)"),
        ("go\t17\tva\nstop\t4\thalte\n", 1, "columns=(0, 2)"),
        (" 1 \tgo\tva\n", 0, "columns=(1, 2)"),
        ("1\t2\t3\n4\t5\t6\n", 0, "columns=(0, 1)"),
    ],
)
def test_a_column_of_numbers_beside_others_asks_which_are_meant(file, content, column, instead):
    with pytest.raises(ValueError, match=f"corpus.tsv: column {column}, counted from 0") as raised:
        read_pairs(file(content))
    assert instead in str(raised.value)
    assert instead.replace("columns=(", "--columns ").strip(")").replace(",", "") in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [
        "12+7\t19\n3+4\t7\n",
        "1\tone\n2\ttwo\n3\tthree\n",  # two columns: there is nothing else that could be meant
        "17\t71\n25\t52\n",
        "17\t71\t\n25\t52\t\n",
        "12\ttwelve\tCC-BY\nno\tnon\tCC-BY\n7\tseven\tCC-BY\n",  # not all are numbers
        "1 go\tva\tx\n2 stop\thalte\tx\n",
        "12\ttwelve\n7\tseven\n9\tnine\tnote\n",
    ],
)
def test_numbers_that_are_meant_are_read(file, content):
    assert read_pairs(file(content))[0][0] == list(content.split("\t")[0])


def test_the_columns_that_are_meant_can_be_said(file):
    assert read_pairs(file(TATOEBA), columns=(1, 3))[2] == (list("Hi."), list("Salut."))
    assert read_pairs(file(TATOEBA), columns=(3, 1))[2] == (list("Salut."), list("Hi."))
    assert read_pairs(file(TATOEBA), columns=(0, 1))[0] == (list("1276"), list("Go."))
    with pytest.raises(ValueError, match=r"line 2: 3 columns, expected at least 4: columns=\(1, 3\)"):
        read_pairs(file("1\ta\t2\tb\n1\tc\t2\n"), columns=(1, 3))


@pytest.mark.parametrize("columns", [(0,), (0, 1, 2), (1, 1), (-1, 0), (0, True), (0, 1.0), "01", 3])
def test_columns_are_two_different_numbers(file, columns):
    with pytest.raises(ValueError, match=r"read_pairs: columns is .*, expected two different integers"):
        read_pairs(file("a\tb\tc\n"), columns=columns)


@pytest.mark.parametrize("pairs", [["go", "no"], [("a", "b"), b"cd"], [("a", "b"), 3], [("a", "b", "c")]])
def test_what_is_no_pair_cannot_be_split(pairs):
    with pytest.raises(ValueError, match=r"train_validation_split: pairs\[[01]\] (is|has)"):
        train_validation_split(pairs, 1, 0)

import collections
import datetime
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.data import dates

DAYS = st.dates(dates.FIRST, dates.LAST)
FORMS = st.sampled_from(dates.FORMS)
EVERY_DAY = [
    datetime.date.fromordinal(day) for day in range(dates.FIRST.toordinal(), dates.LAST.toordinal() + 1)
]
SATURDAY = datetime.date(2024, 3, 9)
NEW_YEAR = datetime.date(2001, 1, 1)  # a Monday

WRITTEN = {
    ("English", "day month year"): ("9 March 2024", "1 January 2001"),
    ("English", "month day year"): ("March 9, 2024", "January 1, 2001"),
    ("English", "short month"): ("9 Mar 2024", "1 Jan 2001"),
    ("English", "short month first"): ("Mar 9, 2024", "Jan 1, 2001"),
    ("English", "weekday"): ("Saturday, 9 March 2024", "Monday, 1 January 2001"),
    ("English", "weekday, month first"): ("Saturday, March 9, 2024", "Monday, January 1, 2001"),
    ("English", "short weekday"): ("Sat, 9 Mar 2024", "Mon, 1 Jan 2001"),
    ("English", "ordinal"): ("9th of March, 2024", "1st of January, 2001"),
    ("English", "the ordinal"): ("the 9th of March 2024", "the 1st of January 2001"),
    ("English", "month ordinal"): ("March 9th, 2024", "January 1st, 2001"),
    ("English", "two-digit year"): ("9 Mar '24", "1 Jan '01"),
    ("English", "hyphens"): ("09-Mar-24", "01-Jan-01"),
    ("English", "year first"): ("2024/03/09", "2001/01/01"),
    ("English", "lower case"): ("saturday march 9 2024", "monday january 1 2001"),
    ("English", "upper case"): ("09 MAR 2024", "01 JAN 2001"),
    ("Polish", "day month year"): ("9 marca 2024", "1 stycznia 2001"),
    ("Polish", "with r."): ("9 marca 2024 r.", "1 stycznia 2001 r."),
    ("Polish", "dnia"): ("dnia 9 marca 2024 roku", "dnia 1 stycznia 2001 roku"),
    ("Polish", "weekday"): ("sobota, 9 marca 2024", "poniedziałek, 1 stycznia 2001"),
    ("Polish", "on a weekday"): ("w sobotę, 9 marca 2024 r.", "w poniedziałek, 1 stycznia 2001 r."),
    ("Polish", "short month"): ("9 mar 2024", "1 sty 2001"),
    ("Polish", "short weekday"): ("sob., 9 mar 2024", "pon., 1 sty 2001"),
    ("Polish", "Roman month"): ("9 III 2024", "1 I 2001"),
    ("Polish", "numbers"): ("09.03.2024 r.", "01.01.2001 r."),
    ("French", "day month year"): ("9 mars 2024", "1er janvier 2001"),
    ("French", "le"): ("le 9 mars 2024", "le 1er janvier 2001"),
    ("French", "weekday"): ("samedi 9 mars 2024", "lundi 1er janvier 2001"),
    ("French", "le, weekday"): ("le samedi 9 mars 2024", "le lundi 1er janvier 2001"),
    ("French", "short month"): ("9 mars 2024", "1er janv. 2001"),
    ("French", "short weekday"): ("sam. 9 mars 2024", "lun. 1er janv. 2001"),
    ("French", "numbers"): ("09/03/2024", "01/01/2001"),
    ("French", "two-digit year"): ("9/3/24", "1/1/01"),
    ("German", "day month year"): ("9. März 2024", "1. Januar 2001"),
    ("German", "den"): ("den 9. März 2024", "den 1. Januar 2001"),
    ("German", "weekday"): ("Samstag, 9. März 2024", "Montag, 1. Januar 2001"),
    ("German", "on a weekday"): ("am Samstag, dem 9. März 2024", "am Montag, dem 1. Januar 2001"),
    ("German", "short month"): ("9. März 2024", "1. Jan. 2001"),
    ("German", "short weekday"): ("Sa., 9. März 2024", "Mo., 1. Januar 2001"),
    ("German", "numbers"): ("9.3.2024", "1.1.2001"),
    ("German", "two-digit year"): ("09.03.24", "01.01.01"),
}


def form_called(language, name):
    (form,) = [form for form in dates.FORMS if (form.language, form.name) == (language, name)]
    return form


def written_over_two_days(forms):
    """How often a text, over all forms and days, belongs to more than one day."""
    # Equal texts have equal hashes, so where no hash belongs to two days, no text does.
    hashes = np.fromiter((hash(form.render(day)) for day in EVERY_DAY for form in forms), np.int64)
    days = np.repeat(np.arange(len(EVERY_DAY)), len(forms))
    order = np.argsort(hashes, kind="stable")
    hashes, days = hashes[order], days[order]
    return int(np.count_nonzero((hashes[1:] == hashes[:-1]) & (days[1:] != days[:-1])))


def test_no_text_belongs_to_two_dates():
    assert len(EVERY_DAY) == 36_525
    assert written_over_two_days(dates.FORMS) == 0


@pytest.mark.parametrize(
    "pattern", ["{month_number:02}/{day:02}/{year}", "{day} {month}", "{yy:02}.{month_number:02}.{day:02}"]
)
def test_the_proof_notices_a_form_that_leaves_its_date_open(pattern):
    slashes, dots = form_called("French", "numbers"), form_called("German", "two-digit year")
    assert written_over_two_days([slashes, dots, dates.Form("English", "open", pattern)]) > 0


def test_every_form_is_written_as_expected():
    assert [(form.language, form.name) for form in dates.FORMS] == list(WRITTEN)
    for form in dates.FORMS:
        assert (form.render(SATURDAY), form.render(NEW_YEAR)) == WRITTEN[form.language, form.name]


def test_there_are_four_languages_and_at_least_25_forms():
    assert len(dates.FORMS) >= 25
    assert {form.language for form in dates.FORMS} == {"English", "Polish", "French", "German"}


@pytest.mark.parametrize(
    ("language", "name", "date", "written"),
    [
        ("English", "ordinal", "2024-05-02", "2nd of May, 2024"),
        ("English", "ordinal", "2024-05-03", "3rd of May, 2024"),
        ("English", "ordinal", "2024-05-11", "11th of May, 2024"),
        ("English", "ordinal", "2024-05-12", "12th of May, 2024"),
        ("English", "ordinal", "2024-05-13", "13th of May, 2024"),
        ("English", "ordinal", "2024-05-21", "21st of May, 2024"),
        ("English", "ordinal", "2024-05-22", "22nd of May, 2024"),
        ("English", "ordinal", "2024-05-23", "23rd of May, 2024"),
        ("English", "ordinal", "2024-05-30", "30th of May, 2024"),
        ("English", "ordinal", "2024-05-31", "31st of May, 2024"),
        ("English", "two-digit year", "1950-12-31", "31 Dec '50"),
        ("English", "two-digit year", "2049-12-31", "31 Dec '49"),
        ("English", "hyphens", "2000-02-29", "29-Feb-00"),
        ("Polish", "on a weekday", "2024-09-03", "we wtorek, 3 września 2024 r."),
        ("Polish", "on a weekday", "2024-10-13", "w niedzielę, 13 października 2024 r."),
        ("Polish", "weekday", "1989-06-04", "niedziela, 4 czerwca 1989"),
        ("Polish", "Roman month", "1980-08-31", "31 VIII 1980"),
        ("French", "weekday", "1969-07-20", "dimanche 20 juillet 1969"),
        ("French", "le", "2011-11-11", "le 11 novembre 2011"),
        ("German", "weekday", "1989-11-09", "Donnerstag, 9. November 1989"),
        ("German", "short weekday", "1990-10-03", "Mi., 3. Oktober 1990"),
    ],
)
def test_grammar_and_weekdays_of_known_days(language, name, date, written):
    assert form_called(language, name).render(datetime.date.fromisoformat(date)) == written


@given(DAYS, FORMS)
def test_a_text_is_composed_unicode_with_single_spaces(day, form):
    text = form.render(day)
    assert text == unicodedata.normalize("NFC", text) == " ".join(text.split())


@given(DAYS)
def test_more_than_half_of_a_days_texts_differ(day):
    assert 2 * len({form.render(day) for form in dates.FORMS}) > len(dates.FORMS)


@pytest.mark.parametrize("day", [dates.FIRST - datetime.timedelta(1), dates.LAST + datetime.timedelta(1)])
def test_outside_the_hundred_years_two_digits_would_not_decide(day):
    with pytest.raises(ValueError, match="expected 1950-01-01 to 2049-12-31"):
        dates.FORMS[0].render(day)


@given(st.integers(1, 200), st.integers(0, 99))
def test_pairs_are_distinct_texts_with_their_dates(count, seed):
    pairs = dates.make_pairs(count, seed)
    assert len({written for written, _ in pairs}) == len(pairs) == count
    for written, iso in pairs:
        assert written in {form.render(datetime.date.fromisoformat(iso)) for form in dates.FORMS}


@given(st.integers(1, 100), st.integers(1, 100), st.integers(0, 99))
def test_a_seed_decides_the_pairs_and_fewer_are_the_beginning_of_more(count, more, seed):
    assert dates.make_pairs(count + more, seed)[:count] == dates.make_pairs(
        count, np.random.default_rng(seed)
    )


def test_days_and_forms_are_drawn_uniformly():
    pairs = dates.make_pairs(20_000, 0)
    decades = collections.Counter((int(iso[:4]) - 1950) // 10 for _, iso in pairs)
    assert sorted(decades) == list(range(10))
    assert all(abs(n - 2000) < 5 * 2000**0.5 for n in decades.values())
    year_first = sum(written[:4].isdigit() for written, _ in pairs)  # one form of all
    expected = len(pairs) / len(dates.FORMS)
    assert abs(year_first - expected) < 5 * expected**0.5


@given(st.integers(1, 300), st.integers(1, 100), st.integers(0, 99))
def test_held_out_pairs_are_unseen_as_texts_and_as_dates(train, held_out, seed):
    training, unseen = dates.split(train, held_out, seed)
    assert (len(training), len(unseen)) == (train, held_out)
    for side in (0, 1):
        assert not {pair[side] for pair in training} & {pair[side] for pair in unseen}
    assert dates.split(train, held_out, seed) == (training, unseen)


@pytest.mark.parametrize(("train", "held_out"), [(60_000, 5), (5, 60_000)])
def test_a_split_may_be_as_lopsided_as_it_likes(train, held_out):
    assert tuple(map(len, dates.split(train, held_out, 0))) == (train, held_out)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dates.make_pairs(0), "make_pairs: count is 0"),
        (lambda: dates.make_pairs(2.0), "make_pairs: count is 2.0"),
        (lambda: dates.make_pairs(730_501), "count is 730501, expected at most 730500"),
        (lambda: dates.split(0, 5), "split: train is 0"),
        (lambda: dates.split(5, 0), "split: held_out is 0"),
        (lambda: dates.split(10**6, 1), "split: train is 1000000, expected at most"),
        (lambda: dates.make_pairs(1, rng=-1), "rng is -1"),
    ],
)
def test_numbers_of_pairs_that_cannot_be(call, message):
    with pytest.raises(ValueError, match=message):
        call()

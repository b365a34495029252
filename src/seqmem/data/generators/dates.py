"""The built-in task of reading dates: "9 March 2024" and many other forms become 2024-03-09.

There are four languages and many written forms, all of which are unambiguous. The form determines the order,
in all languages alike: dots, slashes and hyphens separate day, month and year in this order, unless the year
comes first in four digits. All dates lie within a hundred years, 1950 to 2049, so that two digits determine a
year.

>>> import datetime
>>> for form in FORMS[::8]:
...     print(f"{form.language:8} {form.render(datetime.date(2024, 3, 9))}")
English  9 March 2024
English  the 9th of March 2024
Polish   9 marca 2024 r.
French   9 mars 2024
German   9. März 2024
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from seqmem.initializers import Rng, as_generator
from seqmem.validation import as_size

FIRST = datetime.date(1950, 1, 1)
LAST = datetime.date(2049, 12, 31)
_DAYS = range(FIRST.toordinal(), LAST.toordinal() + 1)


class Form(NamedTuple):
    """One way of writing a date.

    `pattern` is a format string of `day`, `month_number`, `year` and `yy` (numbers), `roman` (the month) and
    the words of the language: `month`, `mon`, `weekday`, `wkd`, `ordinal`, and in Polish `on_weekday`.
    """

    language: str
    name: str
    pattern: str
    case: Callable[[str], str] = str  # str leaves the text unchanged; or str.lower, str.upper

    def render(self, date: datetime.date) -> str:
        """Return the date written in this form.

        Raises:
            ValueError: for a date outside FIRST to LAST, where two digits would not determine the year.

        >>> FORMS[0].render(datetime.date(2024, 3, 9))
        '9 March 2024'
        """
        if not FIRST <= date <= LAST:
            raise ValueError(f"Form.render: date is {date}, expected {FIRST} to {LAST}")
        return self.case(self.pattern.format_map(_fields(self.language, date)))


class _Words(NamedTuple):
    """The names of months, weekdays and days in a language; the keys are the fields of the patterns."""

    by_month: dict[str, list[str]]  # January to December
    by_weekday: dict[str, list[str]]  # Monday to Sunday
    by_day: dict[str, list[str]]  # the 1st to the 31st


def _list(names: str) -> list[str]:
    return names.split(", ")


_SUFFIX = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
_ROMAN = _list("I, II, III, IV, V, VI, VII, VIII, IX, X, XI, XII")

_WORDS = {
    "English": _Words(
        by_month={
            "month": _list(
                "January, February, March, April, May, June, July, August, September, October, "
                "November, December"
            ),
            "mon": _list("Jan, Feb, Mar, Apr, May, Jun, Jul, Aug, Sep, Oct, Nov, Dec"),
        },
        by_weekday={
            "weekday": _list("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
            "wkd": _list("Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
        },
        by_day={"ordinal": [f"{day}{_SUFFIX.get(day, 'th')}" for day in range(1, 32)]},
    ),
    "Polish": _Words(
        by_month={
            "month": _list(  # in the genitive, as in dates: 9 marca is the 9th "of March"
                "stycznia, lutego, marca, kwietnia, maja, czerwca, lipca, sierpnia, września, "
                "października, listopada, grudnia"
            ),
            "mon": _list("sty, lut, mar, kwi, maj, cze, lip, sie, wrz, paź, lis, gru"),
        },
        by_weekday={
            "weekday": _list("poniedziałek, wtorek, środa, czwartek, piątek, sobota, niedziela"),
            "wkd": _list("pon., wt., śr., czw., pt., sob., niedz."),
            "on_weekday": _list(  # in the accusative
                "w poniedziałek, we wtorek, w środę, w czwartek, w piątek, w sobotę, w niedzielę"
            ),
        },
        by_day={},
    ),
    "French": _Words(
        by_month={
            "month": _list(
                "janvier, février, mars, avril, mai, juin, juillet, août, septembre, octobre, "
                "novembre, décembre"
            ),
            "mon": _list("janv., févr., mars, avr., mai, juin, juil., août, sept., oct., nov., déc."),
        },
        by_weekday={
            "weekday": _list("lundi, mardi, mercredi, jeudi, vendredi, samedi, dimanche"),
            "wkd": _list("lun., mar., mer., jeu., ven., sam., dim."),
        },
        by_day={"ordinal": ["1er", *map(str, range(2, 32))]},  # only the first is an ordinal
    ),
    "German": _Words(
        by_month={
            "month": _list(
                "Januar, Februar, März, April, Mai, Juni, Juli, August, September, Oktober, "
                "November, Dezember"
            ),
            "mon": _list("Jan., Feb., März, Apr., Mai, Juni, Juli, Aug., Sept., Okt., Nov., Dez."),
        },
        by_weekday={
            "weekday": _list("Montag, Dienstag, Mittwoch, Donnerstag, Freitag, Samstag, Sonntag"),
            "wkd": _list("Mo., Di., Mi., Do., Fr., Sa., So."),
        },
        by_day={"ordinal": [f"{day}." for day in range(1, 32)]},
    ),
}

FORMS = (
    Form("English", "day month year", "{day} {month} {year}"),
    Form("English", "month day year", "{month} {day}, {year}"),
    Form("English", "short month", "{day} {mon} {year}"),
    Form("English", "short month first", "{mon} {day}, {year}"),
    Form("English", "weekday", "{weekday}, {day} {month} {year}"),
    Form("English", "weekday, month first", "{weekday}, {month} {day}, {year}"),
    Form("English", "short weekday", "{wkd}, {day} {mon} {year}"),
    Form("English", "ordinal", "{ordinal} of {month}, {year}"),
    Form("English", "the ordinal", "the {ordinal} of {month} {year}"),
    Form("English", "month ordinal", "{month} {ordinal}, {year}"),
    Form("English", "two-digit year", "{day} {mon} '{yy:02}"),
    Form("English", "hyphens", "{day:02}-{mon}-{yy:02}"),
    Form("English", "year first", "{year}/{month_number:02}/{day:02}"),
    Form("English", "lower case", "{weekday} {month} {day} {year}", str.lower),
    Form("English", "upper case", "{day:02} {mon} {year}", str.upper),
    Form("Polish", "day month year", "{day} {month} {year}"),
    Form("Polish", "with r.", "{day} {month} {year} r."),
    Form("Polish", "dnia", "dnia {day} {month} {year} roku"),
    Form("Polish", "weekday", "{weekday}, {day} {month} {year}"),
    Form("Polish", "on a weekday", "{on_weekday}, {day} {month} {year} r."),
    Form("Polish", "short month", "{day} {mon} {year}"),
    Form("Polish", "short weekday", "{wkd}, {day} {mon} {year}"),
    Form("Polish", "Roman month", "{day} {roman} {year}"),
    Form("Polish", "numbers", "{day:02}.{month_number:02}.{year} r."),
    Form("French", "day month year", "{ordinal} {month} {year}"),
    Form("French", "le", "le {ordinal} {month} {year}"),
    Form("French", "weekday", "{weekday} {ordinal} {month} {year}"),
    Form("French", "le, weekday", "le {weekday} {ordinal} {month} {year}"),
    Form("French", "short month", "{ordinal} {mon} {year}"),
    Form("French", "short weekday", "{wkd} {ordinal} {mon} {year}"),
    Form("French", "numbers", "{day:02}/{month_number:02}/{year}"),
    Form("French", "two-digit year", "{day}/{month_number}/{yy:02}"),
    Form("German", "day month year", "{ordinal} {month} {year}"),
    Form("German", "den", "den {ordinal} {month} {year}"),
    Form("German", "weekday", "{weekday}, {ordinal} {month} {year}"),
    Form("German", "on a weekday", "am {weekday}, dem {ordinal} {month} {year}"),
    Form("German", "short month", "{ordinal} {mon} {year}"),
    Form("German", "short weekday", "{wkd}, {ordinal} {month} {year}"),
    Form("German", "numbers", "{day}.{month_number}.{year}"),
    Form("German", "two-digit year", "{day:02}.{month_number:02}.{yy:02}"),
)


def make_pairs(count: int, rng: Rng = None) -> list[tuple[str, str]]:
    """Return written dates with their ISO dates, all texts different: days and forms are drawn uniformly.

    Args:
        count: the number of pairs, up to half of days times forms. With the same seed, a smaller count gives
            the beginning of a larger one.
        rng: seed or generator for the choice.

    Returns:
        (written, ISO) pairs of strings.

    Raises:
        ValueError: for a count below 1 or above that half.

    >>> for written, iso in make_pairs(3, rng=0):
    ...     print(f"{written} -> {iso}")
    le 24 janvier 2035 -> 2035-01-24
    11 Feb '01 -> 2001-02-11
    October 13, 1980 -> 1980-10-13
    """
    return _draw(as_size(count, "make_pairs", "count"), _DAYS, as_generator(rng), "make_pairs: count")


def split(train: int, held_out: int, rng: Rng = None) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return training pairs and held-out pairs of other days: no text and no date is on both sides.

    Args:
        train, held_out: the numbers of pairs. The days of the hundred years are divided at random in the same
            proportion, with at least one day on each side.
        rng: seed or generator for the choice.

    Returns:
        (training pairs, held-out pairs) like those of `make_pairs`.

    Raises:
        ValueError: for a number below 1, or above half of days times forms.

    >>> training, held_out = split(900, 100, rng=0)
    >>> {iso for _, iso in training} & {iso for _, iso in held_out}
    set()
    """
    as_size(train, "split", "train")
    as_size(held_out, "split", "held_out")
    rng = as_generator(rng)
    days = [int(day) for day in rng.permutation(_DAYS)]
    cut = min(max(round(len(days) * train / (train + held_out)), 1), len(days) - 1)
    return (
        _draw(train, days[:cut], rng, "split: train"),
        _draw(held_out, days[cut:], rng, "split: held_out"),
    )


def _draw(count: int, days: Sequence[int], rng: np.random.Generator, name: str) -> list[tuple[str, str]]:
    # Two forms may write a day in the same way (9 May 2024), but more than half of a day's texts differ. With
    # the limit at half, a draw is more often new than not, so the loop is short.
    most = len(days) * len(FORMS) // 2
    if count > most:
        raise ValueError(
            f"{name} is {count}, expected at most {most} for {len(days)} days in {len(FORMS)} forms"
        )
    iso_of: dict[str, str] = {}
    while len(iso_of) < count:
        date = datetime.date.fromordinal(days[int(rng.integers(len(days)))])
        iso_of[FORMS[int(rng.integers(len(FORMS)))].render(date)] = date.isoformat()
    return list(iso_of.items())


@functools.lru_cache(maxsize=len(_WORDS))
def _fields(language: str, date: datetime.date) -> dict[str, str | int]:
    words = _WORDS[language]
    fields: dict[str, str | int] = {
        "day": date.day,
        "month_number": date.month,
        "year": date.year,
        "yy": date.year % 100,
        "roman": _ROMAN[date.month - 1],
    }
    fields |= {name: names[date.month - 1] for name, names in words.by_month.items()}
    fields |= {name: names[date.weekday()] for name, names in words.by_weekday.items()}
    fields |= {name: names[date.day - 1] for name, names in words.by_day.items()}
    return fields

"""Every public name has a row in the documents, and a docstring that says how it is used."""

import dataclasses
import inspect
import re
from importlib import import_module
from importlib.util import find_spec

import features_table
import pytest

import seqmem

pytestmark = pytest.mark.quick

BY_EXAMPLE_ELSEWHERE = {  # they need files: the documents and their tests have the examples
    "load",
    "load_task",
}


def value_of(room, name):
    return getattr(import_module(f"seqmem.{room}"), name)


BASES = {"Cell", "Optimizer"}  # their subclasses say what their arguments are


def is_record(value):
    """Whether a class holds values alone, which are described where they are declared."""
    return inspect.isclass(value) and (issubclass(value, tuple) or dataclasses.is_dataclass(value))


def is_error(value):
    return inspect.isclass(value) and issubclass(value, BaseException)


def parameters_of(value):
    return [name for name in inspect.signature(value).parameters if name not in ("self", "args", "kwargs")]


ROOMS = [room for room in features_table.ROOMS if room != "sklearn" or find_spec("sklearn")]


def public():
    return [(room, name) for room in ROOMS for name in features_table.public(room)]


def test_the_table_is_that_of_the_code(require):
    require("sklearn")  # for the rows of seqmem.sklearn
    shown = features_table.in_document(features_table.DOCUMENT.read_text("utf-8"))
    assert shown == features_table.table(), "python tests/features_table.py --write writes it again"


def test_every_room_with_public_names_has_its_table():
    rooms = {entry.room for entry in seqmem.registry.PUBLIC} - {"registry"}
    assert rooms <= set(features_table.ROOMS)
    assert {name for _, name in public()} >= set(seqmem.__all__) - {"register"}


def test_every_row_says_what_a_name_is_and_which_tests_show_it():
    found = [row for room in ROOMS for row in features_table.rows(room)]
    assert [row.name for row in found if not row.purpose] == []
    untested = [row.name for row in found if row.gradient is None and row.tests is None]
    assert untested == ["State", "Part"]  # a type, and a table's row that the exercises' tests see whole


def test_every_derivative_is_checked_and_has_its_equations_or_is_an_affine_map():
    for room, name in public():
        if features_table.has_derivative(value_of(room, name)):
            row = features_table.feature(room, name)
            assert row.gradient is not None, name


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "exercises"])
def test_every_function_and_class_says_what_its_arguments_are(room):
    for name in features_table.public(room):
        value = value_of(room, name)
        if name in {*features_table.VALUES, *BASES} or inspect.ismodule(value):
            continue
        if is_record(value) or is_error(value):
            continue
        document = inspect.getdoc(value) or ""
        assert document, name
        if parameters_of(value):
            assert re.search(r"^(Args|Attributes):$", document, re.MULTILINE), f"seqmem.{room}.{name}"


def test_every_name_of_the_package_shows_an_example():
    for name in set(seqmem.__all__) - BY_EXAMPLE_ELSEWHERE:
        value = getattr(seqmem, name)
        if not (is_record(value) or is_error(value)):
            assert ">>> " in (inspect.getdoc(value) or ""), name


def test_sources_are_found_in_a_text():
    text = "LSTM (Hochreiter & Schmidhuber, 1997; f of Gers\n    et al., 2000), by Ba, Kiros & Hinton (2016)."
    assert features_table.sources_in(text) == (
        "Hochreiter & Schmidhuber, 1997; Gers et al., 2000; Ba, Kiros & Hinton, 2016"
    )
    assert features_table.sources_in("T = 1 (GRU, 1.5)") == ""

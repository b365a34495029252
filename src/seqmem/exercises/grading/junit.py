"""Grades as JUnit XML, for build servers and campus systems: a suite per student, a case per check."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from itertools import groupby

from seqmem.exercises.grading.gradescope import output_of
from seqmem.exercises.grading.record import Grade, GradedCheck

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SKIPPED = ("not started", "not handed in")


def as_junit(grades: Iterable[Grade]) -> str:
    """Return grades as JUnit XML.

    A wrong check is a failure, code that did not run is an error, and missing answers are skipped.

    >>> text = as_junit([Grade("ada", "rnn_step_forward", "not started", 0.0, 3.0)])
    >>> ET.fromstring(text).find("testsuite").get("skipped")
    '1'
    """
    root = ET.Element("testsuites")
    for student, found in groupby(sorted(grades, key=lambda grade: grade.student), lambda one: one.student):
        cases = [case for grade in found for case in _cases(grade)]
        counts = {
            what: sum(case.find(tag) is not None for case in cases)
            for what, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
        }
        suite = ET.SubElement(root, "testsuite", name=_text(student), tests=str(len(cases)))
        for what, count in counts.items():
            suite.set(what, str(count))
        suite.extend(cases)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _cases(grade: Grade) -> Iterable[ET.Element]:
    if grade.status in _SKIPPED or not grade.checks:
        case = _case(grade, "runs", grade.seconds)
        if grade.status != "right":
            tag = "skipped" if grade.status in _SKIPPED else "error"
            ET.SubElement(case, tag, message=_text(grade.says))
        yield case
        return
    first = next((check for check in grade.checks if check.verdict == "wrong"), None)
    for k, check in enumerate(grade.checks):
        case = _case(grade, check.name, grade.seconds if not k else 0.0)
        _judge(case, grade, check, first)
        yield case


def _judge(case: ET.Element, grade: Grade, check: GradedCheck, first: GradedCheck | None) -> None:
    if check.verdict == "right":
        return
    if check.verdict == "not reached":
        ET.SubElement(case, "skipped", message=_text(output_of(grade, check, first)))
        return
    tag = "error" if check.name == "runs" else "failure"
    kind = " ".join(mistake.code for mistake in grade.mistakes) or check.name
    found = ET.SubElement(case, tag, message=_text(check.says), type=_text(kind))
    found.text = _text(output_of(grade, check, first))


def _case(grade: Grade, name: str, seconds: float) -> ET.Element:
    about = {"classname": _text(grade.exercise), "name": _text(name), "time": f"{seconds:g}"}
    return ET.Element("testcase", about)


def _text(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)

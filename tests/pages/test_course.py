"""The course: an index in order, titles that differ, and a way on and back that leads somewhere."""

import re
from itertools import pairwise

import pytest

from seqmem.pages.course import ORDER, STOPS, course_pages
from seqmem.pages.page import compose, is_page

PAGES = {file: compose("A page", body=f"<main><h1>{file}</h1></main>") for file in reversed(ORDER)}


def links(html):
    return re.findall(r'<a(?: rel="(\w+)")? href="([^"#]+)', html)


def test_the_index_leads_to_every_page_in_the_lectures_order():
    pages = course_pages(PAGES)
    assert list(pages) == ["index.html", *ORDER]
    found = [file for _, file in links(pages["index.html"].html)]
    assert list(dict.fromkeys(found)) == list(ORDER)
    assert [stop.section for stop in STOPS] == sorted(stop.section for stop in STOPS)


def test_no_two_pages_have_one_title():
    pages = course_pages(PAGES)
    titles = [re.search("<title>(.*?)</title>", page.html)[1] for page in pages.values()]
    assert titles == [page.title for page in pages.values()]
    assert len(set(titles)) == len(titles)


def test_each_page_leads_to_its_neighbours_and_to_the_index():
    pages = course_pages(PAGES)
    for before, after in pairwise(ORDER):
        assert ("next", after) in links(pages[before].html)
        assert ("prev", before) in links(pages[after].html)
    assert all(("", "index.html") in links(pages[file].html) for file in ORDER)
    assert not any(("prev", file) in links(pages[ORDER[0]].html) for file in ORDER)


def test_links_lead_only_to_pages_that_are_there(tmp_path):
    pages = course_pages({file: PAGES[file] for file in ("gates.html", "quiz.html")})
    assert list(pages) == ["index.html", "gates.html", "quiz.html"]
    assert {file for page in pages.values() for _, file in links(page.html)} == set(pages)
    assert all(is_page(page.save(tmp_path / file)) for file, page in pages.items())
    assert "{pages}" not in pages["index.html"].html


def test_what_is_no_page_of_the_course_is_refused():
    with pytest.raises(ValueError, match=r"pages has \['other.html'\], expected some of gradients.html"):
        course_pages({"other.html": PAGES["quiz.html"]})
    with pytest.raises(ValueError, match="pages has no page"):
        course_pages({})
    with pytest.raises(TypeError, match="expected a Page"):
        course_pages({"quiz.html": "<html>"})

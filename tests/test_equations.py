"""The equation index is complete: each equation has one place in the book, a function and a test."""

import pytest

from book import pages


@pytest.mark.parametrize("label", pages.LABELS)
def test_equation_has_one_place_a_function_and_a_test(label):
    places = pages.tags()[label]
    assert [place.name for place in places] == [label.lower()], f"tagged at {places}"
    assert pages.definitions("lib/**/*.py")[label], "no docstring in lib has a first line that ends in this label"
    assert pages.definitions("tests/**/test_*.py")[label], "no test names this label"


def test_nothing_but_the_papers_equations_is_tagged():
    assert set(pages.tags()) <= set(pages.LABELS)


@pytest.mark.parametrize(
    ("first_line", "labels"),
    [
        ("Gates (FE-8).", ["FE-8"]),
        ("A (R, N) thing (FE-6, FE-12 to FE-14)", ["FE-6", "FE-12", "FE-13", "FE-14"]),
        ("Masks (ID-3, ID-A1 to ID-A3).", ["ID-3", "ID-A1", "ID-A2", "ID-A3"]),
        ("A term (a part of FE-9).", []),
        ("Gates.\n\nBelow (FE-8).", []),
    ],
)
def test_labels_are_read_from_the_end_of_the_first_line(first_line, labels):
    assert pages.cited(first_line) == labels

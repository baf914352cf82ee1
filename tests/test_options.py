"""Options: what identifies a result, and plain checks that name what they got."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from lib import options
from lib.options import reading, speed, training


@dataclass(frozen=True)
class Inner:
    M: int = training(3)
    chunk: int | None = speed(None)


@dataclass(frozen=True)
class Outer:
    inner: Inner = reading(Inner())
    epochs: int = training(5)
    rows: int = speed(7)


def test_speed_is_no_part_of_an_identity_at_any_depth():
    assert options.identity(Outer()) == {"inner": {"name": "Inner", "M": 3}, "epochs": 5}
    assert options.identity(Outer(Inner(chunk=2), rows=1)) == options.identity(Outer())
    assert options.identity(Outer(Inner(M=4))) != options.identity(Outer())
    assert options.flat(Outer()) == {"inner": {"M": 3, "chunk": None}, "epochs": 5}
    assert options.names(Outer, "reading") == ["inner"]


@pytest.mark.parametrize("value", [0, -1.5, 1e308, Fraction(1, 3), np.float32(2), np.int64(3), 2**1000])
def test_numbers(value):
    assert options.is_number(value)


@pytest.mark.parametrize("value", [True, np.True_, math.nan, math.inf, -math.inf, 10**400, "1", None, 1j, np.ones(2)])
def test_what_is_no_number(value):
    assert not options.is_number(value)


@pytest.mark.parametrize("value", [1, np.int64(3), 10**400])
def test_whole_numbers(value):
    assert options.is_whole(value, 1)
    assert options.is_whole(value, value, value)
    assert not options.is_whole(value, value + 1)
    assert not options.is_whole(value, most=value - 1)


@pytest.mark.parametrize("value", [True, np.True_, 1.0, np.float32(2), "1", None, math.nan])
def test_what_is_no_whole_number(value):
    assert not options.is_whole(value)


@pytest.mark.parametrize(
    ("check", "value", "takes"),
    [
        *((options.check_counts, value, "a whole number of at least 1") for value in (0, True, 1.0, "2", None)),
        (partial(options.check_counts, least=0), -1, "a whole number of at least 0"),
        *((options.check_numbers, value, "a finite number of at least 0") for value in (-1, math.nan, "1")),
        (partial(options.check_numbers, positive=True), 0, "a finite number above 0"),
        *((options.check_flags, value, "True or False") for value in (1, None, "True")),
    ],
)
def test_a_bad_option_is_named_with_what_it_takes(check, value, takes):
    with pytest.raises(ValueError, match=f"^x must be {takes}, got {value!r}$"):
        check(SimpleNamespace(x=value), "x")


def test_good_options_pass():
    own = SimpleNamespace(count=1, none=0, number=0.0, flag=False)
    options.check_counts(own, "count")
    options.check_counts(own, "none", least=0)
    options.check_numbers(own, "number", "count")
    options.check_numbers(own, "count", positive=True)
    options.check_flags(own, "flag")

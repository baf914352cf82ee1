"""Options that are frozen dataclasses: which part each belongs to, what identifies a result, and plain checks.

class Settings:
    epochs: int = training(200)     # how it is trained
    T: float | None = reading(None) # how we read what a paper leaves open
    chunk: int | None = speed(None) # no result depends on it beyond rounding
"""

import math
from dataclasses import asdict, field, fields, is_dataclass
from numbers import Integral, Real


def training(default):
    """A field that says how something is trained or computed."""
    return field(default=default, metadata={"part": "training"})


def reading(default):
    """A field that is our reading of what a paper leaves open."""
    return field(default=default, metadata={"part": "reading"})


def speed(default):
    """A field that changes time and memory and no result beyond rounding: no part of what identifies one."""
    return field(default=default, metadata={"part": "speed"})


def names(options, part: str) -> list[str]:
    """The fields that belong to one part."""
    return [f.name for f in fields(options) if f.metadata.get("part") == part]


def identity(options) -> dict:
    """All options but those of speed; options within options as dictionaries with their class's name."""
    own = {}
    for f in fields(options):
        value = getattr(options, f.name)
        if f.metadata.get("part") != "speed":
            own[f.name] = {"name": type(value).__name__, **identity(value)} if is_dataclass(value) else value
    return own


def flat(options) -> dict:
    """The options themselves without those of speed, as records have them."""
    return {name: value for name, value in asdict(options).items() if name not in names(options, "speed")}


def check_counts(options, *names: str, least: int = 1) -> None:
    """ValueError unless these options are whole numbers of at least so much."""
    for name in names:
        value = getattr(options, name)
        if not is_whole(value, least):
            raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


def check_numbers(options, *names: str, positive: bool = False) -> None:
    """ValueError unless these options are finite and not negative, or positive."""
    for name in names:
        value = getattr(options, name)
        if not is_number(value) or value < 0 or (positive and value == 0):
            kind = "above" if positive else "of at least"
            raise ValueError(f"{name} must be a finite number {kind} 0, got {value!r}")


def check_flags(options, *names: str) -> None:
    """ValueError unless these options are True or False."""
    for name in names:
        if not isinstance(value := getattr(options, name), bool):
            raise ValueError(f"{name} must be True or False, got {value!r}")


def is_whole(value, least: float = -math.inf, most: float = math.inf) -> bool:
    """Whether it is a whole number from `least` to `most`, Python's or numpy's, and no truth value."""
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= value <= most


def is_number(value) -> bool:
    """Whether it is a finite real number that a float can hold, and no truth value."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # of a whole number
        return False

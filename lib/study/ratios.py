"""What `make bench` measured last: a row for each measure and kind of device, in a small text file.

kept = ratios.read()                                   # results/bench/ratios.csv, what a CPU gave
ratios.table(kept, ["id_gradcam_step"])
ratios.made(kept)                                      # when, on what and by which code, in words
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lib import writing
from lib.study import records
from lib.study.words import listed

FILE = records.ROOT / "results" / "bench" / "ratios.csv"
COLUMNS = (
    "measure", "label",
    "value", "low", "high",  # times as fast: median and quartiles of the pairs; value alone where no pairs were timed
    "floor",  # times as fast as it was asked to be, where that was said
    "plain_threads", "lib_threads", "device", "date", "versions", "code",
    "note",  # what a hand has added
)  # fmt: skip
NUMBERS = ["value", "low", "high", "floor"]
MADE = ["date", "device", "plain_threads", "lib_threads", "code", "note"]


def keep(row: Mapping[str, object], path: Path = FILE) -> None:
    """Write the row of a measure, in the place of its older one of the same kind of device; others stay as they are.

    What it leaves out is empty. ValueError: a column that there is not.
    """
    if unknown := set(row) - set(COLUMNS):
        raise ValueError(f"row must have columns among {', '.join(COLUMNS)}, got {', '.join(sorted(unknown))}")
    rows = {}
    if path.exists():
        with path.open(newline="") as file:
            rows = {_key(old): old for old in csv.DictReader(file)}
    with writing.whole(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows((rows | {_key(row): row}).values())


def read(path: Path = FILE, kind: str = "cpu") -> pd.DataFrame:
    """The rows of one kind of device, cpu or cuda: numbers (NaN where there is none), and texts (empty)."""
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows[NUMBERS] = rows[NUMBERS].apply(pd.to_numeric)
    return rows[rows["device"].map(_kind) == kind]


def table(kept: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """What was compared, how many times as fast lib was, [quartiles], and what was asked for; a row for each measure.

    A dash where nothing was asked for. A measure without a row is left out.
    """
    rows = kept.set_index("measure").reindex(measures).dropna(subset="value")
    shown = {
        "what is compared": rows["label"],
        "times as fast": [_ratio(*own) for own in zip(rows["low"], rows["value"], rows["high"])],
        "asked for": ["–" if pd.isna(floor) else f"at least {floor:g}" for floor in rows["floor"]],
    }
    return pd.DataFrame(shown, rows.index.rename(None))


def made(kept: pd.DataFrame) -> str:
    """When, on what and by which code the rows were measured; measures by name where they differ in it."""
    if kept.empty:
        return "nothing is measured yet"
    groups = [(_told(*key), rows["measure"]) for key, rows in kept.groupby(MADE, sort=False)]
    named = [f"{listed(names)} {told}" for told, names in groups]
    return "; ".join(named) if len(named) > 1 else groups[0][0]


def _told(date: str, device: str, plain: str, own: str, code: str, note: str) -> str:
    told = [f"on {date}", f"processor {device.partition(': ')[2].split(',')[0]}"]
    if own:
        told += [f"the plain form with {plain} thread{'' if plain == '1' else 's'}", f"the library with {own}"]
    told.append(f"code {code or 'not noted'}")
    return ", ".join(told) + (f" ({note})" if note else "")


def _ratio(low: float, value: float, high: float) -> str:
    """Three digits each, as 14.1 [14.0, 14.3]."""
    middle, *ends = (f"{number:#.3g}".rstrip(".") for number in (value, low, high))
    return middle if pd.isna(low) else f"{middle} [{', '.join(ends)}]"


def _key(row: Mapping[str, object]) -> tuple[str, str]:
    return row["measure"], _kind(row["device"])


def _kind(device: str) -> str:
    return device.split(":")[0]

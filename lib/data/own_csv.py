"""CSV files of your own: read as what they say, or refused with what to do.

Nothing is guessed. A first row of data, a column that counts the rows or an unnamed one would each make a model that
seems to work, so they are errors.
"""

import csv
import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

MISSING = frozenset({"", "?", "NA", "<NA>", "N/A", "n/a", "#N/A", "NULL", "null", "None", "NaN", "nan", "-nan", "-NaN"})
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "spaces"}
EXPECTED = "UTF-8 text, a header row, then rows of as many values, separated by commas"
COUNTED = 10  # fewer rows in order may be chance


def read_own(path: Path, task: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """x (N, D), y, the features' names, and the classes' names (or the value's, for regression).

    ValueError that names the file, the column, and what to do.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a table ({error}): it must be {EXPECTED}") from error
    names = _header(text, path)
    frame = _frame(text, names, path)
    x = _numbers(frame.iloc[:, :-1], path)
    _check_counters(x, names, path)
    last = frame.iloc[:, -1].fillna("").str.strip()  # a row that ends before it
    if task == "regression":
        return x, _values(last, path), tuple(names[:-1]), (names[-1],)
    y, classes = _labels(last, path)
    return x, y, tuple(names[:-1]), classes


def _header(text: str, path: Path) -> list[str]:
    """The columns' names, which must be names."""
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        names = [name.strip() for name in next((row for row in rows if row), [])]
    except csv.Error as error:
        raise ValueError(f"{path} is not a table ({error}): it must be {EXPECTED}") from error
    if len(names) == 1:
        for sign, word in OTHER_SEPARATORS.items():
            if sign in names[0]:
                raise ValueError(f"{path} seems to be separated by {word} ({names[0][:60]!r}): save it with commas")
    if len(names) < 2:
        raise ValueError(f"{path} is not a table (it has {len(names)} columns): it must be {EXPECTED}")
    if data := [name for name in names[:-1] if name and _is_value(name)]:
        raise ValueError(
            f"{path} has no header: its first row must name the columns, in words, but looks like data, "
            f"got {', '.join(data[:5])}"
        )
    if unnamed := [k for k, name in enumerate(names, 1) if not name or name.startswith("Unnamed: ")]:
        raise ValueError(
            f"{path}: column {unnamed[0]} has no name. If it numbers the rows, as pandas writes by default, save the "
            "table without it (index=False); else name it"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: columns must have different names, got {', '.join(twice)} more than once")
    return names


def _is_value(text: str) -> bool:
    """Whether a cell is a number, a truth value or a sign for a missing one, rather than a name."""
    try:
        float(text)
    except ValueError:
        return text in MISSING or text.lower() in ("true", "false")
    return True


def _frame(text: str, names: list[str], path: Path) -> pd.DataFrame:
    """The rows; missing features are NaN, the last column stays text."""
    missing = {name: sorted(MISSING) for name in names[:-1]}
    how = {"keep_default_na": False, "skipinitialspace": True, "index_col": False}
    try:
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            frame = pd.read_csv(io.StringIO(text), header=0, names=names, dtype={names[-1]: str},
                                na_values=missing, **how)  # fmt: skip
    except (ValueError, pd.errors.ParserWarning) as error:  # ragged
        raise ValueError(f"{path} is not a table ({str(error).strip()}): it must be {EXPECTED}") from error
    if frame.empty:
        raise ValueError(f"{path} is an empty table: it must be {EXPECTED}")
    return frame


def _numbers(cells: pd.DataFrame, path: Path) -> np.ndarray:
    """(N, D) float64, NaN where a value is missing; ValueError names the columns that hold words."""
    if words := [name for name in cells if not pd.api.types.is_numeric_dtype(cells[name])]:
        raise ValueError(f"{path}: features must be numbers, got words in column {', '.join(words[:5])}")
    return cells.to_numpy(np.float64)


def _check_counters(x: np.ndarray, names: list[str], path: Path) -> None:
    """Refuse a feature that counts the rows: where these are sorted by class, it gives the class away."""
    rows = np.arange(len(x))
    for name, column in zip(names, x.T):
        if len(x) >= COUNTED and (np.array_equal(column, rows) or np.array_equal(column, rows + 1)):
            raise ValueError(
                f"{path}: column {name!r} numbers the rows, which is no feature: save the table without it"
            )


def _values(last: pd.Series, path: Path) -> np.ndarray:
    """(N, 1) float64, the values to predict."""
    _check_missing(last, last.isin(MISSING), path)
    numbers = pd.to_numeric(last, errors="coerce")
    if numbers.isna().any():
        word = last[numbers.isna()].iloc[0]
        raise ValueError(f"{path}: column {last.name!r} must be numbers for regression, got {word!r}")
    return numbers.to_numpy(np.float64)[:, None]


def _labels(last: pd.Series, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (N,) and the classes' names, sorted as numbers where all are; "NA" is a class among words."""
    numbers = pd.to_numeric(last, errors="coerce")
    numeric = set(last[numbers.isna()]) <= MISSING  # nothing but numbers, and signs for missing ones
    _check_missing(last, last.isin(MISSING) if numeric else last == "", path)
    if not numeric:
        classes, y = np.unique(last.to_numpy(str), return_inverse=True)
    else:
        labels, y = np.unique(numbers.to_numpy(), return_inverse=True)
        if (labels % 1 != 0).any() or len(labels) > max(2, len(last) // 2):
            raise ValueError(
                f"{path}: column {last.name!r} holds {len(labels)} different numbers in {len(last)} rows, values rather"
                ' than classes. For regression load it with task="regression"; classes that are numbers need words'
            )
        classes = [f"{label:.0f}" for label in labels]
    if len(classes) < 2:
        raise ValueError(f"{path}: column {last.name!r} must hold at least two classes, got {', '.join(classes)}")
    return y, tuple(map(str, classes))


def _check_missing(last: pd.Series, missing: pd.Series, path: Path) -> None:
    if missing.any():
        raise ValueError(f"{path}: column {last.name!r} lacks its value in {missing.sum()} of {len(last)} rows")

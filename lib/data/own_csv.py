"""CSV files of your own: read as what they say, or refused in one line with what to do.

Nothing is guessed. A first row of data, a column that counts the rows or an unnamed one would each make a model that
seems to work, so they are errors. So are words among the features, until somebody says that they are categories.
"""

import csv
import io
import re
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

MISSING = frozenset({"", "?", "NA", "<NA>", "N/A", "n/a", "#N/A", "NULL", "null", "None", "NaN", "nan", "-nan", "-NaN"})
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
EXPECTED = "UTF-8 text, a header row, then rows of as many values, separated by commas, semicolons, tabs or bars"
COUNTED = 10  # fewer rows in order may be chance
EXACT = 2**53  # from here on, whole numbers in double precision are no longer all different
DECIMAL = re.compile(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}\b")


def read_own(
    path: Path,
    task: str,
    *,
    target: str | None = None,
    categories: Sequence[str] = (),
    drop: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """x (N, D), y, the features' names, and the classes' names (or the value's, for regression).

    target: the column of the class or value, the last one by default. categories: columns of words, each word of which
    becomes a feature, 1 where it stands and 0 elsewhere. drop: columns to leave out. keep: features though they lie in
    equal steps, such as times that do not follow the rows' order. ValueError that names the file, the column, and what
    to do.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a table ({error}): it must be {EXPECTED}") from error
    names, separator = _header(text, path)
    target = names[-1] if target is None else target
    roles = {"target": [target], "categories": categories, "drop": drop, "keep": keep}
    _check_roles(roles, names, path)
    words = {*categories, *drop, *([target] if task == "classification" else [])}
    decimal = _decimal(text, names, path, words=words, separator=separator)
    how = {"sep": separator, "decimal": decimal}
    frame = _frame(text, names, path, words=[target, *categories], **how).drop(columns=list(drop))
    last = frame.pop(target).fillna("").str.strip()  # a row that ends before it
    if frame.empty:
        raise ValueError(f"{path}: column {target!r} is the only one left, so that there is no feature")
    x = _encoded(frame, categories, path)
    numbers = _numbers(x, path)
    _check_counters(numbers, list(x), path, keep=keep)
    if task == "regression":
        return numbers, _values(last, path, decimal), tuple(x), (target,)
    y, classes = _labels(last, path, decimal)
    return numbers, y, tuple(x), classes


# --- The file --------------------------------------------------------------------------------------------------------


def _header(text: str, path: Path) -> tuple[list[str], str]:
    """The columns' names, which must be names, and what separates them."""
    separator = _separator(text, path)
    names = [name.strip() for name in _first_rows(text, separator, path)[0]]
    if len(names) == 1 and " " in names[0]:
        raise ValueError(f"{path} seems to be separated by spaces ({names[0][:60]!r}): save it with commas")
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
    return names, separator


def _separator(text: str, path: Path) -> str:
    """The sign that gives the first two rows as many values, the most of all signs; else any that the header holds."""
    found = {sign: [len(row) for row in _first_rows(text, sign, path)] for sign in SEPARATORS}
    fits = {sign: header for sign, (header, *row) in found.items() if header > 1 and row in ([], [header])}
    if len(best := [sign for sign, columns in fits.items() if columns == max(fits.values())]) > 1:
        raise ValueError(f"{path} may be separated by {' or '.join(SEPARATORS[sign] for sign in best)}: keep one")
    return next(iter(best), next((sign for sign, lengths in found.items() if lengths[0] > 1), ","))


def _first_rows(text: str, separator: str, path: Path) -> list[list[str]]:
    """The header and the first row, if there are any."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        return [row for row, _ in zip((row for row in rows if row), range(2))] or [[]]
    except csv.Error as error:
        raise ValueError(f"{path} is not a table ({error}): it must be {EXPECTED}") from error


def _is_value(text: str) -> bool:
    """Whether a cell is a number, a truth value or a sign for a missing one, rather than a name."""
    try:
        float(text)
    except ValueError:
        return text in MISSING or text.lower() in ("true", "false")
    return True


def _check_roles(roles: dict[str, Sequence[str]], names: list[str], path: Path) -> None:
    """ValueError unless each is a column, in one role."""
    for role, columns in roles.items():
        if isinstance(columns, str) or not all(isinstance(column, str) for column in columns):
            raise ValueError(f"{role} must be names of columns, got {columns!r}")
        if unknown := [column for column in columns if column not in names]:
            raise ValueError(f"{role} must be of {path}'s columns, {', '.join(names)}, got {unknown[0]!r}")
    given = [column for columns in roles.values() for column in columns]
    if twice := [column for column in given if given.count(column) > 1]:
        raise ValueError(f"a column must be target, category, dropped or kept, got {twice[0]!r} more than once")


def _frame(text: str, names: list[str], path: Path, *, words: Sequence[str], **how) -> pd.DataFrame:
    """The rows; `words` are columns that stay text, in the others missing values are NaN. how: of pandas.read_csv."""
    missing = {name: sorted(MISSING) for name in names if name not in words}
    how |= {"keep_default_na": False, "skipinitialspace": True, "index_col": False}
    try:
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            frame = pd.read_csv(io.StringIO(text), header=0, names=names, dtype=dict.fromkeys(words, str),
                                na_values=missing, **how)  # fmt: skip
    except (ValueError, pd.errors.ParserWarning) as error:  # ragged
        raise ValueError(f"{path} is not a table ({str(error).strip()}): it must be {EXPECTED}") from error
    if frame.empty:
        raise ValueError(f"{path} is an empty table: it must be {EXPECTED}")
    return frame


def _decimal(text: str, names: list[str], path: Path, *, words: Collection[str], separator: str) -> str:
    """A comma where numbers are written with one and no comma separates them; 1,234 alone may be either number.

    words: columns that hold no numbers, whatever their words look like.
    """
    found = []
    if separator != ",":
        cells = _frame(text, names, path, words=names, sep=separator).drop(columns=list(words)).to_numpy().ravel()
        found = [cell.strip() for cell in cells if isinstance(cell, str) and DECIMAL.fullmatch(cell)]
    if found and all(THOUSANDS.fullmatch(number) for number in found):
        number, two = found[0], (found[0].replace(",", "."), found[0].replace(",", ""))
        raise ValueError(f"{path}: {number} may be {two[0]} or {two[1]}: save numbers with points")
    return "," if found else "."


# --- Features --------------------------------------------------------------------------------------------------------


def _encoded(cells: pd.DataFrame, categories: Sequence[str], path: Path) -> pd.DataFrame:
    """The features, each category's column replaced by one for each of its words, `column=word`."""
    parts = []
    for name in cells:
        column = cells[name]
        if name in categories:
            column = column.fillna("").str.strip()
            _check_missing(column, column == "", path)
            words = sorted(set(column))
            if not 2 <= len(words) <= max(2, len(column) // 2):
                raise ValueError(
                    f"{path}: column {name!r} holds {len(words)} different words in {len(column)} rows, which are no "
                    "categories: leave it out with drop"
                )
            column = pd.DataFrame({f"{name}={word}": (column == word).astype(float) for word in words})
        parts.append(column)
    encoded = pd.concat(parts, axis=1)
    if twice := sorted(encoded.columns[encoded.columns.duplicated()]):
        raise ValueError(f"{path}: columns must have different names, got {twice[0]} from a category, too")
    return encoded


def _numbers(cells: pd.DataFrame, path: Path) -> np.ndarray:
    """(N, D) float64, NaN where a value is missing; ValueError names columns of words, or of too many digits."""
    words = {name: _first_word(cells[name]) for name in cells if not pd.api.types.is_numeric_dtype(cells[name])}
    if words:
        some, word = ", ".join([*words][:5]), next(iter(words.values()))
        advice = "if words: name them in categories to encode them, or leave them out with drop"
        if DATE.match(word):
            advice = "if dates: write numbers (days since one of them), or leave them out with drop"
        elif not word[:1].isalpha():  # 37%, 0x1A, or a sign where a value is missing
            advice = f"if numbers: write them plainly, and nothing where one is missing; {advice}"
        raise ValueError(f"{path}: features must be numbers, got text in column {some} ({word!r}), {advice}")
    whole = [name for name in cells if pd.api.types.is_integer_dtype(cells[name])]
    if long := [name for name in whole if cells[name].max() >= EXACT or cells[name].min() <= -EXACT]:
        raise ValueError(f"{path}: column {long[0]!r} holds numbers of more digits than are kept apart: "
                         "leave it out with drop")  # fmt: skip
    return cells.to_numpy(np.float64)


def _first_word(column: pd.Series) -> str:
    """The first cell that is no number."""
    words = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
    return str((words if len(words) else column).iloc[0])  # decimal points beside decimal commas are numbers, too


def _check_counters(x: np.ndarray, names: list[str], path: Path, *, keep: Sequence[str]) -> None:
    """Refuse a feature that counts the rows, in any order and steps: where they are sorted, it gives the class away.

    Refuse features that are all the same in every row, too, as no row then differs from another.
    """
    if (x == x[0]).all():
        raise ValueError(f"{path}: a feature must differ between rows, got none among {', '.join(names[:5])}")
    for name, column in zip(names, x.T):
        if len(x) >= COUNTED and name not in keep and (why := _counts(column)):
            raise ValueError(
                f"{path}: column {name!r} numbers the rows, which is no feature: leave it out with drop ({why}), or "
                "say with keep that it is one"
            )


def _counts(column: np.ndarray) -> str:
    """Why these number the rows, "" where they do not.

    They lie in equal steps, in whatever order; or they are whole numbers, half of them different, that go on by one
    step in nine rows of ten: a count with gaps, or one that starts again. Ages in order and hours of many days do not.
    """
    if not np.isfinite(column).all():
        return ""
    steps = np.diff(np.sort(column))
    if np.ptp(steps) < 1e-6 * steps[0]:  # 0.1 + 0.1 + ... is not exact
        return f"its values lie {steps[0]:g} apart"
    on, rows = np.unique(np.diff(column), return_counts=True)
    step, most = on[rows.argmax()], rows.max()
    if (column % 1).any() or most < 0.9 * len(steps) or 2 * len(np.unique(column)) < len(column):
        return ""
    return f"it goes on by {step:g} in {most} of {len(steps)} rows"


# --- What is to be predicted -----------------------------------------------------------------------------------------


def _values(last: pd.Series, path: Path, decimal: str) -> np.ndarray:
    """(N, 1) float64, the values to predict."""
    _check_missing(last, last.isin(MISSING), path)
    numbers = _as_numbers(last, decimal)
    if numbers.isna().any():
        word, also = last[numbers.isna()].iloc[0], ", in a file of decimal commas" if decimal == "," else ""
        raise ValueError(f"{path}: column {last.name!r} must be numbers for regression, got {word!r}{also}")
    return numbers.to_numpy(np.float64)[:, None]


def _as_numbers(last: pd.Series, decimal: str) -> pd.Series:
    """The numbers in text, NaN where it is none: where decimals follow a comma, a point may mean thousands."""
    if decimal == ",":
        last = last.mask(last.str.contains(".", regex=False), "").str.replace(",", ".")
    return pd.to_numeric(last, errors="coerce")


def _labels(last: pd.Series, path: Path, decimal: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (N,) and the classes' names, sorted as numbers where all are; "NA" is a class among words."""
    numbers = _as_numbers(last, decimal).replace([np.inf, -np.inf], np.nan)
    numeric = set(last[numbers.isna()]) <= MISSING  # nothing but numbers, and signs for missing ones
    _check_missing(last, last.isin(MISSING) if numeric else last == "", path)
    if not numeric:
        classes, y = np.unique(last.to_numpy(object), return_inverse=True)
    else:
        labels, y = np.unique(numbers.to_numpy(), return_inverse=True)
        if (labels % 1 != 0).any() or len(labels) > max(2, len(last) // 2):
            raise ValueError(
                f"{path}: column {last.name!r} holds {len(labels)} different numbers in {len(last)} rows, values rather"
                ' than classes. For regression load it with task="regression"; classes that are numbers need words'
            )
        if abs(labels).max() >= EXACT:
            raise ValueError(f"{path}: column {last.name!r} holds numbers of more digits than are kept apart: "
                             "classes that are such numbers need words")  # fmt: skip
        classes = [f"{label:.0f}" for label in labels]
    if len(classes) < 2:
        raise ValueError(f"{path}: column {last.name!r} must hold at least two classes, got {', '.join(classes)}")
    return y, tuple(map(str, classes))


def _check_missing(last: pd.Series, missing: pd.Series, path: Path) -> None:
    if missing.any():
        raise ValueError(f"{path}: column {last.name!r} lacks its value in {missing.sum()} of {len(last)} rows")

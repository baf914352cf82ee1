"""One table as many programs would write it: read as the same table, or refused in one line that says what to do.

By lib/data/own_csv.py; test_own_csv.py has what is not about dialects.
"""

import csv
import io

import numpy as np
import pytest

from lib import data

HEADER = ["width", "height, cm", "kind"]
ROWS = [[0.5, -2.0, "oak"], [1234.25, 3.0, "elm"], [1e-3, 4.5, "oak"], [7.0, 0.125, "ash; or elm"]]


def text(separator=",", *, decimal=".", end="\n", quoting=csv.QUOTE_MINIMAL, header=HEADER, rows=ROWS):
    """A table in one dialect of CSV."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerows([header] if header else [])
    for row in rows:
        writer.writerow([str(cell).replace(".", decimal) for cell in row])
    return file.getvalue()


READ = {
    "commas": text(),
    "semicolons": text(";"),
    "tabs": text("\t"),
    "vertical bars": text("|"),
    "decimal commas": text(";", decimal=","),
    "decimal commas and tabs": text("\t", decimal=","),
    "decimal commas, quoted": text(";", decimal=",", quoting=csv.QUOTE_ALL),
    "a byte order mark": "\ufeff" + text(),
    "quotes around all": text(quoting=csv.QUOTE_ALL),
    "line ends of Windows": text(end="\r\n"),
    "line ends of an old Mac": text(";", end="\r"),
    "an empty line at the end": text() + "\n\n",
}
DATED = [["2024-01-31", 1, "u"], ["2024-02-01", 2, "v"]]
REFUSED = {
    "no header": (text(header=None), r"has no header: its first row must name the columns"),
    "an index column": (text(header=["", *HEADER], rows=[[7, *row] for row in ROWS]), r"no name.*\(index=False\)"),
    "a column that counts": (
        text(header=["id", "a", "kind"], rows=[[i, i % 5, "uv"[i % 2]] for i in range(12)]),
        r"column 'id' numbers the rows, which is no feature: leave it out with drop",
    ),
    "missing marks": (text(rows=[*ROWS, ["n/a", 1, "oak"]]), r"column 'width' is NaN or infinite in 1 of 5 rows"),
    "dates": (
        text(header=["day", "a", "kind"], rows=DATED),
        r"text in column day \('2024-01-31'\), if dates: write numbers \(days since one of them\), or .* drop",
    ),
    "words": (
        text(rows=[[*row[:1], "high", row[2]] for row in ROWS]),
        r"text in column height, cm \('high'\), if words: name them in categories to encode them, or .* drop",
    ),
    "spaces": (text(" ", header=["a", "b", "kind"]), r"separated by spaces \('a b kind'\): save it with commas"),
    "thousands": (text(";", rows=[["1,234", 1, "u"], ["2,345", 2, "v"]]), r"1,234 may be 1.234 or 1234: save"),
    "decimal commas between commas": (text(decimal=","), r"text in column width, height, cm \('0,5'\)"),
    "points and commas": (
        text(";", rows=[["1.5", "2,5", "u"], ["2.5", "3,5", "v"]]), r"text in column width \('1.5'\)",
    ),
    "two kinds of separators": ("a;b|c\n1;2|u\n", r"may be separated by semicolons or vertical bars: keep one"),
    "UTF-16": (text().encode("utf-16"), r"is not a table .*UTF-8 text"),
    "another encoding": ("größe,kind\n1,u\n".encode("cp1252"), r"is not a table .*UTF-8 text"),
}  # fmt: skip


def written(tmp_path, content):
    path = tmp_path / "mine.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("dialect", READ)
def test_a_dialect_is_read_as_the_table_that_it_is(dialect, tmp_path):
    table = data.from_csv(written(tmp_path, READ[dialect]))
    assert table.features == ("width", "height, cm")
    assert table.x.tolist() == [row[:2] for row in ROWS]
    assert [table.classes[label] for label in table.y] == [row[2] for row in ROWS]


def test_names_may_hold_as_many_commas_as_there_are_separators(tmp_path):
    """The next row tells which of them separates."""
    table = data.from_csv(written(tmp_path, "width, cm;height, cm;kind\n1;2;u\n3;4;v\n"))
    assert table.features == ("width, cm", "height, cm")
    assert table.x.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("dialect", REFUSED)
def test_a_dialect_that_is_not_read_says_why_in_one_line(dialect, tmp_path):
    content, message = REFUSED[dialect]
    with pytest.raises(ValueError, match=message) as caught:
        data.from_csv(written(tmp_path, content))
    assert "mine.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_with_decimal_commas(tmp_path):
    table = data.from_csv(written(tmp_path, "a;v\n1,5;2,5\n2;-0,125\n"), "regression")
    assert table.x.tolist() == [[1.5], [2]]
    assert table.y.tolist() == [[2.5], [-0.125]]


@pytest.mark.parametrize("value", ["1.100", "-2.5", "1.100,5"])
def test_a_point_beside_decimal_commas_is_no_number_of_a_target_either(value, tmp_path):
    """1.100 among them is a thousand and a hundred: features with points are refused, and so is what is predicted."""
    with pytest.raises(ValueError, match=f"column 'v' must be numbers .*, got '{value}', in a file of decimal commas"):
        data.from_csv(written(tmp_path, f"a;v\n1,5;{value}\n2;3\n"), "regression")


def test_labels_are_numbers_as_their_file_writes_them(tmp_path):
    """1.000 in a file of decimal commas may be 1 or 1000: it stays the word that it is."""
    rows = "".join(f"{i},5;{label}\n" for i, label in enumerate(["{0}", "{1}"] * 2))
    table = data.from_csv(written(tmp_path, "a;class\n" + rows.format("1.000", "2.000")))
    assert table.classes == ("1.000", "2.000")
    assert data.from_csv(written(tmp_path, "a;class\n" + rows.format("10,0", "9"))).classes == ("9", "10")


def test_commas_among_words_are_no_decimals(tmp_path):
    """Of labels, of categories and of what is dropped; a value to predict says what numbers look like."""
    rows = [["3,5", "1,5", "0.25", "3,5 mm"], ["4,5", "2,5", "0.5", "4,5"], ["4,5", "1,5", "0.125", "3,5 mm"]]
    path = written(tmp_path, text(";", header=["n", "c", "a", "class"], rows=rows))
    table = data.from_csv(path, drop=["n"], categories=["c"])
    assert table.x[:, -1].tolist() == [0.25, 0.5, 0.125]
    assert table.features[:2] == ("c=1,5", "c=2,5")
    assert table.classes == ("3,5 mm", "4,5")
    assert data.from_csv(written(tmp_path, "a;v\n1;2,5\n2;3\n"), "regression").y.tolist() == [[2.5], [3]]


# --- Columns by name -------------------------------------------------------------------------------------------------

COLOURS = text(
    header=["kind", "day", "colour", "a", "b"],
    rows=[["u", "1.2.2024", "red", 1, 2], ["v", "2.2.2024", " blue", 3, 4], ["u", "3.2.2024", "red", 5, 6],
          ["v", "4.2.2024", "NA", 7, 8], ["u", "5.2.2024", "red", 7, 8], ["u", "6.2.2024", "red", 7, 8]],
)  # fmt: skip


def test_the_class_is_where_its_name_is_and_words_become_features(tmp_path):
    path = str(written(tmp_path, COLOURS))
    table = data.load(path, target="kind", categories=["colour"], drop=["day"])
    assert table.features == ("colour=NA", "colour=blue", "colour=red", "a", "b")
    assert table.classes == ("u", "v")
    assert table.y.tolist() == [0, 1, 0, 1, 0, 0]
    assert table.x[:, :3].tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert np.array_equal(table.x[:, 3:], [[1, 2], [3, 4], [5, 6], [7, 8], [7, 8], [7, 8]])
    last = data.load(path, categories=["colour", "kind"], drop=["day"], task="regression")
    assert last.classes == ("b",)
    assert last.y[:, 0].tolist() == [2, 4, 6, 8, 8, 8]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"target": "class"}, r"target must be of .*mine.csv's columns, kind, day, colour, a, b, got 'class'"),
        ({"target": "kind", "drop": ["days"]}, "drop must be of .*, got 'days'"),
        ({"target": "kind", "drop": "day"}, "drop must be names of columns, got 'day'"),
        ({"target": "kind", "categories": [3]}, r"categories must be names of columns, got \[3\]"),
        ({"target": "kind", "drop": ["kind"]}, "target, category, dropped or kept, got 'kind' more than once"),
        ({"target": "kind", "categories": ["colour", "day"]}, "column 'day' holds 6 different words in 6 rows.* drop"),
        ({"target": "kind", "drop": ["day", "colour", "a", "b"]}, "column 'kind' is the only one left"),
    ],
)
def test_columns_that_are_not_there_or_have_two_roles_are_named(columns, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        data.load(str(written(tmp_path, COLOURS)), **columns)


def test_a_category_has_no_gaps_and_at_least_two_words(tmp_path):
    rows = [["red", 1, "u"], ["", 2, "v"], ["red", 3, "u"], ["blue", 3, "u"]]
    with pytest.raises(ValueError, match="column 'c' lacks its value in 1 of 4 rows"):
        data.from_csv(written(tmp_path, text(header=["c", "a", "kind"], rows=rows)), categories=["c"])
    with pytest.raises(ValueError, match="column 'c' holds 1 different words"):
        data.from_csv(written(tmp_path, text(header=["c", "a", "kind"], rows=rows[::2])), categories=["c"])
    twice = text(header=["c", "c=red", "kind"], rows=[["red", 1, "u"], ["blue", 2, "v"]])
    with pytest.raises(ValueError, match="different names, got c=red from a category, too"):
        data.from_csv(written(tmp_path, twice), categories=["c"])


def test_columns_are_said_of_own_files_only():
    with pytest.raises(ValueError, match=r"target is for a file of your own .*, got 'type' for glass"):
        data.load("glass", target="type", drop=())
    assert data.load("glass", target=None, categories=(), drop=[]).name == "glass"

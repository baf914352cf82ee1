"""Tables of your own are read as what they say, or refused with the column and what to do."""

import numpy as np
import pandas as pd
import pytest

from lib import data
from lib.data.catalogue import DATA_SETS


def write_csv(path, **columns):
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_your_own_table(tmp_path):
    path = write_csv(tmp_path / "mine.csv", a=[1, 2, 3], b=[0.5, 1, 2], label=["no", "yes", "no"])
    table = data.load(str(path))
    assert table.name == "mine.csv"
    assert table.features == ("a", "b")
    assert table.classes == ("no", "yes")
    assert table.y.tolist() == [0, 1, 0]
    assert table.y.dtype == np.int64
    values = data.from_csv(write_csv(tmp_path / "value.csv", a=[1, 2], v=[0.5, 2]), "regression")
    assert values.y.tolist() == [[0.5], [2]]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1, np.nan, np.inf], "label": [0, 1, 0]}, "column 'a' is NaN or infinite in 2 of 3 rows"),
        ({"a": ["x", "y", "z"], "label": [0, 1, 0]}, "features must be numbers, got text in column a"),
        ({"a": [1, 2, 3], "label": ["u", None, "u"]}, "column 'label' lacks its value in 1 of 3 rows"),
        ({"a": [1, 2, 3], "label": [0, None, 1]}, "column 'label' lacks its value in 1 of 3 rows"),
        ({"a": [1, 2, 3], "label": [0, "NA", 1]}, "column 'label' lacks its value in 1 of 3 rows"),
        ({"a": [1, 2, 3], "label": ["u", " ", "v"]}, "column 'label' lacks its value in 1 of 3 rows"),
        ({"label": [1, 2]}, "it has 1 columns"),
        ({"a": [], "label": []}, "is an empty table"),
        ({"a": [1e300, 2, 3], "label": [0, 1, 0]}, "column 'a' holds numbers as large as 1e\\+300"),
        ({"": range(3), "a": [1, 2, 3], "label": [0, 1, 0]}, "column 1 has no name.*index=False"),
        ({"": [7, 1, 3], "a": [1, 2, 3], "label": [0, 1, 0]}, "column 1 has no name"),
        ({"Unnamed: 0": [7, 1, 3], "a": [1, 2, 3], "label": [0, 1, 0]}, "column 1 has no name"),
        ({"a": [1, 2, 3], "": [0, 1, 0]}, "column 2 has no name"),
        ({"id": range(12), "a": [0, 1] * 6, "label": [0, 1] * 6}, "column 'id' numbers the rows"),
        ({"id": range(1, 13), "a": [0, 1] * 6, "label": [0, 1] * 6}, "column 'id' numbers the rows"),
        ({"a": [1, 2, 3], "price": [0.5, 1.5, 2.25]}, 'values rather than classes.*task="regression"'),
        ({"a": [0, 1] * 6, "dose": [0.5, 1] * 6}, "column .dose. holds 2 different numbers in 12 rows, values"),
        ({"a": [0, 1] * 6, "price": range(300, 312)}, 'values rather than classes.*task="regression"'),
        ({"a": [1, 2], "label": ["u", "u"]}, "column 'label' must hold at least two classes"),
    ],
)
def test_a_bad_table_is_refused_with_the_column(columns, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        data.from_csv(write_csv(tmp_path / "bad.csv", **columns))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "bad.csv is not a table .*UTF-8 text, a header row, then rows of as many values"),
        (b"a,b,class\n1,2,u\n1,2,3,v\n", "bad.csv is not a table .*line 3"),
        (b"a,class\n1,2,u\n1,3,v\n", "bad.csv is not a table .*header"),
        ("a,class\n1,très\n2,non\n".encode("latin-1"), "bad.csv is not a table .*utf-8"),
        (b"1,2,3\n4,5,6\n7,8,9\n", "bad.csv has no header: its first row must name the columns, .* got 1, 2"),
        (b"0.1,0.2,yes\n0.3,0.4,no\n", "bad.csv has no header: .* got 0.1, 0.2"),
        (b"0.1,,0\n0.3,0.4,1\n", "bad.csv has no header: .* got 0.1"),
        (b",0.1,0\n0.3,0.4,1\n", "bad.csv has no header: .* got 0.1"),
        (b"height,0.1,yes\n0.3,0.4,no\n", "bad.csv has no header: .* got 0.1"),
        (b"NA,NaN,yes\n0.3,0.4,no\n", "bad.csv has no header: .* got NA, NaN"),
        (b"True,False,yes\nFalse,True,no\n", "bad.csv has no header: .* got True, False"),
        (b"0.5,0.5,yes\n0.3,0.4,no\n", "bad.csv has no header: .* got 0.5, 0.5"),
        (b"a,a,class\n1,2,u\n3,4,v\n", "columns must have different names, got a more than once"),
        (b"a,b,class\n1,2\n3,4,v\n", "bad.csv: column 'class' lacks its value in 1 of 2 rows"),
        (b"a;b|c\n1;2|u\n", "bad.csv may be separated by semicolons or vertical bars: keep one"),
        (b"a b class\n1 2 u\n", "bad.csv seems to be separated by spaces"),
    ],
)
def test_a_file_that_is_no_table_is_named(content, message, tmp_path):
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        data.from_csv(tmp_path / "bad.csv")


def test_values_for_regression_must_be_numbers(tmp_path):
    path = write_csv(tmp_path / "words.csv", a=[1, 2], v=["low", "high"])
    with pytest.raises(ValueError, match="column 'v' must be numbers for regression, got 'low'"):
        data.from_csv(path, "regression")


def test_a_missing_own_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no data file at .*nowhere.csv"):
        data.load(str(tmp_path / "nowhere.csv"))


def test_an_own_file_is_never_taken_for_a_named_set(tmp_path):
    for name in ("glass.csv", "glass", "glass.txt"):
        assert data.from_csv(write_csv(tmp_path / name, a=[1, 2, 4], label=["u", "v", "u"])).name == "glass.csv"
    assert not [name for name in DATA_SETS if name.endswith(".csv")]


def test_a_class_called_na_is_one_like_another(tmp_path):
    path = write_csv(tmp_path / "mine.csv", a=[1, 2, 4, 5], label=["NA", "EU", "None", "NA"])
    table = data.from_csv(path)
    assert table.classes == ("EU", "NA", "None")
    assert table.y.tolist() == [1, 0, 2, 1]


def test_classes_that_are_numbers_are_sorted_as_such(tmp_path):
    table = data.from_csv(write_csv(tmp_path / "mine.csv", a=[1, 2, 4, 7, 8, 9], label=[10, 9, 100, 9, 10, 9]))
    assert table.classes == ("9", "10", "100")
    assert table.y.tolist() == [1, 0, 2, 0, 1, 0]


def test_numbers_are_read_to_the_last_digit_and_spaces_do_not_count(tmp_path):
    (tmp_path / "mine.csv").write_bytes(
        b"\xef\xbb\xbfa, b ,class\r\n0.1, 0.30000000000000004,u \r\n1e-3,-2, v\r\n3,4,u\r\n"
    )
    table = data.from_csv(tmp_path / "mine.csv")
    assert table.features == ("a", "b")
    assert table.x.tolist() == [[0.1, 0.1 + 0.2], [1e-3, -2], [3, 4]]
    assert table.classes == ("u", "v")


def test_gaps_are_named_however_they_are_written(tmp_path):
    for gap in ("", "NA", "nan", "?", "null"):
        (tmp_path / "mine.csv").write_text(f"a,b,class\n1,2,u\n{gap},4,v\n")
        with pytest.raises(ValueError, match=r"mine.csv: column 'a' is NaN or infinite in 1 of 2 rows"):
            data.from_csv(tmp_path / "mine.csv")


def test_regression_is_asked_for_by_name(tmp_path):
    path = write_csv(tmp_path / "value.csv", a=[1, 2, 4], v=[0.5, 2, 3])
    assert data.load(str(path), task="regression").y.tolist() == [[0.5], [2], [3]]
    with pytest.raises(ValueError, match="task must be classification or regression, got 'ranking'"):
        data.load(str(path), task="ranking")
    path = write_csv(tmp_path / "gap.csv", a=[1, 2, 4], v=[0.5, None, 3])
    with pytest.raises(ValueError, match="column 'v' lacks its value in 1 of 3 rows"):
        data.from_csv(path, "regression")


COUNTS = {
    "from 1000": range(1000, 1012),
    "down": range(12, 0, -1),
    "by ten": range(0, 120, 10),
    "in another order": [3, 1, 2, 0, *range(4, 12)],
    "halves": [i / 2 for i in range(12)],
    "tenths": [0.1 * i for i in range(12)],
    "a gap": [*range(7), *range(8, 20)],
    "the last apart": [*range(1000, 1011), 5000],
    "one twice": [*range(12), 11],
    "again from half of the rows": [*range(12), *range(12)],
    "by two, a gap": [*range(0, 20, 2), *range(24, 44, 2)],
}
FEATURES = {
    "eight of ten": [7, *range(1001, 1011), 7],
    "ages in order": [20, 21, 22, 22, 23, 24, 25, 25, 26, 27, 29, 30],
    "hours of three days": [*range(24)] * 3,
    "a season's": [4] * 11 + [5],
    "fractions in order": [*(i / 4 for i in range(11)), 5],
}


def counted(path, values):
    rows = range(len(values))
    return write_csv(path, a=[i % 3 % 2 for i in rows], id=list(values), label=["uv"[i % 2] for i in rows])


@pytest.mark.parametrize("kind", COUNTS)
def test_a_counter_is_one_in_any_order_and_steps_and_with_a_gap(kind, tmp_path):
    with pytest.raises(ValueError, match=r"column 'id' numbers the rows, .* drop \((its values lie|it goes on by) "):
        data.from_csv(counted(tmp_path / "bad.csv", COUNTS[kind]))


def test_a_column_in_equal_steps_is_a_feature_where_one_says_so(tmp_path):
    path = counted(tmp_path / "mine.csv", COUNTS["by two, a gap"])
    table = data.from_csv(path, keep=["id"])
    assert table.features == ("a", "id")
    assert table.x[:, 1].tolist() == COUNTS["by two, a gap"]
    with pytest.raises(ValueError, match=r"keep must be of .*columns, a, id, label, got 'b'"):
        data.from_csv(path, keep=["b"])
    with pytest.raises(ValueError, match="target, category, dropped or kept, got 'id' more than once"):
        data.from_csv(path, keep=["id"], drop=["id"])


@pytest.mark.parametrize("kind", FEATURES)
def test_whole_numbers_in_order_are_features(kind, tmp_path):
    assert data.from_csv(counted(tmp_path / "mine.csv", FEATURES[kind])).features == ("a", "id")


def test_features_that_never_change_are_refused(tmp_path):
    with pytest.raises(ValueError, match="a feature must differ between rows, got none among a, b"):
        data.from_csv(write_csv(tmp_path / "bad.csv", a=[1, 1, 1], b=[2, 2, 2], label=["u", "v", "u"]))
    path = write_csv(tmp_path / "mine.csv", a=[1, 1, 1], b=[2, 3, 2], label=["u", "v", "u"])
    assert data.from_csv(path).features == ("a", "b")


def test_classes_are_kept_apart(tmp_path):
    """Of two numbers that double precision takes for one, and of a word that ends in nothing that is seen."""
    with pytest.raises(ValueError, match="column 'label' holds numbers of more digits than are kept apart"):
        data.from_csv(write_csv(tmp_path / "bad.csv", a=[1, 2, 4], label=[2**53, 2**53 + 1, 2**53]))
    (tmp_path / "mine.csv").write_bytes(b"a,label\n1,a\0\n2,a\n4,a\n")
    assert data.from_csv(tmp_path / "mine.csv").y.tolist() == [1, 0, 0]


@pytest.mark.parametrize("first", [2**53, -(2**53), 2**63])
def test_features_are_kept_apart(first, tmp_path):
    """Whole numbers of more digits than double precision has; one less is exact, and with an exponent it is rounded."""
    columns = {"b": [1, 2, 4], "label": ["u", "v", "u"]}
    with pytest.raises(ValueError, match=r"column 'a' holds numbers of more digits than are kept apart: .* drop"):
        data.from_csv(write_csv(tmp_path / "bad.csv", a=[first, first + 1, 7], **columns))
    assert data.from_csv(write_csv(tmp_path / "mine.csv", a=[2**53 - 1, 7, 8], **columns)).x[0, 0] == 2**53 - 1
    assert data.from_csv(write_csv(tmp_path / "mine.csv", a=[1.5e20, 7, 8], **columns)).x[0, 0] == 1.5e20


def test_a_class_called_inf_is_one_like_another(tmp_path):
    assert data.from_csv(write_csv(tmp_path / "mine.csv", a=[1, 2, 4], label=["inf", "1", "1"])).classes == ("1", "inf")


@pytest.mark.parametrize("text", ["-", ".", "37%", "0x1A", "<5"])
def test_what_is_no_word_is_advised_as_a_number(text, tmp_path):
    for cell, first in ((text, "if numbers: write them plainly"), ("red", "if words: name them in categories")):
        with pytest.raises(ValueError, match=rf"got text in column a \('{cell}'\), {first}"):
            data.from_csv(write_csv(tmp_path / "bad.csv", a=[1, cell, 4], label=["u", "v", "u"]))

"""Named tables: known sizes, files that are what the catalogue says, clear errors."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lib import data
from lib.data.catalogue import DATA_SETS

SIZES = {"glass": (214, 9, 6), "vehicle": (846, 18, 4), "segment": (2310, 19, 7), "diabetes": (442, 10, 1)}


@pytest.mark.parametrize("name", SIZES)
def test_shipped_tables_have_the_sizes_known_for_them(name):
    table = data.load(name)
    assert (*table.x.shape, table.C) == SIZES[name]
    assert len(table.features) == table.x.shape[1]
    assert table.source
    assert table.x.dtype == np.float64
    assert np.isfinite(table.x).all()
    if name == "glass":
        assert np.bincount(table.y).tolist() == [70, 76, 17, 13, 9, 29]
        assert table.classes == tuple("123567")
    if name == "diabetes":
        assert table.task == "regression"
        assert table.y.dtype == np.float64
        assert table.y.shape == (442, 1)


def test_an_unknown_name_lists_the_names():
    with pytest.raises(ValueError, match=r"glass.*vehicle.*segment.*got 'iris'"):
        data.load("iris")


@pytest.mark.parametrize("name", [name for name, entry in DATA_SETS.items() if entry.shipped])
def test_a_missing_file_says_where_it_looked_what_it_wanted_and_how_to_get_it(name, tmp_path):
    with pytest.raises(ValueError, match=r"no data file.*git checkout") as error:
        data.load(name, tmp_path)
    assert str(tmp_path / f"{name}.csv") in str(error.value)
    assert DATA_SETS[name].sha256[:12] in str(error.value)


def openml(monkeypatch, answer):
    """OpenML as scikit-learn would find it: answer(data_id=..., ...)."""
    monkeypatch.setattr("sklearn.datasets.fetch_openml", answer)


@pytest.mark.parametrize("name", [name for name, entry in DATA_SETS.items() if entry.openml])
def test_a_table_that_cannot_be_fetched_says_where_it_looked_and_how_to_get_it(name, tmp_path, monkeypatch):
    def unreachable(**_):
        raise OSError("no network")

    openml(monkeypatch, unreachable)
    with pytest.raises(ValueError, match=r"no data file.*OpenML.*no network.*set DATA_DIR") as error:
        data.load(name, tmp_path)
    assert str(tmp_path / DATA_SETS[name].file) in str(error.value)


def test_a_fetched_table_is_pinned_by_its_number_and_its_sum(tmp_path, monkeypatch):
    number, total = DATA_SETS["wine-quality-red"].openml
    asked, x = [], np.full((6, 11), total / 66)

    def answer(data_id, data_home, **_):
        asked.append((data_id, data_home))
        return SimpleNamespace(data=pd.DataFrame(x), target=pd.Series(list("345678")))

    openml(monkeypatch, answer)
    assert data.load("wine-quality-red", tmp_path).x.shape == (6, 11)
    assert asked == [(number, str(tmp_path))]
    x *= 1.001
    with pytest.raises(ValueError, match=r"wine-quality-red: the features of OpenML's data set 40691 should sum to"):
        data.load("wine-quality-red", tmp_path)


def table(x=((1.0, 2.0), (3.0, 4.0)), y=(0, 1), task="classification", features="ab", classes="uv"):
    return data.Table("mine", np.array(x), np.array(y), task, tuple(features), tuple(classes), "")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"y": (0, 2)}, r"mine: y must be labels 0 to 1 of 2 classes \(N,\), got \[0, 2\]"),
        ({"y": (-1, 1)}, r"mine: y must be labels 0 to 1 .* got \[-1, 1\]"),
        ({"y": (0.0, 1.0)}, "mine: y must be labels"),
        ({"y": ((0,), (1,))}, "mine: y must be labels"),
        ({"x": ((1.0, np.nan), (3.0, np.inf))}, "mine: column 'b' is NaN or infinite in 2 of 2 rows"),
        ({"x": ((1.0, 2e300), (3.0, 1e300))}, r"mine: column 'b' holds numbers as large as 2e\+300.*another unit"),
        ({"x": ((1.0, 2e-300), (3.0, 0.0))}, r"mine: column 'b' holds numbers as large as 2e-300.*another unit"),
        ({"x": (("1", "2"), ("3", "4"))}, "mine: columns must be numbers"),
        ({"x": (1.0, 2.0)}, r"mine: x must have a row .*\(2, 2\), got \(2,\)"),
        ({"y": (0, 1, 1)}, r"mine: x must have a row .*\(3, 2\), got \(2, 2\)"),
        ({"features": "abc"}, r"mine: x must have a row .*\(2, 3\), got \(2, 2\)"),
        ({"task": "ranking"}, "task must be classification or regression, got 'ranking'"),
        ({"task": "regression", "y": (0.5, 1.5)}, r"mine: y must be values \(2, 2\) for regression, got \(2,\)"),
        ({"task": "regression", "y": ((0.5, 1), (1, np.nan))}, "mine: column 'v' is NaN or infinite in 1 of 2 rows"),
    ],
)
def test_a_table_made_by_hand_is_checked(wrong, message):
    assert table().C == 2
    with pytest.raises(ValueError, match=message):
        table(**wrong)


def test_an_own_file_is_never_called_as_a_named_set(tmp_path):
    path = tmp_path / "glass.csv"
    path.write_text("a,class\n" + "1,x\n2,y\n" * 10)
    assert data.load(path).name == "glass.csv"
    for name in (path, "glass"):
        with pytest.raises(ValueError, match=r"images is for CIFAR-10, got 5 for .*glass"):
            data.load(name, images=5)


def test_a_named_set_has_its_own_task():
    with pytest.raises(ValueError, match="task of diabetes is regression, got 'classification'"):
        data.load("diabetes", task="classification")
    assert data.load("diabetes", task="regression").task == "regression"


def test_collins_without_what_gives_its_class_away(tmp_path):
    """Four columns are no features, and where they are all wanted, the identifier is its place in the alphabet."""
    entry, rows = DATA_SETS["collins"], 4
    frame = pd.DataFrame({"Text": list("bcab"), "Genre": 1, "Counter": range(rows), "Corpus": 2})
    frame["honest"] = (entry.openml[1] - frame.select_dtypes("number").to_numpy().sum()) / rows
    frame["class"] = list("NPNP")

    def answer(**_):
        return SimpleNamespace(data=frame.drop(columns="class"), target=frame["class"])

    with pytest.MonkeyPatch.context() as patch:
        openml(patch, answer)
        honest, every = data.load("collins", tmp_path), data.load("collins-23", tmp_path)
    assert honest.features == ("honest",)
    assert every.features == ("Text", "Genre", "Counter", "Corpus", "honest")
    assert every.x[:, 0].tolist() == [2, 3, 1, 2]
    assert every.classes == ("N", "P")


def test_a_table_holds_double_precision_whatever_it_was_made_of():
    for x, y in (([[0, 1], [2, 3.5]], [0, 1]), (np.zeros((2, 2), np.float32), np.zeros(2, np.int32))):
        made = table(x=x, y=y)
        assert (made.x.dtype, made.y.dtype) == (np.float64, np.int64)

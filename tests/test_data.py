"""Data: known sizes, splits that partition and stratify, standardising by training rows alone, clear errors."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import data

SIZES = {"glass": (214, 9, 6), "vehicle": (846, 18, 4), "segment": (2310, 19, 7), "diabetes": (442, 10, 1)}


def toy(y, x=None, task="classification"):
    x = np.random.default_rng(0).normal(3, 2, (len(y), 2)) if x is None else x
    return data.Table("toy", x, y, task, ("a", "b"), tuple("uvwxyz"[: int(y.max()) + 1] if y.ndim == 1 else "v"), "")


def write_csv(path, **columns):
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


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
        assert table.classes == (
            "1",
            "2",
            "3",
            "5",
            "6",
            "7",
        )
    if name == "diabetes":
        assert table.task == "regression"
        assert table.y.dtype == np.float64
        assert table.y.shape == (442, 1)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(10, 60), min_size=2, max_size=6), st.integers(0, 1000))
def test_split_partitions_the_rows_and_gives_every_class_its_share(counts, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    parts = data.split(y, seed)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
    assert [len(p) for p in parts[:2]] == [round(0.7 * len(y)), round(0.1 * len(y))]
    for rows, share in zip(parts, data.FRACTIONS):
        assert np.all(np.abs(np.bincount(y[rows], minlength=len(counts)) - share * np.array(counts)) < 2.001)


def test_split_is_a_function_of_its_seed_and_sizes_do_not_depend_on_it():
    y = data.load("vehicle").y
    assert all(np.array_equal(a, b) for a, b in zip(data.split(y, 3), data.split(y, 3)))
    assert not np.array_equal(data.split(y, 3)[0], data.split(y, 4)[0])
    assert {tuple(map(len, data.split(y, s))) for s in range(10)} == {(592, 85, 169)}


def test_every_row_is_as_likely_to_be_tested_as_any_other():
    y = np.repeat([0, 1, 2], [7, 20, 33])
    tested = np.zeros(60)
    for seed in range(2000):
        tested[data.split(y, seed)[2]] += 1
    assert np.all(np.abs(tested / 2000 - 0.2) < 0.05)  # more than five standard errors


def test_regression_split_is_a_partition_too():
    parts = data.split(np.zeros((101, 2)), 5)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(101))


def test_folds_standardise_by_their_own_training_rows():
    table = data.load("segment")
    folds = data.folds(table, (4, 9), torch.float64)
    constant = table.features.index("region-pixel-count")
    varying = [i for i in range(19) if i != constant]
    assert folds.split.tolist() == [4, 9]
    assert folds.x_train.shape == (2, 1617, 19)
    assert torch.allclose(folds.x_train.mean(1), torch.zeros(2, 19, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(folds.x_train[..., varying].std(1, correction=0), torch.ones(2, 18, dtype=torch.float64))
    for x in (folds.x_train, folds.x_val, folds.x_test):
        assert torch.all(x[..., constant] == 0)
    assert folds.x_test.mean(1)[..., varying].abs().max() > 1e-3  # the test rows had no say


def test_a_feature_constant_in_training_is_zero_everywhere():
    y = np.repeat([0, 1], 20)
    x = np.random.default_rng(0).normal(size=(40, 2))
    x[:, 1] = 0.1  # its mean in floating point is not quite 0.1
    x[data.split(y, 0)[2], 1] = 5.0
    folds = data.folds(toy(y, x), [0])
    for part in (folds.x_train, folds.x_val, folds.x_test):
        assert torch.all(part[..., 1] == 0)
        assert part[..., 0].abs().max() > 0


def test_folds_lead_back_to_the_table():
    table = data.load("glass")
    folds = data.folds(table, range(3), torch.float64)
    for part in ("train", "val", "test"):
        x, y, index = (getattr(folds, f"{kind}_{part}") for kind in ("x", "y", "index"))
        assert np.allclose(x * folds.x_std + folds.x_mean, table.x[index])
        assert np.array_equal(y, table.y[index])
        for s in range(3):
            assert np.array_equal(index[s], data.split(table.y, s)[("train", "val", "test").index(part)])


def test_features_that_share_a_scale_may_stay_as_they_are():
    table = data.load("vehicle")
    folds = data.folds(table, [0], torch.float64, standardise=False)
    for part in ("train", "val", "test"):
        assert np.array_equal(getattr(folds, f"x_{part}")[0], table.x[getattr(folds, f"index_{part}")[0]])
    assert folds.x_mean.eq(0).all()
    assert folds.x_std.eq(1).all()


def test_rows_may_have_any_shape_of_as_many_numbers():
    flat = data.folds(data.load("vehicle"), [0, 1])
    shaped = flat.shaped(2, 3, 3)
    for part in ("x_train", "x_val", "x_test"):
        assert getattr(shaped, part).shape[2:] == (2, 3, 3)
        assert torch.equal(getattr(shaped, part).flatten(2), getattr(flat, part))
    raw = shaped.x_test * shaped.x_std + shaped.x_mean
    assert torch.equal(raw.flatten(2), flat.x_test * flat.x_std + flat.x_mean)
    with pytest.raises(RuntimeError, match="18"):
        flat.shaped(2, 8)


def test_regression_targets_are_standardised_and_can_be_undone():
    table = data.load("diabetes")
    folds = data.folds(table, range(2), torch.float64)
    assert folds.y_train.shape == (2, 309, 1)
    assert torch.allclose(folds.y_train.mean(1), folds.y_train.new_zeros(2, 1))
    assert np.allclose(folds.y_test * folds.y_std + folds.y_mean, table.y[folds.index_test])


def test_folds_are_float32_and_move_between_devices():
    folds = data.folds(data.load("glass"), [0])
    assert folds.x_val.dtype == torch.float32
    assert folds.y_val.dtype == torch.int64
    moved = folds.to("meta")
    assert moved.x_train.is_meta
    assert moved.index_test.is_meta
    assert moved.C == 6
    assert moved.y_mean is None


def test_an_unknown_name_lists_the_names():
    with pytest.raises(ValueError, match=r"glass.*vehicle.*segment.*got 'iris'"):
        data.load("iris")


@pytest.mark.parametrize("name", data.SHIPPED)
def test_a_missing_file_says_where_it_looked_what_it_wanted_and_how_to_get_it(name, tmp_path):
    with pytest.raises(ValueError, match=r"no data file.*git checkout") as error:
        data.load(name, tmp_path)
    assert str(tmp_path / f"{name}.csv") in str(error.value)
    assert data.SHIPPED[name][0][:12] in str(error.value)


def openml(monkeypatch, answer):
    """OpenML as scikit-learn would find it: answer(data_id=..., ...)."""
    monkeypatch.setattr("sklearn.datasets.fetch_openml", answer)


@pytest.mark.parametrize("name", [*data.FETCHED, data.WITH_ALL])
def test_a_table_that_cannot_be_fetched_says_where_it_looked_and_how_to_get_it(name, tmp_path, monkeypatch):
    def unreachable(**_):
        raise OSError("no network")

    openml(monkeypatch, unreachable)
    with pytest.raises(ValueError, match=r"no data file.*OpenML.*no network.*set DATA_DIR") as error:
        data.load(name, tmp_path)
    assert str(tmp_path / f"{name.removesuffix('-23')}.csv") in str(error.value)


def test_a_fetched_table_is_pinned_by_its_number_and_its_sum(tmp_path, monkeypatch):
    number, total = data.FETCHED["wine-quality-red"][2:]
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


def test_a_changed_file_is_refused(tmp_path):
    text = (data.TABLES / "glass.csv").read_text()
    (tmp_path / "glass.csv").write_text(text.replace("13.64", "13.65", 1))
    with pytest.raises(ValueError, match=r"damaged or another version.*git checkout"):
        data.load("glass", tmp_path)


def test_your_own_table(tmp_path):
    path = write_csv(tmp_path / "mine.csv", a=[1, 2, 3], b=[0.5, 1, 2], label=["no", "yes", "no"])
    table = data.load(str(path))
    assert table.name == "mine"
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
        ({"a": ["x", "y", "z"], "label": [0, 1, 0]}, "features must be numbers"),
        ({"a": [1, 2, 3], "label": ["u", None, "u"]}, "column 'label' lacks its value in 1 rows"),
        ({"label": [1, 2]}, "empty table"),
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
        (b"1,2,3\n4,5,6\n7,8,9\n", "bad.csv has no header: its first row must name the columns, got 1, 2, 3"),
        (b"a,b,class\n1,2\n3,4,v\n", "column 'class' lacks its value in 1 rows of .*bad.csv"),
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


def test_a_class_absent_from_training_is_named():
    y = np.repeat([0, 1], [99, 1])
    seeds = [s for s in range(30) if np.random.default_rng(s) and not _trains_on(y, s)]
    assert seeds  # a single row lands in validation or test in about 3 of 10 splits
    with pytest.raises(ValueError, match="no training row of class v in split"):
        data.folds(toy(y), seeds[:1])


def _trains_on(y, seed):
    try:
        return bool(len(data.split(y, seed)))
    except ValueError:
        return False


@pytest.mark.parametrize("fractions", [(0.5, 0.2), (0.8, 0.1, 0.2), (1.0, 0.0, 0.0), (0.9, -0.1, 0.2)])
def test_bad_fractions_are_refused(fractions):
    with pytest.raises(ValueError, match="fractions must be three positive numbers"):
        data.split(np.zeros(20, int), 0, fractions)


def test_too_few_rows_and_no_split_are_refused():
    with pytest.raises(ValueError, match="3 rows are too few"):
        data.split(np.zeros(3, int), 0)
    with pytest.raises(ValueError, match="splits must name at least one"):
        data.folds(data.load("glass"), [])


# --- CIFAR-10 --------------------------------------------------------------------------------------------------------


@pytest.fixture
def cifar(monkeypatch):
    """CIFAR-10 without its files: counted calls of the slow network, random images."""
    calls = []
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    monkeypatch.setattr(data, "cifar10_images", lambda *_: (images, np.arange(6), "toy copy"))
    monkeypatch.setattr(data, "_features", lambda x, b: calls.append(b) or x.reshape(6, -1)[:, :5].astype(np.float32))
    return calls


def test_features_are_computed_once_and_a_damaged_cache_is_made_again(cifar, tmp_path):
    first = data.cifar10("resnet18", n=6, cache=tmp_path)
    again = data.cifar10("resnet18", n=6, cache=tmp_path)
    assert cifar == ["resnet18"]
    assert np.array_equal(first.x, again.x)
    assert np.array_equal(first.images, again.images)
    assert "resnet18" in again.source
    assert "toy copy" in again.source
    assert again.classes[5] == "dog"
    (file,) = tmp_path.iterdir()  # and no half-written one beside it
    file.write_bytes(file.read_bytes()[:-200])
    assert np.array_equal(data.cifar10("resnet18", n=6, cache=tmp_path).x, first.x)
    assert len(cifar) == 2


def test_each_backbone_and_seed_has_its_own_cache(cifar, tmp_path):
    data.cifar10("resnet18", n=6, cache=tmp_path)
    data.cifar10("efficientnet-lite0", n=6, cache=tmp_path)
    data.cifar10("resnet18", n=6, seed=1, cache=tmp_path)
    assert len(cifar) == 3


def test_images_at_hand_are_those_of_the_cache_or_the_files_and_nothing_is_fetched(cifar, tmp_path):
    images = data.cifar10("resnet18", n=1000, cache=tmp_path / "cache").images
    assert data.cifar10_at_hand("resnet18", tmp_path, tmp_path) is None
    assert np.array_equal(data.cifar10_at_hand("resnet18", tmp_path, tmp_path / "cache"), images)
    (tmp_path / "cifar10-jpeg-train.zip").touch()
    assert np.array_equal(data.cifar10_at_hand("resnet18", tmp_path, tmp_path), images)


def test_labels_of_the_chosen_images_need_no_file():
    chosen, y = data.cifar10_chosen(seed=0, n=1000)
    assert len(set(chosen.tolist())) == 1000
    assert np.array_equal(y, chosen // 5_000)
    assert np.array_equal(np.unique(y), np.arange(10))


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match="backbone must be one of resnet18, efficientnet-lite0, got 'vgg'"):
        data.cifar10("vgg")


def test_a_changed_archive_of_images_is_refused(tmp_path):
    (tmp_path / "cifar10-jpeg-train.zip").write_bytes(b"not it")
    with pytest.raises(ValueError, match=r"cifar10-jpeg-train.zip is damaged.*delete it"):
        data.cifar10_images(tmp_path)


@pytest.mark.skipif(not (data._data_dir(None) / "cifar10-jpeg-train.zip").exists(), reason="DATA_DIR has no CIFAR-10")
def test_images_of_the_jpeg_copy_match_their_labels():
    images, y, source = data.cifar10_images(n=20)
    assert images.shape == (20, 32, 32, 3)
    assert images.dtype == np.uint8
    assert source == "JPEG copy"
    assert np.array_equal(y, np.sort(y))
    assert y.max() <= 9
    assert np.array_equal(images, data.cifar10_images(n=20)[0])
    assert not np.array_equal(images, data.cifar10_images(n=20, seed=1)[0])


def test_new_rows_equal_no_training_row():
    x = np.random.default_rng(0).integers(0, 2, (60, 3)).astype(float)
    table = data.Table("t", x, np.arange(60) % 2, "classification", ("a", "b", "c"), ("0", "1"), "")
    folds = data.folds(table, [0, 1])
    found = data.new_rows(folds)
    for s in range(2):
        train = {tuple(row) for row in x[folds.index_train[s]]}
        assert found[s].tolist() == [tuple(row) not in train for row in x[folds.index_test[s]]]

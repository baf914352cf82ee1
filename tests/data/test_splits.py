"""Splits partition and stratify, standardise by training rows alone, and refuse what is no split."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import data
from lib.data import splits


def toy(y, x=None, task="classification"):
    x = np.random.default_rng(0).normal(3, 2, (len(y), 2)) if x is None else x
    return data.Table("toy", x, y, task, ("a", "b"), tuple("uvwxyz"[: int(y.max()) + 1] if y.ndim == 1 else "v"), "")


@settings(max_examples=50)
@given(st.lists(st.integers(10, 60), min_size=2, max_size=6), st.integers(0, 1000))
def test_split_partitions_the_rows_and_gives_every_class_its_share(counts, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    parts = data.split(y, seed)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
    assert [len(p) for p in parts[:2]] == [round(0.7 * len(y)), round(0.1 * len(y))]
    for rows, share in zip(parts, splits.FRACTIONS):
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


@pytest.mark.parametrize(
    "fractions",
    [(0.5, 0.2), (0.8, 0.1, 0.2), (1.0, 0.0, 0.0), (0.9, -0.1, 0.2), "abc", None, 0.7, ("0.7", 0.1, 0.2), (True, 0, 0)],
)
def test_bad_fractions_are_refused(fractions):
    with pytest.raises(ValueError, match="fractions must be three positive numbers"):
        data.split(np.zeros(20, int), 0, fractions=fractions)


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="3 rows are too few"):
        data.split(np.zeros(3, int), 0)


@pytest.mark.parametrize("bad", [[], [-1], [0.5], ["a"], [2**70], [True], [None], [0, 0], "[0]", 3, 0.5, None])
def test_what_is_no_split_is_refused_before_any_work(bad):
    with pytest.raises(
        ValueError, match=r"splits must be different whole numbers from 0 to 1,000,000,000, at least one"
    ):
        data.folds(data.load("glass"), bad)
    if isinstance(bad, list) and len(bad) == 1:
        with pytest.raises(ValueError, match="splits must be"):
            data.split(np.zeros(20, int), *bad)


def test_splits_may_be_numbers_of_any_kind_and_of_any_iterable():
    table = data.load("glass")
    for some in (range(2), np.arange(2), torch.arange(2).tolist(), (i for i in (0, 1))):
        assert data.folds(table, some).split.tolist() == [0, 1]
    assert data.folds(table, [splits.LAST]).split.tolist() == [splits.LAST]


def test_many_absent_classes_are_counted_not_listed():
    y = np.arange(40)
    with pytest.raises(ValueError, match=r"no training row of class \d+(, \d+){4} and \d+ more in split 0"):
        data.split(y, 0)


def test_rounding_noise_is_constant_and_small_differences_are_not():
    y = np.repeat([0, 1], 20)
    noise = np.where(np.arange(40) % 2, 0.3, 0.1 + 0.2)
    small = 1e9 + np.arange(40) % 2 * 0.01
    folds = data.folds(toy(y, np.stack([noise, small], 1)), [0, 1], torch.float64)
    for part in ("x_train", "x_val", "x_test"):
        assert torch.all(getattr(folds, part)[..., 0] == 0)
    assert torch.allclose(folds.x_train[..., 1].std(1, correction=0), torch.ones(2, dtype=torch.float64), atol=1e-4)


def test_a_constant_column_leads_back_to_itself():
    table = data.load("segment")
    folds = data.folds(table, [0], torch.float64)
    assert np.allclose(folds.x_test * folds.x_std + folds.x_mean, table.x[folds.index_test])
    assert folds.x_std.isfinite().all()


def test_a_constant_target_is_zero_and_leads_back():
    y = np.full((40, 1), 7.0)
    folds = data.folds(toy(y, task="regression"), [0], torch.float64)
    assert torch.all(folds.y_train == 0)
    assert torch.all(folds.y_test * folds.y_std + folds.y_mean == 7)


def test_labels_become_int64_whatever_their_width():
    y = np.repeat([0, 1], 20).astype(np.int16)
    assert data.folds(toy(y), [0]).y_train.dtype == torch.int64


def test_new_rows_equal_no_training_row():
    x = np.random.default_rng(0).integers(0, 3, (60, 3)).astype(float)  # many rows differ in one feature alone
    table = data.Table("t", x, np.arange(60) % 2, "classification", ("a", "b", "c"), ("0", "1"), "")
    folds = data.folds(table, [0, 1])
    found = data.new_rows(folds)
    for s in range(2):
        train = {tuple(row) for row in x[folds.index_train[s]]}
        assert 0 < found[s].sum() < len(found[s])
        assert found[s].tolist() == [tuple(row) not in train for row in x[folds.index_test[s]]]


def test_a_row_that_comes_later_is_seen_as_the_split_sees_its_own():
    table = data.load("glass")
    folds = data.folds(table, [3, 5])
    for fold in range(2):
        seen = folds.seen(table.x[folds.index_test[fold]], fold)
        torch.testing.assert_close(seen, folds.x_test[fold])
        assert seen.dtype == folds.x_test.dtype


def test_a_feature_that_was_constant_in_training_says_nothing_later():
    x = np.c_[np.full(40, 3.0), np.arange(40.0)]
    table = data.Table("t", x, np.arange(40) % 2, "classification", ("a", "b"), ("0", "1"), "")
    assert data.folds(table, [0]).seen([[4.0, 1.0]])[0, 0] == 0


def test_a_feature_that_is_zero_in_some_training_rows_is_no_constant():
    x = np.c_[np.arange(40.0) % 3, np.arange(40.0)]
    table = data.Table("t", x, np.arange(40) % 2, "classification", ("a", "b"), ("0", "1"), "")
    folds = data.folds(table, [0], standardise=False)
    assert (folds.x_train[0] == 0).any(0)[0]
    assert folds.seen([[2.0, 1.0]]).tolist() == [[2.0, 1.0]]
    standardised = data.folds(table, [0])
    standardised.x_train[0, 0] = 0  # a row at the mean
    assert (standardised.seen([[9.0, 99.0]]) > 0).all()


def test_a_feature_that_was_zero_in_training_still_counts_where_nothing_is_standardised():
    x = np.c_[np.zeros(40), np.arange(40.0)]
    table = data.Table("t", x, np.arange(40) % 2, "classification", ("a", "b"), ("0", "1"), "")
    assert data.folds(table, [0], standardise=False).seen([[2.0, 1.0]]).tolist() == [[2.0, 1.0]]
    assert data.folds(table, [0]).seen([[2.0, 1.0]])[0, 0] == 0


def test_rows_of_a_data_frame_are_seen():
    table = data.load("glass")
    folds, rows = data.folds(table, [0]), table.x[:3]
    assert torch.equal(folds.seen(pd.DataFrame(rows, columns=list(table.features))), folds.seen(rows))


@pytest.mark.parametrize("x", [[1.0] * 9, [[1.0] * 8], [[float("nan")] * 9], pd.DataFrame([["a"] * 9]), None, "ab"])
def test_rows_of_another_table_are_refused(x):
    with pytest.raises(ValueError, match=r"x must be finite numbers of shape \('B', 9\)"):
        data.folds(data.load("glass"), [0]).seen(x)


def test_a_split_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="fold must lie between 0 and 0, got 1"):
        data.folds(data.load("glass"), [0]).seen([[1.0] * 9], 1)


@pytest.mark.parametrize("table", ["glass", None])
def test_folds_are_of_a_table(table):
    with pytest.raises(ValueError, match=f"table must be a Table, as `load` gives, got {table!r}"):
        data.folds(table, [0])


@pytest.mark.parametrize("dtype", ["float32", torch.int64, float])
def test_folds_are_of_a_type_of_torch(dtype):
    with pytest.raises(
        ValueError, match=r"dtype must be a torch.dtype of floating point numbers, as torch.float32, got"
    ):
        data.folds(data.load("glass"), [0], dtype)

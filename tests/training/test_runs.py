"""The run axis: grids in order, values that coincide, axes that a method does not have."""

import math

import pytest

from lib import methods
from lib.training import Runs
from lib.training.runs import places

AXES = ("seed", "lr", "lam3", "lam", "eta")


def test_a_grid_is_every_combination_once_splits_fastest():
    runs = Runs.grid(2, eta=(0.0, 0.1), lam=(1.0, 2.0, 3.0), seed=(4, 5))
    cells = list(zip(*runs.axes().values()))
    assert len(runs) == len(set(cells)) == 24
    assert runs.fold[:4] == (0, 1, 0, 1)
    assert runs.eta[:4] == (0.0, 0.0, 0.1, 0.1)
    assert runs.lam[3:6] == (1.0, 2.0, 2.0)
    assert runs.seed[11:13] == (4, 5)
    assert runs.lr is None


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("values", [(), "0.1", 0.1, None])
def test_a_grid_needs_a_list_of_values_on_every_axis(axis, values):
    with pytest.raises(ValueError, match=f"{axis} must hold at least one value"):
        Runs.grid(2, **{axis: values})


@pytest.mark.parametrize("folds", [0, -1, 2.0, "2", True])
def test_folds_are_a_number_of_splits(folds):
    with pytest.raises(ValueError, match="folds must be a number of splits, at least 1, got"):
        Runs.grid(folds)


@pytest.mark.parametrize("values", [(0.01, 1e-2), (1, 1.0), (1, 2, 1)])
@pytest.mark.parametrize("axis", ["lr", "lam3", "lam1", "lam", "eta"])
def test_values_that_coincide_are_refused(axis, values):
    with pytest.raises(ValueError, match=f"{axis} must hold different values, got"):
        Runs.grid(2, **{axis: values})


@pytest.mark.parametrize("value", [-1e-9, math.nan, math.inf, "0.1", None, True])
@pytest.mark.parametrize("axis", ["lam3", "lam1", "lam", "eta"])
def test_values_are_finite_numbers_of_at_least_zero(axis, value):
    with pytest.raises(ValueError, match=f"{axis} must be a finite number of at least 0, got {value!r}"):
        Runs.grid(2, **{axis: (0.1, value)})


@pytest.mark.parametrize("value", [0, 0.0, -1e-9, math.nan, math.inf, "0.1", None, True])
def test_a_learning_rate_of_zero_trains_nothing(value):
    with pytest.raises(ValueError, match=f"lr must be a finite number above 0, got {value!r}"):
        Runs.grid(2, lr=(0.1, value))


@pytest.mark.parametrize("value", [-1, 0.5, "a", 2**70, None, True])
@pytest.mark.parametrize("axis", ["seed", "fold"])
def test_seeds_and_folds_are_whole_numbers(axis, value):
    with pytest.raises(ValueError, match=f"{axis} must be a whole number of at least 0, got"):
        Runs(**{"fold": (0,)} | {axis: (value,)})


def test_an_unknown_axis_is_named():
    with pytest.raises(ValueError, match="an axis must be one of seed, lr, lam3, lam1, lam, eta, got etas"):
        Runs.grid(2, etas=(0.1,))


def test_runs_need_as_many_values_on_every_axis_and_differ():
    for axes in ({"fold": (0, 1), "eta": (0.1,)}, {"fold": ()}, {"fold": (0,), "seed": ()}):
        with pytest.raises(ValueError, match="as many values on every axis, and at least one"):
            Runs(**axes)
    with pytest.raises(ValueError, match="runs must differ, got twice"):
        Runs(fold=(0, 1, 0), eta=(0.1, 0.1, 0.1))


@pytest.mark.parametrize("name", methods.METHODS)
@pytest.mark.parametrize("axis", AXES[1:])
def test_a_method_takes_its_own_axes_and_the_others_only_at_their_neutral_value(name, axis):
    """An axis of the other paper is refused whatever it holds (FE-6, ID-11)."""
    row = methods.named(name)
    runs, neutral = Runs.grid(2, **{axis: (0.3, 0.7)}), methods.NEUTRAL[row.paper]
    if axis in row.axes:
        assert getattr(runs.of(name), axis) == getattr(runs, axis)
        return
    with pytest.raises(ValueError, match=f"{name} has no axis {axis}: it"):
        runs.of(name)
    if axis in neutral:
        assert getattr(Runs.grid(2, **{axis: (neutral[axis],)}).of(name), axis) == (neutral[axis],) * 2


def test_axes_that_a_grid_does_not_name_are_neutral():
    assert Runs.grid(2).of("Ours") == Runs.grid(2, eta=(0.0,), lam=(1.0,))
    assert Runs.grid(2).of("ID-ExpO") == Runs.grid(2, lam=(0.0,), lam3=(0.0,), lr=(0.01,))


def test_some_of_the_runs():
    runs = Runs.grid(2, eta=(0.1, 0.2))
    assert runs.only(3, 0) == Runs(fold=(1, 0), eta=(0.2, 0.1))


def test_places_are_found_by_split_and_seed_together():
    earlier, later = Runs(fold=(0, 1, 0, 1), seed=(1, 0, 0, 1)), Runs(fold=(1, 0, 0), seed=(0, 1, 0))
    assert places("start", earlier, later) == [1, 0, 2]

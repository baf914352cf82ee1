"""What a training gave back, and whether another may start from it."""

from dataclasses import replace

import pytest

from tests.training.fe import SMALL, train


def test_nothing_starts_from_a_run_that_diverged():
    """Its parameters are those of before the first step, and the next training would look like any other."""
    start = train("Predictor", settings=replace(SMALL, lr=1e300, epochs=20))
    assert start.diverged[0]
    with pytest.raises(ValueError, match=r"start has diverged for the \(fold, seed\) pairs \[\(0, 0\)\]"):
        train("Pretrain", start=start)
    start.diverged[0] = 0
    train("Pretrain", start=start)


@pytest.mark.parametrize("run", [-1, 1, 0.0, "0", True])
def test_a_run_that_is_not_there_is_named(run):
    with pytest.raises(ValueError, match=f"run must lie between 0 and 0, got {run!r}"):
        train(settings=replace(SMALL, epochs=1)).run(run)


def test_a_run_kept_before_it_diverged_says_so():
    got = train(settings=replace(SMALL, epochs=2))
    got.diverged = [9]
    with pytest.warns(UserWarning, match=r"run 0 \(seed 0, .*\) of Ours has diverged, .* at epoch 9: its model is"):
        model = got.run()
    assert model.predict(got.folds.x_test[0]).isfinite().all()

"""FE after training: scores, and one run as a model that predicts and explains."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lib import examples
from lib.methods import FE as METHODS
from tests.training.fe import SMALL, toy, train


def test_scores_of_some_rows_alone():
    """A mask of rows leaves the others out of accuracy, faithfulness and ties."""
    got = train(settings=replace(SMALL, epochs=2))
    B = got.folds.x_test.shape[1]
    halves = torch.arange(B)[None] < B // 2
    whole, first, rest = (got.evaluate("test", rows=rows) for rows in (None, halves, ~halves))
    for all_rows, a, b in zip(whole, first, rest):
        assert torch.allclose(B * all_rows, (B // 2) * a + (B - B // 2) * b)


def test_a_diverged_model_is_never_faithful_or_right():
    got = train(settings=replace(SMALL, epochs=2))
    bank = got.bank | {"S": got.bank["S"] * torch.nan}
    _, agree, ties = got.evaluate("val", bank=bank)
    assert (agree == 0).all()
    assert (ties == 1).all()
    bank = got.bank | {"W": got.bank["W"] * torch.nan}
    right, agree, _ = got.evaluate("val", bank=bank)
    assert (right == 0).all()
    assert (agree == 0).all()


def test_rows_of_another_precision_are_converted():
    model = train(settings=replace(SMALL, epochs=1)).run()
    x = toy().x_test[0]
    assert torch.allclose(model.predict(x.float()), model.predict(x.float().double()))


# --- Scores and explanations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("reading", [{}, {"exact_mean": True, "rank": "gate", "sigma": 0.8}], ids=["printed", "other"])
def test_scores_are_those_of_each_row_explained_alone(method, reading):
    """Accuracy of what predicts, faithfulness of h with U entries, on test rows (FE-18, FE-19, FE-21, FE-22)."""
    folds, setting = toy(range(2)), replace(SMALL, **reading)
    got = train(method, folds, settings=setting)
    for r in range(2):
        x, y, model = folds.x_test[r], folds.y_test[r], got.run(r)
        for column, U in enumerate((2, got.influence[0].numel())):
            rows = [model.explain(x_b, U) for x_b in x]
            right = np.mean([e.g.argmax().item() == label for e, label in zip(rows, y.tolist())])
            agree = np.mean([e.faithful for e in rows])
            assert got.scores["test_accuracy"][r, column].item() == pytest.approx(right)
            assert got.scores["test_faithfulness"][r, column].item() == pytest.approx(agree)
        predicted = model.predict(x).softmax(-1)
        torch.testing.assert_close(predicted, torch.stack([e.g for e in rows]))
    S, mu = got.bank["S"], got.bank.get("mu")
    assert torch.equal(
        got.influence, examples.expected_influence(S, mu, exact_mean=setting.exact_mean, sigma=setting.sigma)
    )


@pytest.mark.parametrize("method", ["RPS", "RPSR"])
def test_rps_is_always_faithful(method):
    """Where h itself predicts, there is nothing else to be faithful to, for any U (FE-13, FE-14, FE-19)."""
    got = train(method, toy(range(2)), settings=replace(SMALL, U=(1, 2, 7, "all")))
    assert "W" not in got.bank
    assert torch.all(got.scores["test_faithfulness"] == 1)
    assert torch.all(got.scores["val_faithfulness"] == 1)


def test_one_run_alone_is_scored_on_its_own_split():
    got = train(folds=toy(range(2)), settings=replace(SMALL, epochs=2))
    for r in (0, 1):
        for name, alone in zip(("accuracy", "faithfulness", "ties"), got.evaluate("test", run=r)):
            assert torch.equal(alone[0], got.scores[f"test_{name}"][r])
    with pytest.raises(ValueError, match="run"):
        got.evaluate("test", run=2)

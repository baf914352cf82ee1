"""ID after training: scores and curves, and one run as a model that predicts and explains."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lib import explainers, metrics
from lib.explainers import LIME, KernelSHAP
from lib.training import Runs, expo_fitted, fit
from tests.training.fe import toy
from tests.training.id import BOTH, SMALL, TEN, pretrain, table, train

# --- Scores ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("explainer", [TEN, KernelSHAP(M=10)])
def test_scores_are_those_of_the_predicted_class_with_the_masks_of_the_split(explainer):
    """Explained by `Model.explain`, scored by hard masks up to S; history holds their valscore (ID-1, ID-2, ID-15)."""
    folds, setting = table(), replace(SMALL, explainer=explainer, epochs=1, eta=1.3)
    got = train(folds=folds, settings=setting)
    for r, fold in enumerate(got.runs.fold):
        model, found = got.run(r), {}
        for part in ("val", "test"):
            x, y = getattr(folds, f"x_{part}")[fold], getattr(folds, f"y_{part}")[fold]
            logits, phi = model.predict(x), model.explain(x, explainer)
            curves = metrics.curves(model.predictor, x, logits.argmax(-1), phi=phi, s=range(1, 6))
            found = {
                "accuracy": metrics.accuracy(logits, y),
                "insertion": curves.inserted[..., :2].mean(),  # round(0.5 x 5) = 2
                "deletion": curves.deleted[..., :2].mean(),
            }
            for name, value in found.items():
                assert got.scores[f"{part}_{name}"][r, 0].item() == pytest.approx(value.item())
            if part == "val":
                expected = metrics.valscore(*found.values(), eta=1.3).item()
                assert got.history["measure"][0, r, 0] == pytest.approx(expected)
        assert torch.allclose(got.curves["insertion"][r, 0], curves.inserted.mean(0))
        assert torch.allclose(got.curves["deletion"][r, 0], curves.deleted.mean(0))
        assert got.scores["test_contributions"][r, 0].item() == pytest.approx(phi.abs().mean().item())
        assert torch.allclose(got.curves["contributions"][r, 0], phi[: expo_fitted.SHOWN].flatten())
        Z = explainers.draw_masks(10, 5, torch.Generator().manual_seed(10**12 + int(folds.split[fold]))).double()
        masked = metrics.masked_accuracy(model.predictor, x, y, r=Z)
        assert got.scores["test_masked"][r, 0].item() == pytest.approx(masked.item())


@pytest.mark.parametrize(("Q", "n"), [(3, 2), (5, 4), (7, 4)])
def test_sensitivity_removes_four_features_where_there_are_more(Q, n):
    got = train(folds=toy((3,), D=Q), settings=replace(SMALL, epochs=1))
    x, own, model = got.folds.x_test[0], torch.Generator().manual_seed(2 * 10**12 + 3), got.run()
    phi, predicted = model.explain(x), model.predict(x).argmax(-1)
    removed = metrics.random_sets(Q, own, n=n, dtype=x.dtype)
    expected = metrics.sensitivity_n(model.predictor, x, predicted, phi=phi, removed=removed)
    assert got.scores["test_sensitivity"][0, 0].item() == pytest.approx(expected.mean().item())


def test_a_splits_masks_are_its_own_whatever_splits_are_beside_it():
    both, alone = table((0, 1)), table((1,))
    x = both.x_test[1]
    assert torch.allclose(pretrain(both).run(1).explain(x), pretrain(alone).run().explain(x))


def test_rows_of_superpixels_are_scored_at_the_numbers_of_cells_that_training_takes():
    """Rows of 2 x 4 pixels in four pairs: s grows by four pixels, which are two cells, and never is one."""
    shape, folds = torch.Size([1, 2, 4]), toy((0,), D=8).shaped(1, 2, 4)
    explainer = LIME(M=10, segments=(0, 0, 1, 1, 2, 2, 3, 3))
    settings = replace(SMALL, explainer=explainer)
    start = fit("pretrained", folds, Runs.grid(1, lr=(0.05,)), settings=settings, progress=False)
    x, y = folds.x_test[0], start.run().predict(folds.x_test[0]).argmax(-1)
    assert explainer.steps(shape, 0.5) == [2]
    options = {"phi": start.run().explain(x, explainer), "s": [2], "explainer": explainer}
    curves = metrics.curves(start.run().predictor, x, y, **options)
    measured = start.measured([(explainer, 0.5)]).scores
    torch.testing.assert_close(measured["test_insertion"][0, 0], curves.inserted.double().mean())
    torch.testing.assert_close(measured["test_deletion"][0, 0], curves.deleted.double().mean())


def test_explainers_of_other_superpixels_do_not_share_predictions():
    one, other = (tuple(order) for order in ((0, 0, 1, 1), (0, 1, 0, 1)))
    criteria = [(LIME(M=6, segments=one), 0.5), (KernelSHAP(M=6, segments=one), 0.5), (LIME(M=6, segments=other), 0.5)]
    lime, shap, apart = expo_fitted.draws_of_splits([0], criteria, torch.zeros(1, 2, 2)).values()
    assert lime is shap
    assert apart is not lime
    assert torch.equal(apart["Z"], lime["Z"])


def test_explaining_the_predicted_class_is_what_no_label_means():
    got = train(settings=replace(SMALL, epochs=1))
    x, model = got.folds.x_test[0], got.run()
    predicted = model.predict(x).argmax(-1)
    assert torch.equal(model.explain(x), model.explain(x, y=predicted))
    assert not torch.equal(model.explain(x), model.explain(x, y=(predicted + 1) % 3))


def test_predictors_can_be_measured_by_other_criteria():
    start = pretrain(table())
    got = start.measured(BOTH)
    assert got.scores["test_insertion"].shape == (2, 2)
    assert torch.equal(got.bank["W"][:, 0], got.bank["W"][:, 1])
    assert got.best_epoch == [of * 2 for of in start.best_epoch]
    assert got.history["measure"].shape == (*start.history["measure"].shape[:2], 2)
    with pytest.raises(ValueError, match="criteria must name at least one"):
        start.measured([])
    assert torch.equal(got.scores["test_accuracy"][:, 0], got.scores["test_accuracy"][:, 1])
    assert not torch.equal(got.scores["test_insertion"][:, 0], got.scores["test_insertion"][:, 1])


def test_what_is_measured_by_other_criteria_was_kept_by_the_first():
    """Its parameters, its epoch and its history, not those of another."""
    got = train("CE-only", runs=Runs.grid(2), settings=replace(SMALL, epochs=3), criteria=BOTH)
    got.best_epoch = [[1, 3], [2, 3]]
    got.bank["W"][:, 1] += 1
    got.history["measure"][..., 1] += 1
    other = got.measured([(TEN, 0.75)])
    assert other.best_epoch == [[1], [2]]
    assert torch.equal(other.bank["W"][:, 0], got.bank["W"][:, 0])
    assert np.array_equal(other.history["measure"][..., 0], got.history["measure"][..., 0])


def test_each_criterion_reports_the_parameters_that_it_kept():
    got = train("CE-only", runs=Runs.grid(2), settings=replace(SMALL, epochs=1), criteria=BOTH)
    got.bank["W"][:, 1] *= -1
    scores = expo_fitted.reported(got).scores["test_accuracy"]
    for r, fold in enumerate(got.runs.fold):
        x, y = got.folds.x_test[fold], got.folds.y_test[fold]
        of = [metrics.accuracy(got.run(r, v).predict(x), y).item() for v in range(2)]
        assert scores[r].tolist() == pytest.approx(of)
    assert not torch.equal(scores[:, 0], scores[:, 1])


def test_a_misspelt_explainer_is_refused():
    with pytest.raises(ValueError, match=r"explainer must be an Explainer, .*got 'kernelSHAP'"):
        pretrain(table()).run().explain(table().x_test[0], "kernelSHAP")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.tensor([0]), r"y must be an integer label for each input, \(2,\), got torch.int64 \(1,\)"),
        (torch.zeros(2), "y must be an integer label for each input, .* got torch.float32"),
        (torch.tensor([0, 3]), "y must be classes 0 to 2, got 0 to 3"),
        ([0, 1], "y must be an integer label for each input, .* got list"),
    ],
)
def test_labels_that_are_no_classes_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        pretrain(table()).run().explain(torch.zeros(2, 5), TEN, y=y)

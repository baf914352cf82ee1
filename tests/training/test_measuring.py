"""What explanations are worth on images, against plain loops."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from lib import metrics
from lib.explainers import LIME, Explained, Explainer
from lib.predictor import Predictor
from lib.study import records
from lib.study.provenance import provenance
from lib.training.images import draws_of, explainer_for, predictor_of
from lib.training.measuring import (
    ELSEWHERE,
    SETS,
    besides,
    by_chance,
    by_threshold,
    calibration_error,
    elsewhere,
    gap,
    in_single_precision,
    measured,
    report,
)
from tests.explainers.convolutional import network
from tests.training.pictures import IMAGES

# --- Measuring -------------------------------------------------------------------------------------------------------


def plain_curve(net, x, y, phi, s, side, delete, ties="first"):
    """f(.)_y with the top s cells replaced or kept, pixel by pixel, one image and one s at a time."""
    order = phi.argsort(descending=True, stable=True).tolist()
    top = set(order[:s]) if ties == "first" else {q for q in range(len(phi)) if phi[q] >= phi[order[s - 1]]}
    masked, cells = x.clone(), x.shape[-1] // side
    for row in range(x.shape[-2]):
        for column in range(x.shape[-1]):
            if ((row // side * cells + column // side) in top) == delete:
                masked[:, row, column] = 0
    return net(masked[None]).softmax(-1)[0, y].item()


def test_what_measures_keeps_all_digits_and_gives_back_what_was_set():
    torch.set_float32_matmul_precision("high")
    try:
        with in_single_precision():
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.backends.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_a_tables_rows_are_reported_too():
    """All that is measured of images, but under other protocols, of which a blur makes no sense."""
    predictor, rows, options, drawn = small()
    reported = report(predictor, rows, "test", S=[0.5], drawn=drawn, **options)
    found = {row["measure"]: row["value"] for row in reported}
    logits = predictor.logits(rows.x_test)
    assert found["accuracy"] == (logits.argmax(-1) == rows.y_test).double().mean()
    assert found["confidence"] == pytest.approx(logits.softmax(-1).amax(-1).mean().item())
    assert not any(name.endswith(kind) for name in found for kind in ELSEWHERE)


def small():
    """A linear predictor of six features, twenty rows, its explainer and what that draws."""
    torch.manual_seed(0)
    linear = nn.Linear(6, 3)
    rows = SimpleNamespace(x_test=torch.randn(20, 6), y_test=torch.randint(3, (20,)), inputs=lambda x: x)
    explainer = LIME(M=30)
    drawn = explainer.draw(torch.Size([6]), torch.Generator().manual_seed(0))
    return Predictor.of(linear, torch.zeros(6)), rows, {"explainer": explainer}, drawn


def test_by_threshold_all_cells_that_are_equal_count():
    predictor, rows, options, drawn = small()
    first = measured(predictor, rows, "test", S=0.5, drawn=drawn, **options)
    phi = torch.randint(3, (20, 6), generator=torch.Generator().manual_seed(1)).float()
    found = by_threshold(predictor, rows, "test", first=first._replace(phi=phi), memory=18, **options)
    x, y = rows.x_test, predictor.logits(rows.x_test).argmax(-1)
    for k, s in enumerate(first.steps):
        top = (phi >= phi.sort(-1, descending=True).values[:, [s - 1]]).float()
        for curve, kept in zip(found, (top, 1 - top)):
            p = predictor.logits(kept * x).softmax(-1).gather(-1, y[:, None])[:, 0]
            torch.testing.assert_close(curve[:, k], p)


@dataclass(frozen=True)
class Faint(Explainer):
    """Contributions that are the features, scaled."""

    scale: float

    def explain(self, predictor, x, y):
        return Explained(self.scale * x)


def test_a_map_of_small_contributions_is_not_flat():
    predictor, rows, *_ = small()
    for scale, flat in ((1e-5, 0), (0, 1)):
        reported = report(predictor, rows, "test", explainer=Faint(scale), S=[0.5], drawn={})
        found = {row["measure"]: row["value"] for row in reported}
        assert found["zero_maps"] == flat
        assert found["contributions"] == pytest.approx(scale * rows.x_test.abs().mean().item())


def test_sensitivity_is_of_the_sets_that_are_removed():
    predictor, rows, options, drawn = small()
    phi = measured(predictor, rows, "test", S=0.5, drawn=drawn, **options).phi
    own, same = (torch.Generator().manual_seed(3) for _ in range(2))
    found = besides(predictor, rows, "test", phi=phi, memory=200, generator=own, **options)["sensitivity"]
    removed, y = metrics.random_sets(6, same, n=4, sets=SETS).float()[None], predictor.logits(rows.x_test).argmax(-1)
    torch.testing.assert_close(found, metrics.sensitivity_n(predictor, rows.x_test, y, phi=phi, removed=removed))


def test_the_half_that_is_kept_is_the_more_important_one():
    predictor, rows, options, _ = small()
    phi = torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
    drawn = torch.Generator().manual_seed(3)
    found = besides(predictor, rows, "test", phi=phi, memory=200, generator=drawn, **options)["kept_half"]
    kept = (phi > phi.median(-1, keepdim=True).values).float()  # torch's median is the lower of the middle two
    right = predictor.logits(kept * rows.x_test).argmax(-1) == rows.y_test
    assert 0 < right.sum() < 20
    assert torch.equal(found, right.double())


def test_curves_may_follow_the_label_where_another_class_is_predicted_and_explained():
    predictor, rows, options, drawn = small()
    own, found = (measured(predictor, rows, "test", S=0.5, drawn=drawn, scored=scored, **options)
                  for scored in ("predicted", "label"))  # fmt: skip
    assert 0 < own.right.sum() < 20
    assert torch.equal(found.right, own.right)
    assert torch.equal(found.phi, own.phi)
    order = own.phi.argsort(-1, descending=True)
    for k, s in enumerate(found.steps):
        top = torch.zeros(20, 6).scatter(-1, order[:, :s], 1.0)
        for kept, value in ((torch.ones(6), found.p), (top, found.inserted[:, k]), (1 - top, found.deleted[:, k])):
            p = predictor.logits(kept * rows.x_test).softmax(-1).gather(-1, rows.y_test[:, None])[:, 0]
            torch.testing.assert_close(value, p)


@pytest.mark.parametrize("name", ["Grad-CAM", "LIME"])
def test_scores_are_those_of_a_plain_loop(name):
    """All channels of a pixel are replaced, the class predicted is explained and scored (ID-1, ID-2)."""
    net = network(4, C=3, dtype=torch.float32)
    explainer = explainer_for(name, net, IMAGES, **({} if name == "Grad-CAM" else {"M": 12}))
    predictor = predictor_of(net, IMAGES)
    drawn = draws_of([(explainer, 0.5)], predictor.b)[explainer]
    found = measured(predictor, IMAGES, "test", explainer=explainer, S=0.1, drawn=drawn, memory=7)
    net.eval()
    for i in (0, 5):
        x = IMAGES.inputs(IMAGES.x_test[[i]])[0]
        y = net(x[None]).argmax().item()
        assert found.right[i] == (y == IMAGES.y_test[i])
        for k, s in enumerate(found.steps):
            for delete, curve in ((False, found.inserted), (True, found.deleted)):
                assert curve[i, k].item() == pytest.approx(plain_curve(net, x, y, found.phi[i], s, 4, delete), abs=1e-5)


def test_a_random_map_is_every_rows_own_whatever_the_memory():
    """All curves from a plain loop with the same generator."""
    predictor, rows, options, _ = small()
    given = {"S": 0.5, **options}
    steps, *found = by_chance(predictor, rows, "test", memory=12, generator=torch.Generator().manual_seed(4), **given)
    generator, expected = torch.Generator().manual_seed(4), []
    for x in rows.x_test.split(max(1, 12 // (2 * len(steps)))):
        phi = torch.rand(len(x), 6, generator=generator)
        y = predictor.logits(x).argmax(-1)
        expected.append(metrics.curves(predictor, x, y, phi=phi, s=steps, explainer=options["explainer"]))
    assert len(expected) > 1
    for curve, name in zip(found, ("inserted", "deleted")):
        torch.testing.assert_close(curve, torch.cat([getattr(own, name) for own in expected]))


def test_a_report_holds_each_measure_once_and_counts_flat_maps():
    net = network(4, C=3, dtype=torch.float32)
    explainer = explainer_for("Grad-CAM", net, IMAGES)
    predictor = predictor_of(net, IMAGES)
    rows = report(predictor, IMAGES, "test", explainer=explainer, S=(0.3, 0.5), drawn={})
    assert len({(row["S"], row["measure"]) for row in rows}) == len(rows)
    less = {row["measure"] for row in rows if row["direction"] == "lower"}
    sure = {"overconfidence", "calibration_error", "zero_maps"}
    assert less == sure | {row["measure"] for row in rows if row["measure"].startswith("deletion")}
    value = {(row["S"], row["measure"]): row["value"] for row in rows}
    found = measured(predictor, IMAGES, "test", explainer=explainer, S=0.5, drawn={})
    assert value[0.5, "insertion"] == pytest.approx(found.areas(0.5)[1])
    assert value[0.3, "deletion"] == pytest.approx(found.areas(0.3)[2])
    for share, s in ((0.3, 19), (0.5, 32)):
        assert value[share, "gap"] == pytest.approx(gap(found.phi, s).double().mean().item())
    assert value[0.5, "confidence"] == pytest.approx(found.p.mean().item())
    assert value[0.5, "insertion_share"] == pytest.approx((found.inserted.mean(1) / found.p).mean().item(), rel=1e-5)
    curve = next(row["curve"] for row in rows if row["measure"] == "deletion" and row["S"] == 0.3)
    assert curve == pytest.approx(found.deleted[:, :19].mean(0).tolist(), rel=1e-3)
    with torch.no_grad():
        net.fc.weight.zero_()  # no class depends on anything: every map is zero
    rows = report(predictor_of(net, IMAGES), IMAGES, "test", explainer=explainer, S=(0.5,), drawn={})
    assert {row["measure"]: row["value"] for row in rows}["zero_maps"] == 1


def test_a_report_is_the_same_in_any_order_of_its_shares_and_with_the_records_seed():
    net = network(4, C=3, dtype=torch.float32)
    lime, predictor = explainer_for("LIME", net, IMAGES, superpixels=4), predictor_of(net, IMAGES)
    drawn = draws_of([(lime, 0.5)], predictor.b)[lime]
    found = [
        {(row["S"], row["measure"]): row["value"]
         for row in report(predictor, IMAGES, "test", explainer=lime, S=S, drawn=drawn, **seed)}
        for S, seed in (((0.3, 0.5), {}), ((0.5, 0.3), {}), ((0.5, 0.3), {"seed": 2}))
    ]  # fmt: skip
    assert found[0] == found[1] == found[2]


def test_calibration_error_and_gap_by_hand():
    """Two bins, 0.9 confident and right half of the time, 0.2 confident and always right: neither makes up."""
    p, right = torch.tensor([0.9, 0.9, 0.2, 0.2]), torch.tensor([True, False, True, True])
    assert calibration_error(p, right).item() == pytest.approx((0.8 + 1.6) / 4)
    assert gap(torch.tensor([[4.0, 3.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]]), 2).tolist() == [0.5, 0.0]


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_confidence_is_binned_as_a_histogram_is(bins):
    p, right = np.random.default_rng(0).random((2, 50)).round(3)
    p[:2], right = (0, 1), right < p  # both ends of the axis
    gaps, _ = np.histogram(p, bins, (0, 1), weights=p - right)
    found = calibration_error(torch.from_numpy(p), torch.from_numpy(right), bins)
    assert found.item() == pytest.approx(np.abs(gaps).sum() / 50)


@pytest.mark.parametrize("kind", ["blur", "noise", "label"])
def test_other_backgrounds_and_the_true_class_are_those_of_a_plain_loop(kind):
    """The same maps; masked cells show the mean over 9 x 9 pixels or noise, or the label's class is followed."""
    net = network(4, C=3, dtype=torch.float32)
    explainer, predictor = explainer_for("Grad-CAM", net, IMAGES), predictor_of(net, IMAGES)
    first = measured(predictor, IMAGES, "test", explainer=explainer, S=0.5, drawn={})
    options = {"memory": 20, "generator": torch.Generator().manual_seed(5)}
    inserted, deleted = elsewhere(predictor, IMAGES, "test", explainer=explainer, first=first, kind=kind, **options)
    steps = list(range(3, 33, 4))
    assert inserted.shape == deleted.shape == (12, len(steps))
    x, net = IMAGES.inputs(IMAGES.x_test), net.eval()
    drawn = torch.randn(x[:1].shape, generator=torch.Generator().manual_seed(5))[0]  # of the first image
    i, k = 0, 2
    y = IMAGES.y_test[i].item() if kind == "label" else net(x[[i]]).argmax().item()
    top = set(first.phi[i].argsort(descending=True, stable=True)[: steps[k]].tolist())
    for delete, found in ((False, inserted), (True, deleted)):
        own = x[i].clone()
        for row in range(32):
            for column in range(32):
                if ((row // 4 * 8 + column // 4) in top) == delete:
                    near = x[i][:, max(0, row - 4) : row + 5, max(0, column - 4) : column + 5].mean((1, 2))
                    shown = {"blur": near, "noise": drawn[:, row, column], "label": torch.zeros(3)}
                    own[:, row, column] = shown[kind]
        assert found[i, k].item() == pytest.approx(net(own[None]).softmax(-1)[0, y].item(), abs=1e-5)


def test_a_report_is_written_and_read_back_whole(tmp_path):
    """Values, curves, samples and maps of the rows that the experiment records."""
    net = network(4, C=3, dtype=torch.float32)
    explainer = explainer_for("Grad-CAM", net, IMAGES)
    found = report(predictor_of(net, IMAGES), IMAGES, "test", explainer=explainer, S=(0.3,), drawn={})
    run = {"paper": "ID", "dataset": "noise", "method": "CE-only", "split": 0, "seed": 0, "part": "test", "lam": 0.0,
           "lam3": 0.0, "lr": 0.1, "epochs": 1, "best_epoch": 1, "seconds": 0.1, "deletion": "none",
           "explainer": "Grad-CAM"}  # fmt: skip
    frame = pd.DataFrame([{**run, **row} for row in found]).assign(**provenance({"experiment": "a test"}, "cpu"))
    back = records.read(records.write(frame, tmp_path / "a.parquet")).set_index("measure")
    assert list(back.index) == [row["measure"] for row in found]
    for row in found:
        kept = back.loc[row["measure"]]
        assert kept["value"] == row["value"]
        assert kept["direction"] == row["direction"]
        for name in ("samples", "curve", "shown"):
            assert row[name] is None or list(kept[name]) == row[name]
    assert len(back.loc["insertion", "samples"]) == 12
    assert len(back.loc["contributions", "shown"]) == 12 * 64

"""What is recorded of a predictor that looks at one number of its input: every score is known beforehand."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot

from lib.explainers import Explained, squares
from lib.explainers.cells import Segmented
from lib.predictor import Predictor
from lib.training.measuring import MASKED, Measured, besides, elsewhere, gap, measured, report, thinned
from tests.image_sets import noise

ODDS = 2.0
P = torch.tensor(ODDS).sigmoid().item()  # of the class predicted, where the number is 1 or -1


class One(nn.Module):
    """Two classes, the second where one number of the input is positive."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def forward(self, x):
        z = ODDS * x.flatten(1)[:, self.at]
        return torch.stack([torch.zeros_like(z), z], 1)


@dataclass(frozen=True)
class Here(Segmented):
    """The whole contribution is one cell's, whatever the predictor."""

    cell: int
    segments: tuple[int, ...] | None = None

    def explain(self, predictor, x, y):
        phi = torch.zeros(len(x), self.cells(predictor.b.shape))
        return Explained(phi + one_hot(torch.tensor(self.cell), phi.shape[1]))


def signs(n=1500, D=8):
    """Rows of 1 and -1, and labels that have nothing to do with them."""
    generator = torch.Generator().manual_seed(0)
    x = 2.0 * torch.randint(2, (n, D), generator=generator) - 1
    return SimpleNamespace(x_test=x, y_test=torch.randint(2, (n,), generator=generator), inputs=lambda x: x)


def reported(rows, at, cell, S):
    """The values of a report, whose background is -1, the first class."""
    predictor = Predictor.of(One(at), torch.full((rows.x_test.shape[1],), -1.0))
    found = report(predictor, rows, "test", explainer=Here(cell), S=S, drawn={}, memory=10_000)
    return {(row["S"], row["measure"]): row["value"] for row in found}


def test_all_scores_of_a_map_that_is_right():
    """The cell inserted first gives all of f(x), deleted first it leaves the background's class."""
    rows = signs()
    second = rows.x_test[:, 5] > 0
    right = (second.long() == rows.y_test).double().mean().item()
    share = second.double().mean().item()
    low = share * (1 - P) + (1 - share) * P
    expected = {
        "accuracy": right, "confidence": P, "overconfidence": P - right, "calibration_error": abs(P - right),
        "insertion": P, "insertion_threshold": P, "insertion_share": 1.0, "deletion": low, "deletion_threshold": low,
        "deletion_share": low / P, "zero_maps": 0.0, "contributions": 1 / 8, "gap": 0.0, "kept_half": right,
        "sensitivity": share,  # 1 where f(x) drops with the cell, 0 where nothing ever drops
    }  # fmt: skip
    found = reported(rows, 5, 5, (0.5,))
    assert {name: found[0.5, name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert reported(rows, 5, 5, (0.125,))[0.125, "gap"] == 1  # of the one cell that counts, over all others


@pytest.mark.parametrize("D", [8, 32])
def test_a_random_map_finds_the_cell_as_often_as_it_has_cells(D):
    """s of D cells hold it in s / D of all images, each with a map of its own; what explains does not matter."""
    rows, S = signs(D=D), (0.25, 0.5)
    second = (rows.x_test[:, D - 1] > 0).double().mean().item()
    found, other = (reported(rows, D - 1, cell, S) for cell in (D - 1, 0))
    for share in S:
        held = sum(steps := [s for s in thinned(range(1, D // 2 + 1)) if s <= share * D]) / len(steps) / D
        for name, kept in (("insertion_random", held), ("deletion_random", 1 - held)):
            expected = (1 - second) * P + second * (kept * P + (1 - kept) * (1 - P))
            assert found[share, name] == pytest.approx(expected, abs=0.02)
            assert found[share, name] == other[share, name]


def test_accuracy_with_random_halves_masked_counts_how_often_the_cell_is_kept():
    """Of `MASKED` halves, the same for all images; the background's class is predicted without it."""
    rows, found = signs(n=40), []
    second, label = rows.x_test > 0, rows.y_test == 1
    for at in range(8):
        predictor, phi = Predictor.of(One(at), torch.full((8,), -1.0)), torch.rand(40, 8)
        for seed in range(10):
            options = {"phi": phi, "memory": 1000, "generator": torch.Generator().manual_seed(seed)}
            masked = besides(predictor, rows, "test", explainer=Here(at), **options)["masked"]
            (kept,) = masked[second[:, at] & label].unique().tolist()
            assert kept * MASKED == round(kept * MASKED)
            assert (masked[second[:, at] & ~label] == 1 - kept).all()
            assert torch.equal(masked[~second[:, at]], (~label[~second[:, at]]).double())
            found.append(kept)
    assert sum(found) / len(found) == pytest.approx(0.5, abs=0.06)
    assert len(set(found)) > 4  # each half is drawn


@pytest.mark.parametrize("n", [1, 7, 8, 9, 32, 64])
def test_thinned_values_of_s_stand_for_all(n):
    """A quarter of them with their mean, all where there are few."""
    steps = range(1, n + 1)
    few = list(thinned(steps))
    assert set(few) <= set(steps)
    assert len(few) == (n if n < 8 else (n + 1) // 4)
    assert abs(sum(few) / len(few) - sum(steps) / n) <= 0.5


@pytest.mark.parametrize(("side", "S"), [(32, 0.3), (32, 0.5), (96, 0.3), (96, 1.0)])
def test_a_curve_ends_where_training_ends(side, S):
    """On 96 x 96 pixels the last of 43 values of s at 0.3 is 20 of 64 cells, which comes three times."""
    here, shape = Here(0, squares(side, side, side // 8)), torch.Size([3, side, side])
    steps = here.steps(shape, 1.0)
    curves = torch.arange(len(steps), dtype=torch.float64)[None]
    found = Measured(None, None, None, curves, curves, steps, here, shape).up_to(S)
    assert list(found.steps) == list(here.steps(shape, S))
    assert found.inserted.shape == (1, len(here.steps(shape, S)))


def test_a_gap_has_neither_unit_nor_origin():
    phi = torch.rand(20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(gap(3 * phi - 7, 2), gap(phi, 2))
    assert (gap(phi, 6) == 0).all()  # no cell is beyond the last


@pytest.fixture(scope="module")
def plain_images():
    """Images of one grey each, dark or bright, of either class; f(x) of the class predicted, and which that is."""
    images = noise(200)
    generator = torch.Generator().manual_seed(0)
    bright, label = torch.randint(2, (2, 200), generator=generator)
    images = replace(images, x_test=(60 + 140 * bright)[:, None, None, None].expand(-1, 32, 32, 3).to(torch.uint8),
                     y_test=label)  # fmt: skip
    return images, bright, (ODDS * images.inputs(images.x_test)[:, 2, 0, 0].abs()).sigmoid()


def changed(images, kind, cell):
    """Curves of a predictor that looks at the last pixel, which the 64th cell holds, by a map of one cell."""
    predictor, explainer = Predictor.of(One(3 * 32 * 32 - 1), images.background), Here(cell, squares(32, 32, 4))
    first = measured(predictor, images, "test", explainer=explainer, S=0.5, drawn={})
    options = {"memory": 100, "generator": torch.Generator().manual_seed(1)}
    return elsewhere(predictor, images, "test", explainer=explainer, first=first, kind=kind, **options)


def test_a_blur_changes_no_image_of_one_colour_not_even_at_its_edge(plain_images):
    images, _, p = plain_images
    for cell in (0, 63):
        for curve in changed(images, "blur", cell):
            torch.testing.assert_close(curve, p[:, None].expand_as(curve))


def test_noise_is_each_images_own_with_the_inputs_spread(plain_images):
    """The map misses the pixel, so that insertions show noise there: its odds tell which."""
    images, bright, p = plain_images
    inserted, deleted = changed(images, "noise", 0)
    torch.testing.assert_close(deleted, p[:, None].expand_as(deleted))
    shown = inserted.logit()[:, 0] / ODDS * (2 * bright - 1)
    assert len(shown.unique()) == 200
    assert shown.mean().abs() < 0.2
    assert shown.std().item() == pytest.approx(1, abs=0.15)
    assert torch.equal(inserted, inserted[:, :1].expand_as(inserted))  # one draw for all values of s


def test_the_labels_curve_is_low_where_another_class_is_predicted(plain_images):
    images, bright, p = plain_images
    inserted, deleted = changed(images, "label", 63)
    expected = torch.where(bright == images.y_test, p, 1 - p)
    torch.testing.assert_close(inserted, expected[:, None].expand_as(inserted))
    torch.testing.assert_close(deleted, torch.full_like(deleted, 0.5))


def test_a_report_tells_insertions_from_deletions_under_every_protocol(plain_images):
    """The map finds the pixel: noise and the background show there when it is deleted."""
    images, bright, p = plain_images
    predictor, explainer = Predictor.of(One(3 * 32 * 32 - 1), images.background), Here(63, squares(32, 32, 4))
    rows = report(predictor, images, "test", explainer=explainer, S=(0.5,), drawn={}, memory=10_000)
    found, whole = {row["measure"]: row["value"] for row in rows}, p.mean().item()
    assert found["insertion_noise"] == pytest.approx(whole)
    assert found["deletion_noise"] < whole - 0.1
    label = torch.where(bright == images.y_test, p, 1 - p).mean().item()
    assert (found["insertion_label"], found["deletion_label"]) == pytest.approx((label, 0.5))


def test_words_that_make_no_sense_are_named(plain_images):
    images, *_ = plain_images
    predictor, explainer = Predictor.of(One(0), images.background), Here(0, squares(32, 32, 4))
    with pytest.raises(ValueError, match="scored must be one of predicted, label, got 'x'"):
        measured(predictor, images, "test", explainer=explainer, S=0.5, drawn={}, scored="x")
    with pytest.raises(ValueError, match="kind must be one of blur, noise, label, got 'blurr'"):
        changed(images, "blurr", 0)

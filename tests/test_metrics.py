"""Scores: shares counted by hand, R^2 as scikit-learn has it; ID's curves and correlations against plain loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, r2_score

from lib import metrics
from tests.explainers.toy import Toy, toy

few = settings(max_examples=25, derandomize=True)
sizes = st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(2, 5), st.integers(0, 999))


def normal(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@few
@given(sizes)
def test_accuracy_is_the_share_of_right_rows(size):
    """Each run's share of rows where the largest output is the label (FE-18)."""
    R, B, C, seed = size
    g, y = normal(seed, R, B, C), torch.randint(C, (R, B), generator=torch.Generator().manual_seed(seed))
    by_run = [accuracy_score(y[r], g[r].argmax(1)) for r in range(R)]
    assert metrics.accuracy(g, y).tolist() == pytest.approx(by_run)
    assert metrics.accuracy(g, g.argmax(-1)).tolist() == [1] * R
    assert metrics.accuracy(g, g.argmin(-1)).tolist() == [0] * R


@few
@given(sizes)
def test_faithfulness_is_the_share_of_rows_that_agree(size):
    """Symmetric in g and h, and blind to how far apart they are where they agree (FE-19)."""
    R, B, C, seed = size
    g, h = normal(seed, R, B, C), normal(seed + 1, R, B, C)
    by_run = [np.mean([gb.argmax() == hb.argmax() for gb, hb in zip(g[r], h[r])]) for r in range(R)]
    assert metrics.faithfulness(g, h).tolist() == pytest.approx(by_run)
    assert torch.equal(metrics.faithfulness(g, h), metrics.faithfulness(h, g))
    assert torch.equal(metrics.faithfulness(g, h), metrics.faithfulness(3 * g.softmax(-1), h - 7))
    assert metrics.faithfulness(g, 100 * g).tolist() == [1] * R


def test_shares_do_not_lose_digits_in_single_precision():
    g = torch.zeros(1, 3, 2)
    assert metrics.accuracy(g, torch.tensor([[0, 1, 1]])).item() == 1 / 3


def test_nan_is_right_nowhere():
    g = torch.tensor([[math.nan, 0.0], [0.0, math.nan], [1.0, 0.0]])
    assert metrics.right(g, torch.tensor([0, 1, 0])).tolist() == [False, False, True]
    assert metrics.accuracy(g, torch.tensor([0, 1, 0])).item() == 1 / 3


def test_a_share_may_be_of_some_rows_alone():
    where, rows = torch.tensor([[True, True, False, True]]), torch.tensor([[True, False, True, False]])
    assert metrics.share(where, rows).tolist() == [0.5]
    assert metrics.share(where).tolist() == [0.75]


@few
@given(sizes)
def test_r_squared_is_scikit_learns(size):
    R, B, C, seed = size
    prediction, target = normal(seed, R, B, C), normal(seed + 1, R, B, C)
    by_run = [r2_score(target[r], prediction[r], multioutput="variance_weighted") for r in range(R)]
    assert metrics.r_squared(prediction, target).tolist() == pytest.approx(by_run)
    assert metrics.r_squared(target, target).tolist() == [1] * R
    mean = target.mean(1, keepdim=True).expand_as(target)
    assert metrics.r_squared(mean, target).tolist() == pytest.approx([0] * R, abs=1e-12)


def test_r_squared_of_a_constant_target_is_a_number():
    assert torch.isfinite(metrics.r_squared(torch.ones(1, 3, 1), torch.zeros(1, 3, 1))).all()


def test_geometric_mean_needs_both():
    accuracy, faith = torch.tensor([0.25, 1.0, 0.9, -3.0, -1.0]), torch.tensor([1.0, 0.25, 0.0, 1.0, -1.0])
    assert metrics.geometric_mean(accuracy, faith).tolist() == [0.5, 0.5, 0, 0, 0]


# --- ID's scores -----------------------------------------------------------------------------------------------------


def areas(t, phi, s):
    return metrics.curves(t.predictor, t.x, t.y, phi=phi, s=s)


@pytest.mark.parametrize("s", [(1, 2, 3), (2, 5)])
def test_curves_are_plain_loops_over_samples_and_steps(s):
    """f(.)_y with the top s features inserted and deleted, one forward each, averaged over s (ID-1, ID-2)."""
    t, phi = toy(), normal(3, 2, 3, 5)
    phi[1, 2, :3] = 0.5  # a tie
    got = areas(t, phi, s)
    assert got.s == s
    for r in range(2):
        theta = {n: v[[r]] for n, v in t.theta.items()}
        for i in range(3):

            def p(x, theta=theta, y=t.y[r, i]):
                return t.f(theta, x[None, None])[0, 0].softmax(0)[y].item()

            inserted, deleted = [], []
            for n in s:
                a, d = t.b.clone(), t.x[r, i].clone()
                for q in sorted(range(5), key=lambda q: -phi[r, i, q])[:n]:
                    a[q], d[q] = t.x[r, i, q], t.b[q]
                inserted.append(p(a)), deleted.append(p(d))
            assert got.inserted[r, i].tolist() == pytest.approx(inserted)
            assert got.deleted[r, i].tolist() == pytest.approx(deleted)
            assert got.insertion[r, i].item() == pytest.approx(np.mean(inserted))
            assert got.deletion[r, i].item() == pytest.approx(np.mean(deleted))
            assert got.whole[r, i].item() == pytest.approx(p(t.x[r, i]))


def test_the_ends_of_a_curve_are_the_input_and_the_background():
    """At s = Q all is inserted, and all deleted; reversing phi swaps the two curves (ID-1, ID-2)."""
    t, phi = toy(), normal(3, 2, 3, 5)
    got, turned = areas(t, phi, range(1, 6)), areas(t, -phi, range(1, 6))
    assert torch.allclose(got.inserted[..., -1], got.whole)
    blank = t.f(t.theta, t.b.expand(2, 3, 5)).softmax(-1).gather(-1, t.y[..., None])[..., 0]
    assert torch.allclose(got.deleted[..., -1], blank)
    assert torch.allclose(turned.deleted[..., :-1], got.inserted[..., :-1].flip(-1))


def test_a_curve_scores_the_class_it_is_given():
    """Another label gives another curve; over all labels they add up to one (ID-1, ID-2)."""
    t, phi, total = toy(), normal(3, 2, 3, 5), 0
    for c in range(3):
        t.y = torch.full((2, 3), c)
        total = total + areas(t, phi, [1, 4]).inserted
    assert torch.allclose(total, torch.ones_like(total))


def test_better_explanations_score_better():
    """A probability that rises with x_1, then x_2 ...: their order has the best insertion and deletion (ID-1, ID-2)."""
    t = linear(Q=5)
    best = areas(t, t.phi, [1, 2, 3])
    for seed in range(20):
        other = areas(t, normal(seed, *t.phi.shape), [1, 2, 3])
        assert (best.insertion >= other.insertion - 1e-12).all()
        assert (best.deletion <= other.deletion + 1e-12).all()


def linear(R=2, B=3, Q=6, size=1 / 50):
    """Two classes whose first has a probability linear in x; phi is what each feature adds to it."""
    w, x, b = size * normal(0, R, Q), normal(1, R, B, Q), normal(2, Q)

    def f(theta, x):
        p = 0.5 + torch.einsum("rbq,rq->rb", x, w)
        return torch.stack([p, 1 - p], -1).log()

    y = torch.zeros(R, B, dtype=torch.int64)
    return Toy(f=f, theta={}, x=x, y=y, b=b, phi=w[:, None] * (x - b))


def sensitivity(t, phi, seed=0, **options):
    draws = [torch.Generator().manual_seed(seed + r) for r in range(len(t.x))]
    removed = torch.stack([metrics.random_sets(phi.shape[-1], g, dtype=phi.dtype, **options) for g in draws])
    return metrics.sensitivity_n(t.predictor, t.x, t.y, phi=phi, removed=removed[:, None])


@pytest.mark.parametrize(("n", "size"), [(1, 1 / 50), (4, 1 / 50), (4, 1e-5)])
def test_a_linear_model_has_sensitivity_one(n, size):
    """What each feature adds explains every drop, however small; turned around it is -1."""
    t = linear(size=size)
    assert torch.allclose(sensitivity(t, t.phi, n=n), torch.ones(2, 3, dtype=torch.float64))
    assert torch.allclose(sensitivity(t, -3 * t.phi, n=n), -torch.ones(2, 3, dtype=torch.float64))


def test_sensitivity_is_scipys_correlation():
    """Between the contributions of each set of n removed features and the drop, for the sets that were drawn."""
    t, phi, seen = toy(), normal(3, 2, 3, 5), []

    def f(theta, x):
        seen.append(x)
        return toy().f(theta, x)

    t.f, plainly = f, t.f
    got = sensitivity(t, phi, n=2, sets=30)
    masked = seen[1].unflatten(1, (3, 30))
    for r in range(2):
        theta = {n: v[[r]] for n, v in t.theta.items()}
        removed = masked[r, 0] == t.b  # (sets, Q)
        assert (removed.sum(1) == 2).all()
        assert removed.any(0).all()
        for i in range(3):
            y = t.y[r, i]
            rows = torch.where(removed, t.b, t.x[r, i])
            assert torch.equal(rows, masked[r, i])
            p = plainly(theta, torch.cat([t.x[r, i, None], rows])[None])[0].softmax(1)[:, y].detach()
            sums = [phi[r, i][own].sum().item() for own in removed]
            assert got[r, i].item() == pytest.approx(stats.pearsonr(sums, p[0] - p[1:]).statistic)
    assert not torch.equal(masked[0, 0] == t.b, masked[1, 0] == t.b)  # each run's own generator
    assert torch.equal(got, sensitivity(t, phi, n=2, sets=30))


def test_what_does_not_vary_has_no_sensitivity():
    t = toy()
    for phi in (torch.ones(2, 3, 5), torch.full((2, 3, 5), 0.1), torch.zeros(2, 3, 5)):
        assert sensitivity(t, phi.double()).tolist() == [[0] * 3] * 2


def test_sensitivity_has_no_unit():
    """Contributions of raw Shapley weights can be as small as 1e-20."""
    t, phi = toy(), normal(3, 2, 3, 5)
    assert torch.allclose(sensitivity(t, phi), sensitivity(t, 1e-20 * phi))


def test_accuracy_under_masks_is_a_plain_mean():
    """Over all rows and all masks, in pieces or not."""
    t = toy(M=45)
    right = [
        (t.f(t.theta, torch.where(z > 0, t.x, t.b)).argmax(-1) == t.y).double().mean(1)
        for z in t.Z.transpose(0, 2)[:, 0, :, None]
    ]
    got = metrics.masked_accuracy(t.predictor, t.x, t.y, r=t.Z[:, 0])
    assert torch.allclose(got, torch.stack(right).mean(0))
    whole = metrics.masked_accuracy(t.predictor, t.x, t.y, r=torch.ones(2, 3, 5, dtype=torch.float64))
    assert torch.allclose(whole, metrics.accuracy(t.f(t.theta, t.x), t.y))


def test_valscore_by_hand():
    """eta Acc + Ins + 1 - Del, eta = 2 unless said (ID-15)."""
    accuracy, insertion, deletion = torch.tensor([0.9, 0.5]), torch.tensor([0.6, 0.2]), torch.tensor([0.25, 0.8])
    assert metrics.valscore(accuracy, insertion, deletion).tolist() == pytest.approx([3.15, 1.4])
    assert metrics.valscore(accuracy, insertion, deletion, eta=0.5).tolist() == pytest.approx([1.8, 0.65])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_explanations_must_be_finite(bad):
    t, phi = toy(), normal(3, 2, 3, 5)
    phi[1, 1, 1] = bad
    with pytest.raises(ValueError, match="phi must be finite, got 1 NaN or infinite of 30"):
        areas(t, phi, [1])


@pytest.mark.parametrize(
    ("change", "s", "message"),
    [
        ({}, [6], r"s must be whole numbers of features between 1 and Q = 5, got \[6\]"),
        ({}, [0, 1], r"s must be whole numbers of features between 1 and Q = 5, got \[0, 1\]"),
        ({"b": torch.zeros(4)}, [1], r"b must have the shape of one input, \(5,\), or of x, got \(4,\)"),
        ({"x": torch.zeros(2, 3, 4)}, [1], r"x must have .*with Q = 5, got \(2, 3, 4\)"),
    ],
)
def test_bad_curves_are_named(change, s, message):
    with pytest.raises(ValueError, match=message):
        areas(toy().but(**change), normal(3, 2, 3, 5), s)


@pytest.mark.parametrize("n", [0, 5])
def test_sensitivity_removes_some_features_and_leaves_some(n):
    with pytest.raises(ValueError, match=f"n must lie between 1 and D - 1 = 4, got {n}"):
        sensitivity(toy(), normal(3, 2, 3, 5), n=n)
    with pytest.raises(ValueError, match="n must lie between 1 and D - 1 = 0, got 1"):  # one feature: nothing is left
        sensitivity(toy(Q=1, M=2), normal(3, 2, 3, 1), n=1)

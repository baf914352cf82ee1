"""Masks: hard ones counted by hand, soft ones against their formula, their limit and their symmetries."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import masks

few = settings(max_examples=25, derandomize=True)
tied = st.lists(st.integers(-2, 2), min_size=1, max_size=7)  # few values: ties are common
distinct = st.integers(2, 9).flatmap(lambda Q: st.permutations(range(Q)))


def double(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def vector(values):
    return torch.tensor(values, dtype=torch.float64)


def every(phi):
    return range(1, phi.shape[-1] + 1)


# --- Hard masks ------------------------------------------------------------------------------------------------------


@few
@given(tied)
def test_the_top_s_are_exactly_s_and_of_equal_ones_the_first(values):
    """The s largest by a stable sort, for every s (ID-3, ID-4)."""
    r = masks.top_mask(vector(values), every(vector(values)))
    order = sorted(range(len(values)), key=lambda q: (-values[q], q))
    for s, mask in enumerate(r, 1):
        assert mask.nonzero()[:, 0].tolist() == sorted(order[:s])


@few
@given(tied)
def test_a_threshold_takes_all_that_are_equal(values):
    """phi >= its s-th largest value: every tied feature, never fewer than s (ID-5, ID-6)."""
    phi = vector(values)
    by_threshold, top = masks.threshold_mask(phi, every(phi)), masks.top_mask(phi, every(phi))
    for s, mask in enumerate(by_threshold, 1):
        assert mask.tolist() == [float(v >= sorted(values)[-s]) for v in values]
    assert (by_threshold >= top).all()


@few
@given(distinct)
def test_without_ties_both_hard_masks_are_one(values):
    """Sorting and thresholding keep the same features (ID-3, ID-5)."""
    phi = vector(list(values))
    assert torch.equal(masks.top_mask(phi, every(phi)), masks.threshold_mask(phi, every(phi)))


def test_ties_part_the_two_hard_masks():
    """Two equal features at s = 1: one by sorting, both by threshold (ID-4, ID-6)."""
    phi = vector([1.0, 3.0, 3.0])
    assert masks.top_mask(phi, [1]).tolist() == [[0, 1, 0]]
    assert masks.threshold_mask(phi, [1]).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("make", [masks.top_mask, masks.threshold_mask, masks.soft_mask])
def test_a_batch_is_masked_sample_by_sample(make):
    """Leading axes are the batch, and no sample's mask depends on another's (ID-3 to ID-8)."""
    phi, s = double(0, 2, 3, 6), [1, 2, 5]
    r = make(phi, s)
    assert r.shape == (2, 3, 3, 6)
    assert r.dtype == phi.dtype
    for i in range(2):
        for j in range(3):
            assert torch.equal(r[i, j], make(phi[i, j], s))


# --- Inserting and deleting ------------------------------------------------------------------------------------------


def test_insertion_keeps_the_top_and_deletion_the_rest():
    """x on the top s features and the background elsewhere, and the other way round, entry by entry (ID-3, ID-4)."""
    x, b, phi = double(0, 2, 3, 5), double(1, 5), double(2, 2, 3, 5)
    r = masks.top_mask(phi, [1, 3])
    a, d = masks.insert(x, b, r), masks.delete(x, b, r)
    assert a.shape == d.shape == (2, 3, 2, 5)
    for i, j, k, q in torch.cartesian_prod(*map(torch.arange, a.shape)).tolist():
        top = q in phi[i, j].topk([1, 3][k]).indices
        assert a[i, j, k, q] == (x[i, j, q] if top else b[q])
        assert d[i, j, k, q] == (b[q] if top else x[i, j, q])


@pytest.mark.parametrize("make", [masks.top_mask, masks.threshold_mask, masks.soft_mask])
def test_what_is_inserted_and_what_is_deleted_are_complementary(make):
    """a + d = x + b at every s, and deletion is insertion by 1 - r (ID-7, ID-8)."""
    x, b, phi = double(0, 4, 6), double(1, 6), double(2, 4, 6)
    r = make(phi, every(phi))
    a, d = masks.insert(x, b, r), masks.delete(x, b, r)
    assert torch.allclose(a + d, (x + b)[:, None].expand_as(a))
    assert torch.equal(d, masks.insert(x, b, 1 - r))
    assert torch.allclose(a, r * x[:, None] + (1 - r) * b)
    assert torch.allclose(d, r * b + (1 - r) * x[:, None])


@pytest.mark.parametrize("make", [masks.top_mask, masks.soft_mask])
@pytest.mark.parametrize("own", [False, True])
def test_an_image_is_masked_in_all_its_channels_alike(make, own):
    """(C, H, W) by the path of vectors: each channel is the vector of its pixels in row order (ID-5 to ID-8)."""
    x, phi = double(0, 2, 3, 4, 2, 5), double(1, 2, 3, 10)
    b = double(2, *(x.shape if own else x.shape[2:]))
    r = make(phi, [1, 4, 10])
    for change in (masks.insert, masks.delete):
        a = change(x, b, r)
        assert a.shape == (2, 3, 3, 4, 2, 5)
        for c in range(4):
            channel, ground = x[:, :, c].flatten(2), b[..., c, :, :].flatten(-2)
            assert torch.allclose(a[:, :, :, c].flatten(3), change(channel, ground, r), atol=1e-15)


def test_no_channel_of_a_deleted_pixel_is_left():
    """At s = 1 the top pixel is the background in every channel, and no other pixel is (ID-4)."""
    x, b = torch.ones(1, 3, 2, 2), torch.zeros(3, 2, 2)
    d = masks.delete(x, b, masks.top_mask(torch.tensor([[0.0, 5.0, 1.0, 2.0]]), [1]))
    assert d[0, 0].tolist() == [[[1, 0], [1, 1]]] * 3


# --- Soft masks ------------------------------------------------------------------------------------------------------


@few
@given(tied)
def test_the_temperature_counts_distinct_contributions(values):
    """#phi / (max - min), in plain Python (ID-7)."""
    spread = max(values) - min(values)
    expected = len(set(values)) / spread if spread else 1
    assert masks.temperature(vector(values)).item() == pytest.approx(expected)


def test_each_sample_has_its_own_temperature():
    """A constant sample gets 1 and leaves its neighbours alone; no NaN, no infinity, no gradient (ID-7)."""
    phi = vector([[0.0, 1.0, 2.0], [0.0, 10.0, 20.0], [5.0, 5.0, 5.0]]).requires_grad_()
    T = masks.temperature(phi)
    assert T.tolist() == pytest.approx([1.5, 0.15, 1])
    assert not T.requires_grad
    r = masks.soft_mask(phi, [1, 2, 3])
    r.sum().backward()
    assert r[2, :2].tolist() == [[0.5] * 3] * 2  # nothing to rank by
    assert phi.grad.isfinite().all()


@few
@given(tied)
def test_thresholds_lie_midway(values):
    """Between the s-th and the next largest; the last half a mean gap below the smallest (ID-7)."""
    phi, high = vector(values), sorted(values, reverse=True)
    gap = (high[0] - high[-1]) / len(set(values)) or 1
    expected = [(u + v) / 2 for u, v in pairwise(high)] + [high[-1] - gap / 2]
    assert masks.thresholds(phi, every(phi)).tolist() == pytest.approx(expected)


@few
@given(tied, st.floats(0.1, 9))
def test_a_soft_mask_is_the_sigmoid_of_the_distance_to_its_threshold(values, T):
    """r = sigmoid(T (phi - t_s)), in plain Python, with a given T and with the sample's own (ID-7, ID-8)."""
    phi = vector(values)
    t = masks.thresholds(phi, every(phi)).tolist()
    for own, r in ((T, masks.soft_mask(phi, every(phi), T)), (None, masks.soft_mask(phi, every(phi)))):
        T_own = own or masks.temperature(phi).item()
        expected = [1 / (1 + math.exp(-T_own * (v - t_s))) for t_s in t for v in values]
        assert r.flatten().tolist() == pytest.approx(expected)


@few
@given(distinct)
def test_soft_masks_tend_to_the_hard_ones(values):
    """Nearer with every larger T, and within 1e-6 at a large one, at every s (ID-7, ID-8)."""
    phi = vector(list(values)) / 10
    hard, x, b = masks.top_mask(phi, every(phi)), double(0, len(values)), double(1, len(values))
    errors = [(masks.soft_mask(phi, every(phi), T) - hard).abs().max().item() for T in (1, 3, 10, 30, 100, 1000)]
    assert all(later < earlier for earlier, later in pairwise(errors))
    assert errors[-1] < 1e-6
    soft = masks.soft_mask(phi, every(phi), 1000.0)
    for change in (masks.insert, masks.delete):
        assert torch.allclose(change(x, b, soft), change(x, b, hard), rtol=0, atol=1e-5)


def test_at_a_tie_the_soft_mask_stays_halfway():
    """t_s lies on equal contributions that s cuts apart: 1/2 at any T, where the hard mask must choose (ID-7)."""
    phi = vector([4.0, 2.0, 2.0, 0.0])
    for T in (1.0, 1e3):
        r = masks.soft_mask(phi, [1, 2, 3], T)
        assert r[1, 1:3].tolist() == [0.5, 0.5]
    assert torch.allclose(r[[0, 2]], masks.top_mask(phi, [1, 3]), atol=1e-6)


@few
@given(tied.filter(lambda values: len(set(values)) > 1), st.sampled_from([0.25, 2.0, 64.0]), st.integers(-5, 5))
def test_soft_masks_see_order_and_relative_gaps_alone(values, scale, shift):
    """With each sample's own T neither the size nor the level of phi counts (ID-7)."""
    phi = vector(values)
    assert torch.allclose(masks.soft_mask(scale * phi + shift, every(phi)), masks.soft_mask(phi, every(phi)))


def test_gradients_of_soft_masks_are_right():
    """To phi, through every threshold too, with T given; below s = Q, whose threshold rests on the mean gap (ID-7)."""
    phi = double(0, 2, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda phi: masks.soft_mask(phi, [1, 2, 4], 1.7), phi)
    weight = double(1, 2, 3, 5)
    (grad,) = torch.autograd.grad((masks.soft_mask(phi, [1, 2, 4], 1.7) * weight).sum(), phi)
    assert torch.allclose(grad.sum(-1), torch.zeros(2, dtype=torch.float64), atol=1e-12)  # shifting phi changes nothing


def test_the_own_temperature_is_a_constant_in_the_gradient():
    """A sample's own T and the same numbers given by hand pull alike (ID-7, ID-8)."""
    phi, weight = double(0, 3, 6).requires_grad_(), double(1, 3, 6, 6)
    own, given = (
        torch.autograd.grad((masks.soft_mask(phi, every(phi), T) * weight).sum(), phi)[0]
        for T in (None, masks.temperature(phi))
    )
    assert torch.equal(own, given)
    assert own.abs().min() > 0


# --- The steps, and bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("Q", "S", "step", "expected"),
    [
        (10, 0.3, 1, [1, 2, 3]),
        (11, 0.5, 1, [1, 2, 3, 4, 5, 6]),  # 5.5, to the even neighbour
        (12, 0.27, 1, [1, 2, 3]),  # 3.24
        (4, 1.0, 1, [1, 2, 3, 4]),
        (9, 0.01, 1, [1]),
        (1024, 0.3, 64, [64, 128, 192, 256]),
    ],
)
def test_steps_go_up_to_the_share_of_all_features(Q, S, step, expected):
    assert masks.steps(Q, S, step) == expected


@pytest.mark.parametrize("S", [0, -0.1, 1.01, math.nan, "0.3", True])
def test_the_share_must_be_one(S):
    with pytest.raises(ValueError, match=rf"S must be a share of the features in \(0, 1\], got {S!r}"):
        masks.steps(10, S)


@pytest.mark.parametrize("step", [0, 11, 1.5, "a"])
def test_the_step_must_fit(step):
    with pytest.raises(ValueError, match=f"step must be a whole number between 1 and Q = 10, got {step!r}"):
        masks.steps(10, 0.5, step)


@pytest.mark.parametrize("s", [[], [0], [1, 6], [-1], [2.0], [1, math.nan]])
@pytest.mark.parametrize("make", [masks.top_mask, masks.threshold_mask, masks.soft_mask])
def test_s_must_be_numbers_of_features(make, s):
    with pytest.raises(ValueError, match=r"s must be whole numbers of features between 1 and Q = 5, got \["):
        make(torch.zeros(2, 5), s)


@pytest.mark.parametrize(
    ("x", "b", "message"),
    [
        ((2, 4), (4,), r"x must have .* masks, \(2,\) and then Q or C, H, W with Q = 6, got \(2, 4\)"),
        ((3, 6), (6,), r"x must have .*Q = 6, got \(3, 6\)"),
        ((2, 2, 3), (2, 3), r"x must have .*got \(2, 2, 3\)"),  # an image needs its channels' axis
        ((2, 3, 2, 4), (3, 2, 4), r"x must have .*got \(2, 3, 2, 4\)"),
        ((2, 6), (5,), r"b must have the shape of one input, \(6,\), or of x, got \(5,\)"),
        ((2, 6), (), r"b must have the shape of one input, \(6,\), or of x, got \(\)"),
        ((2, 6), (3, 6), r"b must have .*got \(3, 6\)"),
        ((2, 6), (1, 6), r"b must have .*got \(1, 6\)"),
        ((2, 3, 2, 3), (3,), r"b must have the shape of one input, \(3, 2, 3\), or of x, got \(3,\)"),
    ],
)
def test_wrong_shapes_are_named(x, b, message):
    r = masks.top_mask(torch.zeros(2, 6), [1])
    for change in (masks.insert, masks.delete):
        with pytest.raises(ValueError, match=message):
            change(torch.zeros(x), torch.zeros(b), r)


def test_masks_need_an_axis_of_their_own():
    with pytest.raises(ValueError, match=r"r must be masks \(..., K, Q\), got \(6,\)"):
        masks.insert(torch.zeros(6), torch.zeros(6), torch.zeros(6))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_contributions_must_be_finite(bad):
    phi = torch.zeros(2, 3)
    assert masks.check_phi(phi) is phi
    phi[1, 2] = bad
    with pytest.raises(ValueError, match="phi must be finite, got 1 NaN or infinite of 6 contributions"):
        masks.check_phi(phi)


def test_contributions_that_hardly_differ_have_a_finite_mask():
    """1e-39 is above 0 in single precision, and one over it is not finite (ID-7, ID-8)."""
    phi = torch.tensor([1e-39, 0.0, 0.0], requires_grad=True)
    r = masks.soft_mask(phi, [1, 2, 3])
    r.sum().backward()
    assert r.isfinite().all()
    assert phi.grad.isfinite().all()
    assert masks.temperature(phi).isfinite()
    larger = masks.soft_mask(torch.tensor([1e-15, 0.0, 0.0]), [1])[0]
    assert larger[0] > 0.7 > 0.3 > larger[1] == larger[2]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_every_mask_refuses_contributions_that_are_not_finite(bad):
    phi = torch.tensor([0.1, bad, 0.3])
    for mask in (masks.top_mask, masks.threshold_mask, masks.soft_mask, masks.thresholds):
        with pytest.raises(ValueError, match="phi must be finite, got 1 NaN or infinite of 3 contributions"):
            mask(phi, [1])
    with pytest.raises(ValueError, match="phi must be finite"):
        masks.temperature(phi)


@pytest.mark.parametrize("T", [math.nan, math.inf, 0.0, -1.0, torch.tensor([1.0, math.nan])])
def test_a_temperature_is_finite_and_positive(T):
    with pytest.raises(ValueError, match="T must be finite and above 0, got"):
        masks.soft_mask(torch.randn(2, 4), [1], T)


@pytest.mark.parametrize("floor", [math.nan, math.inf, -1e-3, "0", None])
def test_a_floor_is_finite_and_not_negative(floor):
    with pytest.raises(ValueError, match=f"floor must be a finite number of at least 0, got {floor!r}"):
        masks.soft_mask(torch.randn(2, 4), [1], floor=floor)


def test_one_temperature_for_a_batch_is_one_over_its_mean_gap_above_zero():
    phi = torch.tensor([[0.0, 0.0, 1.0, 3.0], [2.0, 2.5, 2.5, 2.5]])  # gaps 0, 1, 2 and 0.5, 0, 0
    assert masks.batch_temperature(phi).tolist() == pytest.approx([3 / 3.5])
    runs = torch.stack([phi, 2 * phi])
    assert masks.batch_temperature(runs)[:, 0].tolist() == pytest.approx([3 / 3.5, 3 / 7])
    assert masks.batch_temperature(torch.ones(2, 3)).tolist() == [1.0]
    r = masks.soft_mask(runs, [1, 2], masks.batch_temperature(runs))
    assert torch.allclose(r[0], masks.soft_mask(phi, [1, 2], 3 / 3.5))
    assert torch.allclose(r[0], r[1])


# --- Fewer values of s -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "K"), [(32, 4), (32, 1), (32, 5), (19, 4), (7, 7)])
def test_the_systematic_draw_meets_every_value_alike(n, K):
    """Over a fine grid of starts every s comes with the same share, also where K does not divide n."""
    s = list(range(1, n + 1))
    u = (torch.arange(n * K * 20) + 0.5) / (n * K * 20)
    drawn = masks.draw_steps(s, u, K=K)
    assert drawn.shape == (len(u), K)
    share = drawn.flatten().bincount(minlength=n + 1)[1:].double() / len(u)
    assert torch.allclose(share, torch.full_like(share, K / n), atol=1e-9)
    assert (drawn.diff(dim=-1) > 0).all()


def test_a_mean_over_drawn_values_is_unbiased_and_varies_less_than_a_uniform_one():
    s, u = list(range(1, 33)), torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    curve = torch.tensor([(i / 32) ** 2 for i in range(33)], dtype=torch.float64)
    systematic = curve[masks.draw_steps(s, u, K=4)].mean(-1)
    uniform = curve[torch.randint(1, 33, (20_000, 4), generator=torch.Generator().manual_seed(1))].mean(-1)
    error = systematic.std() / 20_000**0.5
    assert abs(systematic.mean() - curve[1:].mean()) < 4 * error
    assert systematic.var() < 0.3 * uniform.var()


def test_the_tie_rules_part_where_cells_are_equal():
    """`first` takes s cells, `threshold` all that are not below; where cells are distinct they agree (ID-3, ID-5)."""
    phi = torch.tensor([[0.5, 0.0, 0.0, 0.9]])
    assert masks.hard_mask(phi, [3]).tolist() == [[[1, 1, 0, 1]]]
    assert masks.hard_mask(phi, [3], ties="threshold").tolist() == [[[1, 1, 1, 1]]]
    distinct = torch.tensor([[0.5, 0.1, 0.2, 0.9]])
    assert torch.equal(masks.hard_mask(distinct, [1, 3]), masks.hard_mask(distinct, [1, 3], ties="threshold"))
    with pytest.raises(ValueError, match="ties"):
        masks.hard_mask(phi, [1], ties="random")


def test_each_sample_may_have_its_own_values_of_s():
    phi, s = torch.rand(5, 9), torch.randint(1, 10, (5, 3))
    for mask in (masks.top_mask, masks.threshold_mask, masks.soft_mask):
        own = torch.stack([mask(phi[i], s[i].tolist()) for i in range(5)])
        assert torch.allclose(mask(phi, s), own)
    for wrong in (s[:4], s * 0, s + 9):
        with pytest.raises(ValueError, match="s must"):
            masks.top_mask(phi, wrong)


def test_a_floor_on_the_range_leaves_other_maps_as_they_are():
    """It changes T only where phi's range is below it, and keeps the flattest maps from the steepest masks."""
    phi = torch.rand(50, 64) * torch.logspace(-6, 0, 50)[:, None]
    spread = phi.amax(-1) - phi.amin(-1)
    plain, floored = masks.temperature(phi), masks.temperature(phi, floor=1e-3)
    above = spread >= 1e-3
    assert above.any()
    assert not above.all()
    assert torch.equal(plain[above], floored[above])
    assert torch.allclose(floored[~above], torch.tensor(64 / 1e-3))
    assert masks.temperature(torch.zeros(1, 4), floor=1e-3) == 1
    tiny = torch.tensor([1e-39, 0, 0], requires_grad=True)
    masks.soft_mask(tiny, [1], floor=1e-3).sum().backward()
    assert tiny.grad.isfinite().all()

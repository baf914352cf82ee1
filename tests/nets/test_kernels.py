"""What makes networks fast is what autograd would compute."""

import pytest
import torch

from lib import nets
from lib.nets import MLP, Classifier, kernels
from tests.nets.in_torch import ALL_BITS, bits_for, double, generators, plain_dropout

# --- The fused layer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.3, 0.75])
@pytest.mark.parametrize("biased", [True, False])
def test_gradients_of_the_fused_layers_are_right(p, biased):
    """Against finite differences, with and without dropout and biases, in float64."""
    shapes = [(2, 5, 3), (2, 3, 4), (2, 1, 4), (2, 4, 2), (2, 1, 2)]
    x, W1, b1, W2, b2 = (double(s, *shape).requires_grad_() for s, shape in enumerate(shapes))
    numbers = torch.rand(2, 5, 6, generator=generators(1)[0]) if p else None
    parameters = (W1, b1, W2, b2) if biased else (W1, None, W2, None)

    def layers(*_):
        return kernels.HiddenLayers.apply(x, numbers, p, 1 / (1 - p), *parameters)

    assert torch.autograd.gradcheck(layers, [t for t in (x, *parameters) if t is not None])
    keep = torch.ones(2, 5, 6) if numbers is None else numbers > p
    y = (x @ W1 + (b1 if biased else 0)).relu() * keep[..., :4] / (1 - p)
    assert torch.allclose(layers(), (y @ W2 + (b2 if biased else 0)).relu() * keep[..., 4:] / (1 - p))


# --- Losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [True, False])
def test_the_cross_entropy_is_torchs_with_its_gradients(labels):
    """To the logits and, where the target is a distribution, to what that comes from."""
    logits, other = (double(seed, 2, 3, 5).requires_grad_() for seed in (0, 1))
    classes = torch.tensor([[0, 4, 2], [1, 1, 3]])
    weight, leaves = double(2, 2, 3), [logits] if labels else [logits, other]

    def target():
        return classes if labels else other.softmax(-1)

    def theirs(logits, target):
        rows = target.flatten(0, 1)
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows, reduction="none").view(2, 3)

    ours, plain = (loss(logits, target()) for loss in (nets.cross_entropy, theirs))
    torch.testing.assert_close(ours, plain)
    for a, b in zip(*(torch.autograd.grad((values * weight).sum(), leaves) for values in (ours, plain))):
        torch.testing.assert_close(a, b)


# --- The fused network -----------------------------------------------------------------------------------------------


def test_gradients_of_the_network_are_autograds():
    """Against a plain writing with torch's own functions, dropout on, for the input and every parameter."""
    f = MLP((3, 5, 4), dropout=0.4)
    theta, x, bits = f.init(generators(2), torch.float64), double(5, 2, 6, 3), bits_for(f, 2, 6)
    leaves = [x, *theta.values()]
    for leaf in leaves:
        leaf.requires_grad_()
    ours = f(theta, x, bits.clone())  # bits are overwritten
    plain = torch.stack(
        [plain_dropout({n: t[r] for n, t in theta.items()}, x[r], bits[r], f.sizes, 0.4) for r in (0, 1)]
    )
    assert torch.allclose(ours, plain)
    weight = double(6, *ours.shape)
    for a, b in zip(*(torch.autograd.grad((out * weight).sum(), leaves) for out in (ours, plain))):
        assert torch.allclose(a, b)


# --- Dropout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.3, 0.5, 0.1, 2**-16, 1 - 2**-16])
def test_the_probability_of_a_drop_is_exact_to_sixteen_bits(p):
    """Of all 65,536 numbers, round(65,536 p) drop their unit; the others scale it by 1 / (1 - p)."""
    f = MLP((1, 1), dropout=p)
    theta = {"W1": torch.zeros(1, 1, 1, dtype=torch.float64), "b1": torch.ones(1, 1, 1, dtype=torch.float64)}
    y = f(theta, torch.zeros(1, 2**16, 1, dtype=torch.float64), ALL_BITS.clone().view(1, -1, 1))
    assert (y == 0).sum().item() == round(p * 2**16)
    assert y.max().item() == pytest.approx(1 / (1 - p))


def test_dropout_keeps_the_mean_and_is_off_in_evaluation():
    f = MLP((1, 1), dropout=0.25)  # 0.25 is a multiple of 2^-16: the mean is exact
    theta = {"W1": torch.zeros(1, 1, 1, dtype=torch.float64), "b1": torch.full((1, 1, 1), 3.0, dtype=torch.float64)}
    x = torch.zeros(1, 2**16, 1, dtype=torch.float64)
    assert f(theta, x, ALL_BITS.clone().view(1, -1, 1)).mean().item() == pytest.approx(3)
    assert torch.all(f(theta, x) == 3)


def test_without_dropout_no_numbers_are_drawn():
    f = MLP((2, 3, 4), dropout=0)
    theta, x = f.init(generators(1)), torch.ones(1, 2, 2)
    assert f.n_draws == 0
    assert torch.equal(f(theta, x, torch.zeros(1, 2, 0, dtype=torch.int16)), f(theta, x))
    assert MLP((2, 3, 4)).n_draws == 7  # one for each unit of each hidden layer


def test_a_classifier_and_its_gradients_are_autograds_however_its_rows_are_cut(monkeypatch):
    """Blocks of two rows of each run, the last of one, against the layers as torch has them."""
    monkeypatch.setattr(kernels, "BLOCK", 24)
    f, x, weight = Classifier((3, 6, 5, 4)), double(3, 2, 7, 3), double(4, 2, 7, 4)
    theta = {n: t.requires_grad_() for n, t in f.init(generators(2), torch.float64).items()}
    ours = f(theta, x)
    got = torch.autograd.grad((ours * weight).sum(), list(theta.values()))
    last = ((x @ theta["W1"] + theta["b1"]).relu() @ theta["W2"] + theta["b2"]).relu() @ theta["W"] + theta["b"]
    expected = torch.autograd.grad((last * weight).sum(), list(theta.values()))
    assert torch.allclose(ours, last)
    assert all(torch.allclose(a, b) for a, b in zip(got, expected))


def test_mixed_precision_rounds_what_layers_multiply_and_nothing_else():
    """Logits and gradients of eight significant bits, in the parameters' own type; sums and biases have all 24."""
    f = Classifier((6, 64, 64, 4))
    x = double(3, 2, 50, 6).float()
    theta = {n: t.requires_grad_() for n, t in f.init(generators(2)).items()}
    exact, mixed = f(theta, x), f.mixed()(theta, x)
    assert mixed.dtype == exact.dtype
    assert 2**-12 < (mixed - exact).abs().max() / exact.abs().max() < 2**-6
    gradients = [torch.autograd.grad(g.square().sum(), list(theta.values())) for g in (exact, mixed)]
    for plain, rounded in zip(*gradients):
        assert plain.dtype == rounded.dtype
        assert 2**-14 < (rounded - plain).norm() / plain.norm() < 2**-5
    last = Classifier((6, 4))
    theta = last.init(generators(2))
    rounded = {"W": theta["W"].bfloat16().float(), "b": theta["b"]}
    assert torch.equal(last.mixed()(theta, x), last(rounded, x.bfloat16().float()))


@pytest.mark.parametrize("K", [1, 7, 8, 11])
def test_a_product_widened_for_a_gpu_is_the_same(K):
    """Columns up to a multiple of 8, at least one, which carries the bias."""
    x, W, b = double(0, 2, 5, K), double(1, 2, K, 3), double(2, 2, 1, 3)
    wide, weights, none = kernels.widened(x, W, b)
    assert none is None
    assert wide.shape[-1] == weights.shape[1] == 8 * (K // 8 + 1)
    torch.testing.assert_close(wide @ weights, x @ W + b)


def test_log_probability_takes_one_inputs_logits_as_well_as_many():
    logits = double(0, 3, 5)
    each = torch.stack([nets.log_probability(own, torch.tensor(2)) for own in logits])
    torch.testing.assert_close(each, nets.log_probability(logits, torch.full((3,), 2)))


@pytest.mark.parametrize("block", [1, 7, 10_000])
def test_log_probability_has_torchs_gradient_in_blocks_of_any_size(block, monkeypatch):
    """grad_j = [j = y] - softmax_j, for blocks that do and do not divide the rows; once only (ID-9, ID-10)."""
    monkeypatch.setattr(kernels, "BLOCK", 5 * block)
    logits, y = double(0, 2, 3, 4, 5).requires_grad_(), torch.randint(5, (2, 3, 4), generator=generators(1)[0])
    grad = double(1, 2, 3, 4)
    expected = (torch.eye(5)[y] - logits.detach().softmax(-1)) * grad[..., None]
    (found,) = torch.autograd.grad(nets.log_probability(logits, y), logits, grad)
    assert torch.allclose(found, expected, atol=1e-12)


def test_a_second_derivative_is_refused_where_there_is_none():
    """And not given as that of a constant, as an explanation that is a gradient itself would have it."""
    x, f = double(0, 1, 4, 5), Classifier((5, 6, 3))
    theta = {n: t.requires_grad_() for n, t in f.init(generators(1), torch.float64).items()}
    x.requires_grad_()
    log_p = nets.log_probability(f(theta, x), torch.zeros(1, 4, dtype=torch.int64))
    with pytest.raises(NotImplementedError, match=r"no second derivative: .* needs Network"):
        torch.autograd.grad(log_p.sum(), x, create_graph=True)
    (once,) = torch.autograd.grad(log_p.sum(), x)
    assert not once.requires_grad

"""Networks: R stacked nets are R torch nets, gradients are autograd's, and dropout is what it says, exactly."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy, linear

from lib import nets
from lib.nets import MLP, Classifier, Network, kernels

few = settings(deadline=None, max_examples=15, derandomize=True)
ALL_BITS = torch.arange(2**16).to(torch.int16)  # every 16-bit number once


def generators(R, seed=0):
    return [torch.Generator().manual_seed(seed + r) for r in range(R)]


def double(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def bits_for(f, R, B, seed=0):
    return torch.randint(-(2**15), 2**15, (R, B, f.n_draws), generator=generators(1, seed)[0]).to(torch.int16)


def torch_net(theta, run, sizes):
    """The same net as nn.Sequential of nn.Linear and ReLU, with one run's weights."""
    net = nn.Sequential()
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), 1):
        net.append(nn.Linear(fan_in, fan_out, dtype=torch.float64)).append(nn.ReLU())
        net[-2].weight.data = theta[f"W{layer}"][run].T
        net[-2].bias.data = theta[f"b{layer}"][run, 0]
    return net


def plain_dropout(theta, x, bits, sizes, p):
    """f(x) of one run written with torch's own functions; a unit is dropped where its number lies below the p share."""
    start = 0
    for layer, width in enumerate(sizes[1:], 1):
        keep = bits[:, start : start + width].long() + 2**15 >= round(p * 2**16)
        x = linear(x, theta[f"W{layer}"].T, theta[f"b{layer}"][0]).relu() * keep / (1 - p)
        start += width
    return x


# --- FE-1 ------------------------------------------------------------------------------------------------------------


@few
@given(st.integers(1, 3), st.integers(1, 6), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 99))
def test_a_stack_of_runs_is_as_many_torch_networks(R, B, sizes, seed):
    """W^T f(x), one run after the other in nn.Linear layers (FE-1)."""
    f, C = MLP(sizes), 3
    theta, x, W = f.init(generators(R, seed), torch.float64), double(seed, R, B, sizes[0]), double(1, R, sizes[-1], C)
    g = nets.predict_logits(f(theta, x), W)
    assert g.shape == (R, B, C)
    for r in range(R):
        by_torch = [W[r].T @ f_x for f_x in torch_net(theta, r, sizes)(x[r])]
        assert torch.allclose(g[r], torch.stack(by_torch))


def test_r_is_softmax_over_outputs_or_nothing():
    """r: softmax for classification, the identity for regression (FE-1, FE-2)."""
    logits = double(0, 2, 3, 4)
    probabilities = nets.respond(logits, "classification")
    assert torch.allclose(probabilities, logits.exp() / logits.exp().sum(2, keepdim=True))
    assert torch.equal(nets.respond(logits, "regression"), logits)


# --- The fused layer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.3, 0.75])
def test_gradients_of_the_fused_layer_are_right(p):
    """Against finite differences, with and without dropout, in float64."""
    x, W, b = (double(s, *shape).requires_grad_() for s, shape in enumerate([(2, 5, 3), (2, 3, 4), (2, 1, 4)]))
    keep = (torch.rand(2, 5, 4, generator=generators(1)[0]) >= p).to(torch.int16) if p else None
    layer = kernels.DroppedReLU.apply
    assert torch.autograd.gradcheck(lambda *t: layer(*t, keep, 1 / (1 - p)), (x, W, b))
    y = layer(x, W, b, keep, 1 / (1 - p))
    assert torch.allclose(y, (x @ W + b).relu() * (1 if keep is None else keep) / (1 - p))


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


# --- Start values ----------------------------------------------------------------------------------------------------


def test_start_values_are_those_of_nn_linear():
    """Uniform in +-1/sqrt(fan in), weights and biases alike."""
    for name, tensor in MLP((4, 100, 400)).init(generators(20)).items():
        bound = {"1": 4, "2": 100}[name[1]] ** -0.5
        assert 0.99 * bound < tensor.abs().max() <= bound, name
        assert abs(tensor.std() * 3**0.5 / bound - 1) < 0.05, name
    assert MLP((4,)).init(generators(2)) == {}


def test_a_runs_start_does_not_depend_on_its_neighbours():
    f = MLP((3, 4, 5))
    together = f.init(generators(3))
    for r in range(3):
        alone = f.init([torch.Generator().manual_seed(r)])
        assert all(torch.equal(together[n][r], alone[n][0]) for n in together)
    assert not torch.equal(together["W1"][0], together["W1"][1])


# --- ID's predictor --------------------------------------------------------------------------------------------------


def test_a_classifier_is_the_mlp_and_a_last_layer():
    """Logits of R torch networks at once, hidden layers with a ReLU, the last without."""
    f, x = Classifier((3, 6, 5, 4)), double(3, 2, 7, 3)
    theta = f.init(generators(2), torch.float64)
    assert {n: tuple(t.shape[1:]) for n, t in theta.items()} == {
        "W1": (3, 6), "b1": (1, 6), "W2": (6, 5), "b2": (1, 5), "W": (5, 4), "b": (1, 4)
    }  # fmt: skip
    for r in range(2):
        net = torch_net(theta, r, (3, 6, 5))
        assert torch.allclose(f(theta, x)[r], linear(net(x[r]), theta["W"][r].T, theta["b"][r, 0]))
    assert (f(theta, x) < 0).any()
    for name in ("W", "b"):
        assert 0.2 < theta[name].abs().max() * 5**0.5 <= 1
    assert torch.equal(theta["W"][1], f.init(generators(1, 1), torch.float64)["W"][0])  # whatever its neighbours


def test_a_classifiers_gradients_are_autograds_however_its_rows_are_cut(monkeypatch):
    """Blocks of two rows of each run, the last of one, against the layers as torch has them."""
    monkeypatch.setattr(kernels, "BLOCK", 24)
    f, x, weight = Classifier((3, 6, 5, 4)), double(3, 2, 7, 3), double(4, 2, 7, 4)
    theta = {n: t.requires_grad_() for n, t in f.init(generators(2), torch.float64).items()}
    got = torch.autograd.grad((f(theta, x) * weight).sum(), list(theta.values()))
    last = ((x @ theta["W1"] + theta["b1"]).relu() @ theta["W2"] + theta["b2"]).relu() @ theta["W"] + theta["b"]
    expected = torch.autograd.grad((last * weight).sum(), list(theta.values()))
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


def test_log_probability_is_torchs_cross_entropy():
    """log softmax(logits)_y for any leading axes; one label may serve a whole axis (ID-9, ID-10)."""
    logits, y = double(0, 2, 3, 4, 5), torch.randint(5, (2, 3, 4), generator=generators(1)[0])
    expected = -cross_entropy(logits.flatten(0, 2), y.flatten(), reduction="none").view(2, 3, 4)
    assert torch.allclose(nets.log_probability(logits, y), expected)
    shared = nets.log_probability(logits, y[..., :1])
    for k in range(4):
        assert torch.allclose(shared[:, :, k], logits[:, :, k].softmax(-1).gather(-1, y[..., :1])[..., 0].log())
    sure = nets.log_probability(torch.tensor([[1000.0, 0.0]]), torch.tensor([1]))
    assert sure.tolist() == [-1000]  # no log of a probability rounded to 0


@pytest.mark.parametrize("block", [1, 7, 10_000])
def test_log_probability_has_torchs_gradient_in_blocks_of_any_size(block, monkeypatch):
    """grad_j = [j = y] - softmax_j, for blocks that do and do not divide the rows; once only (ID-9, ID-10)."""
    monkeypatch.setattr(kernels, "BLOCK", 5 * block)
    logits, y = double(0, 2, 3, 4, 5).requires_grad_(), torch.randint(5, (2, 3, 4), generator=generators(1)[0])
    grad = double(1, 2, 3, 4).requires_grad_()
    expected = (torch.eye(5)[y] - logits.detach().softmax(-1)) * grad[..., None]
    (found,) = torch.autograd.grad(nets.log_probability(logits, y), logits, grad, create_graph=True)
    assert torch.allclose(found, expected, atol=1e-12)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        found.sum().backward()


# --- Anybody's module ------------------------------------------------------------------------------------------------


def test_a_module_is_the_mlp_with_the_same_weights():
    f = MLP((3, 5, 4), dropout=0)
    theta, x = f.init(generators(1), torch.float64), double(3, 1, 7, 3)
    network = Network(torch_net(theta, 0, f.sizes))
    assert torch.allclose(network(network.init(generators(1), torch.float64), x), f(theta, x))


def test_a_modules_buffers_are_carried_along_and_its_own_weights_stay():
    """Batch norm's averages move in the carried copy, train mode only, and are not among the trained names."""
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    before = {n: t.clone() for n, t in module.state_dict().items()}
    network = Network(module)
    theta = network.init(generators(1))
    assert network.untrained == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    network(theta, torch.randn(1, 8, 3))
    assert theta["1.num_batches_tracked"].item() == 0
    network(theta, torch.randn(1, 8, 3), torch.empty(1, 8, 0))
    assert theta["1.num_batches_tracked"].item() == 1
    assert theta["1.running_mean"].abs().sum() > 0
    assert all(torch.equal(t, before[n]) for n, t in module.state_dict().items())


def test_a_modules_noise_is_seeded_and_leaves_torchs_own_as_it_was():
    network = Network(nn.Dropout(0.5))
    x, bits = torch.ones(1, 50, 20), torch.empty(1, 50, 0)
    state, outputs = torch.random.get_rng_state(), []
    for seed in (1, 1, 2):
        with network.own_noise(torch.Generator().manual_seed(seed)):
            outputs.append(network({}, x, bits))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(network({}, x), x)  # off in evaluation


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLP(()), r"sizes must be positive layer widths.*got \(\)"),
        (lambda: MLP((3, 0)), r"sizes must be positive layer widths.*got \(3, 0\)"),
        (lambda: MLP((3, 4), dropout=1.0), r"dropout must lie in \[0, 1\), got 1.0"),
        (lambda: MLP((3, 4), dropout=-0.1), r"dropout must lie in \[0, 1\), got -0.1"),
        (lambda: Classifier((3, 0, 2)), r"sizes must be positive layer widths.*got \(3, 0\)"),
        (lambda: Network(lambda x: x), "f must be an nn.Module, got function"),
        (lambda: Network(nn.Linear(2, 2)).init(generators(2)), "one run at a time, got 2 runs"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()

"""f as FE-1 has it: a stack of runs is as many torch networks; ID's classifier."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, linear

from lib import nets
from lib.nets import MLP, Classifier
from tests.nets.in_torch import double, few, generators, torch_net

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


def test_dropout_keeps_the_mean():
    """A unit is 0 where its random number lies in the dropped share; the others are larger by as much as is lost."""
    f, x = MLP((3, 5), dropout=0.25), double(0, 1, 400, 3)
    theta = f.init(generators(1), torch.float64)
    bits = torch.randint(-(2**15), 2**15, (1, 400, f.n_draws), generator=generators(1)[0]).short()
    dropped, whole = bits < 2**14 - 2**15, f(theta, x)  # a quarter of the 2^16 numbers
    assert 0.2 < dropped.double().mean() < 0.3
    assert torch.allclose(f(theta, x, bits), whole.masked_fill(dropped, 0) / 0.75)


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


def test_mixed_rounds_to_eight_bits_and_keeps_the_range():
    """bfloat16 is as wide as float32 and coarse: products of 10^6 stay finite, and differ by about 2^-8."""
    f, x = Classifier((3, 64, 4)), 1e6 * double(3, 1, 50, 3).float()
    theta = f.init(generators(1))
    exact, coarse = f(theta, x), f.mixed()(theta, x)
    off = ((coarse - exact).norm() / exact.norm()).item()
    assert coarse.dtype == torch.float32
    assert 2**-11 < off < 2**-6


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

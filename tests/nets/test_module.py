"""Anybody's nn.Module as f."""

import pytest
import torch
from torch import nn
from torch.nn.functional import dropout

from lib.nets import MLP, Classifier, Network
from lib.training import Runs, fit
from tests.nets.in_torch import double, generators, torch_net
from tests.training import fe
from tests.training import id as id_

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
        (lambda: MLP((3, 4), dropout="a"), r"dropout must lie in \[0, 1\), got 'a'"),
        (lambda: MLP((3, 4), dropout=-0.1), r"dropout must lie in \[0, 1\), got -0.1"),
        (lambda: Classifier((3, 0, 2)), r"sizes must be positive layer widths.*got \(3, 0\)"),
        (lambda: Network(lambda x: x), "f must be an nn.Module, got function"),
        (lambda: Network(nn.Sequential(nn.LazyLinear(2))), "f must know its shapes, got lazy layers"),
        (lambda: Network(nn.Linear(2, 2)).init(generators(2)), "one run at a time, got 2 runs"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_frozen_in_a_module_stays_so_and_its_modes_are_its_own():
    """A bias without requires_grad, a batch norm in evaluation inside a module that trains; buffers of a child `f`."""
    torch.manual_seed(0)
    whole = nn.Sequential()
    whole.f = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.BatchNorm1d(6), nn.Linear(6, 3)).double()
    whole.f[0].bias.requires_grad_(False)
    whole.f[1].eval()
    before = {n: t.clone() for n, t in whole.f.state_dict().items()}
    folds = id_.table((0,))
    got = fit("pretrained", folds, Runs.grid(1, lr=[0.1]), settings=id_.SMALL, f=Network(whole), progress=False)
    after = {n.removeprefix("f."): t[0, 0] for n, t in got.bank.items()}
    assert torch.equal(after["0.bias"], before["0.bias"])
    assert torch.equal(after["1.running_mean"], before["1.running_mean"])
    assert not torch.equal(after["3.weight"], before["3.weight"])
    assert [part.training for part in (whole, *whole.f)] == [True, True, False, True, True]


def test_a_frozen_layer_of_a_module_in_training_sees_no_batch():
    f = Network(nn.Sequential(nn.BatchNorm1d(4), nn.BatchNorm1d(4)).double())
    f.module[0].eval()
    theta = f.init(generators(1), torch.float64)
    f(theta, torch.randn(1, 8, 4, dtype=torch.float64) + 3, torch.zeros(1, 8, 0, dtype=torch.int16))
    assert not theta["0.running_mean"].any()
    assert theta["1.running_mean"].any()


# --- Tried before it is trained --------------------------------------------------------------------------------------


class Of(nn.Module):
    """A linear layer, and somebody's way to use it."""

    def __init__(self, forward, D=3):
        super().__init__()
        self.linear, self.how = nn.Linear(D, 4), forward

    def forward(self, x):
        return self.how(self.linear, x)


UNFIT = {
    "in place": (Of(lambda linear, x: linear(x.mul_(0.5))), "f must leave its input as it is.* in place"),
    "first layer in place": (nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 4)), "f must leave its input as it is"),
    "a tuple": (Of(lambda linear, x: (linear(x), x)), "f must give one tensor, .* each of 2 rows, got a tuple"),
    "a dictionary": (Of(lambda linear, x: {"logits": linear(x)}), "f must give one tensor, .* got a dict"),
    "an axis more": (Of(lambda linear, x: linear(x)[:, None]), r"f must give one tensor, .* got \(2, 1, 4\)"),
    "an axis less": (Of(lambda linear, x: linear(x).flatten()), r"f must give one tensor, .* got \(8,\)"),
    "other rows": (Of(lambda linear, x: linear(x)[:1]), r"f must give one tensor, .* got \(1, 4\)"),
    "other features": (Of(lambda linear, x: linear(x), D=7), r"f must take rows of the shape \(3,\), got .*mat1"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_a_module_that_does_not_fit_is_refused_before_anything_is_trained(kind, tmp_path):
    module, message = UNFIT[kind]
    folds = fe.toy()
    before = folds.x_train.clone()
    for train in (
        lambda: fe.train("Ours", folds, f=Network(module), checkpoint=tmp_path / "c"),
        lambda: id_.pretrain(folds, f=Network(module), checkpoint=tmp_path / "c"),
    ):
        with pytest.raises(ValueError, match=message):
            train()
    assert torch.equal(folds.x_train, before)
    assert not [*tmp_path.iterdir()]


def test_a_change_in_place_is_seen_where_it_changes_nothing():
    """A ReLU on rows that are positive: on others it would."""
    with pytest.raises(ValueError, match="f must leave its input as it is"):
        Network(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 4))).check(torch.ones(2, 3))


def test_to_be_tried_leaves_a_module_and_torchs_random_numbers_as_they_were():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), Of(lambda linear, x: dropout(linear(x), 0.5), D=4))
    before, state = {n: t.clone() for n, t in module.state_dict().items()}, torch.random.get_rng_state()
    network = Network(module)
    network.check(torch.ones(1, 3))  # batch norm in training refuses a single row
    assert all(torch.equal(t, before[n]) for n, t in module.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(part.training for part in module.modules())

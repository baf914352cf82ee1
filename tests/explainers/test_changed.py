"""Explainers changed for an ablation."""

import torch

from lib import explainers
from lib.explainers import LIME
from lib.predictor import Predictor

# --- Changed for an ablation -----------------------------------------------------------------------------------------


def changed(explainer, rows=5, D=6):
    """What it gives for some rows of a small network, and the network's parameters."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(D, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).double()
    x, y = torch.randn(rows, D, dtype=torch.float64), torch.arange(rows) % 3
    predictor = Predictor.of(module, torch.zeros(D, dtype=torch.float64))
    drawn = explainer.draw(torch.Size([D]), torch.Generator().manual_seed(1), rows=rows, dtype=torch.float64)
    return explainer.explain(predictor, x, y, **drawn), list(module.parameters())


def test_constant_contributions_are_the_same_without_their_gradient():
    own, _ = changed(LIME(M=20))
    constant, theta = changed(explainers.Constant(LIME(M=20)))
    assert torch.equal(constant.phi, own.phi.detach())
    assert not constant.phi.requires_grad
    assert any(g.any() for g in torch.autograd.grad(constant.y_tilde.sum(), theta, allow_unused=True) if g is not None)


def test_shuffled_contributions_are_the_same_in_another_order_for_each_row():
    own, _ = changed(LIME(M=20))
    shuffled, _ = changed(explainers.Shuffled(LIME(M=20)))
    assert torch.equal(shuffled.phi.sort(-1).values, own.phi.sort(-1).values)
    moved = [(a[:, None] == b).nonzero()[:, 1].tolist() for a, b in zip(own.phi, shuffled.phi)]
    assert len(set(map(tuple, moved))) > 1
    assert shuffled.phi.requires_grad


def test_an_order_comes_from_the_generator_alone():
    mixed = explainers.Shuffled(LIME(M=20))
    one, other = (mixed.draw(torch.Size([6]), torch.Generator().manual_seed(0), rows=4) for _ in range(2))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_what_is_changed_can_be_trained_through_where_its_explainer_can():
    """But for constants, which say that no gradient passes."""
    own, captums = LIME(M=20), explainers.Attribution()
    assert [explainers.Shuffled(of).trainable for of in (own, captums)] == [True, False]
    assert [explainers.Constant(of).trainable for of in (own, captums)] == [True, True]

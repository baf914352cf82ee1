"""A predictor: any leading axes, any f, its gradients, and shapes that do not fit."""

import pytest
import torch
from torch import nn

from lib.predictor import Predictor, check_labels


def linear():
    torch.manual_seed(0)
    module = nn.Linear(4, 3).double()
    return module, Predictor.of(module, torch.zeros(4, dtype=torch.float64))


def test_leading_axes_are_the_batch():
    module, predictor = linear()
    x, y = torch.randn(2, 5, 4, dtype=torch.float64), torch.randint(3, (2, 5))
    assert predictor.batch(x) == (2, 5)
    torch.testing.assert_close(predictor.logits(x), module(x))
    torch.testing.assert_close(predictor.probabilities(x), module(x).softmax(-1))
    own = module(x).log_softmax(-1).gather(-1, y[..., None])[..., 0]
    torch.testing.assert_close(predictor.log_probability(x, y), own)
    torch.testing.assert_close(predictor.logits(x[0, 0]), module(x[0, 0]))


def test_inputs_may_be_pictures():
    predictor = Predictor(lambda theta, rows: rows.flatten(1) @ theta["W"], {"W": torch.eye(12)}, torch.zeros(3, 2, 2))
    x = torch.randn(5, 2, 3, 2, 2)
    assert torch.equal(predictor.logits(x), x.flatten(2))


def test_a_stack_of_runs_comes_first():
    W, x = torch.randn(2, 4, 3), torch.randn(2, 5, 6, 4)
    predictor = Predictor(lambda theta, rows: rows @ theta["W"], {"W": W}, torch.zeros(4), stacked=True)
    torch.testing.assert_close(predictor.logits(x), torch.einsum("rabi,rij->rabj", x, W))
    with pytest.raises(ValueError, match=r"x must end in the axes of one input, \(4,\), got \(4,\)"):
        predictor.logits(x[0, 0, 0])


def test_other_parameters_and_their_gradients():
    module, predictor = linear()
    x = torch.randn(5, 4, dtype=torch.float64)
    predictor.log_probability(x, torch.zeros(5, dtype=torch.int64)).sum().backward()
    assert module.weight.grad.abs().sum() > 0
    zero = predictor.at({name: torch.zeros_like(t) for name, t in predictor.theta.items()})
    assert torch.equal(zero.probabilities(x), torch.full((5, 3), 1 / 3, dtype=torch.float64))
    assert zero.b is predictor.b


def test_a_modules_buffers_are_among_its_parameters():
    module, x = nn.BatchNorm1d(4).eval(), torch.randn(5, 4)
    predictor = Predictor.of(module, torch.zeros(4))
    assert predictor.theta.keys() == module.state_dict().keys()
    theta = predictor.theta | {"running_mean": torch.ones(4)}
    torch.testing.assert_close(predictor.at(theta).logits(x), predictor.logits(x - 1))


@pytest.mark.parametrize("shape", [(5, 3), (4, 1), (3,), ()])
def test_inputs_of_another_shape_are_named(shape):
    with pytest.raises(ValueError, match=r"x must end in the axes of one input, \(4,\), got "):
        linear()[1].logits(torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1], r"y must be an integer label for each input, \(2, 3\), got list"),
        (torch.zeros(2, 3), r"y must be an integer label for each input, \(2, 3\), got torch.float32 \(2, 3\)"),
        (torch.zeros(2, 3, dtype=torch.bool), "y must be an integer label for each input, .* got torch.bool"),
        (torch.zeros(2, 4, dtype=torch.int64), r"y must be an integer label for each input, .* \(2, 4\)"),
        (torch.zeros(1, 2, 3, dtype=torch.int64), r"y must be an integer label for each input, .* \(1, 2, 3\)"),
        (torch.tensor([0, 1, 3]), "y must be classes 0 to 2, got 0 to 3"),
        (torch.tensor([[-1], [2]]), "y must be classes 0 to 2, got -1 to 2"),
    ],
)
def test_labels_that_are_no_classes_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        linear()[1].log_probability(torch.zeros(2, 3, 4, dtype=torch.float64), y)


def test_labels_are_shared_only_where_they_may_be():
    y, shape = torch.tensor([[0], [2]]), torch.Size([2, 3])
    assert check_labels(y, shape, C=3, shared=True) is y
    with pytest.raises(ValueError, match=r"labels must be an integer label for each input, \(2, 3\), got .* \(2, 1\)"):
        check_labels(y, shape, C=3, name="labels")


def test_labels_elsewhere_are_not_read():
    """No step of a training waits for a GPU: on the device meta, too, reading is an error."""
    y = torch.empty(2, dtype=torch.int64, device="meta")
    assert check_labels(y, torch.Size([2]), C=3) is y

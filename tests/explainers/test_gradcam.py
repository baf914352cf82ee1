"""Grad-CAM: maps against captum and by hand, second derivatives, log-odds."""

from dataclasses import replace
from functools import partial

import captum
import pytest
import torch

from lib.explainers.gradcam import GradCAM, gradcam, log_odds
from tests import plain
from tests.explainers.convolutional import WRONG_LABELS, inputs, network, predictor


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("output", ["probability", "logit"])
@pytest.mark.parametrize(("layer", "grid"), [("conv3_x", 8), ("layer2.0", 8), ("conv4_x", 4), ("relu", 32)])
def test_the_map_is_captums(layer, grid, output, relu):
    """LayerGradCam of the probability, or of the logit, at any layer, one sample at a time (ID-13, ID-14)."""
    net, (x, y) = network(), inputs()
    explainer = GradCAM(layer=layer, grid=(grid, grid), output=output, relu=relu)
    phi = explainer.explain(predictor(net), x, y).phi
    places = {"conv3_x": net.layer2, "layer2.0": net.layer2[0], "conv4_x": net.layer3, "relu": net.relu}
    forward = net if output == "logit" else lambda rows: net(rows).softmax(-1)
    theirs = captum.attr.LayerGradCam(forward, places[layer])
    for i in range(len(x)):
        expected = theirs.attribute(x[[i]], target=int(y[i]), relu_attributions=relu)
        assert torch.allclose(phi[i], expected.flatten(), rtol=1e-6, atol=1e-12)
    assert phi.abs().max() > 0


def test_the_plain_form_of_the_chapter_is_the_librarys():
    """One image at a time, softmax differentiated as it stands, and its slopes with respect to theta (ID-13, ID-14)."""
    own, (x, y) = predictor(network()), inputs()
    stem, head = (partial(part, own.theta) for part in own.f.split("conv3_x"))
    plainly = torch.stack([plain.functions().plain_gradcam(stem, head, x[n], y[n]).flatten() for n in range(len(x))])
    phi = GradCAM().explain(own, x, y).phi
    assert torch.allclose(plainly, phi, rtol=1e-6, atol=1e-12)
    reached = [own.theta[name] for name in ("layer1.0.conv1.weight", "fc.weight")]
    for one, other in zip(*(torch.autograd.grad(p.square().sum(), reached) for p in (plainly, phi))):
        assert torch.allclose(one, other, rtol=1e-6, atol=1e-12)
        assert other.abs().max() > 1e-9


def test_contributions_by_hand():
    """Two maps of two positions: ReLU of 2 A_1 - A_2 (ID-13)."""
    A = torch.tensor([[[1.0, 2.0]], [[3.0, 0.5]]])
    assert gradcam(A, torch.tensor([2.0, -1.0])).tolist() == [0.0, 3.5]
    assert gradcam(A, torch.tensor([2.0, -1.0]), relu=False).tolist() == [-1.0, 3.5]


def test_what_comes_along_is_the_log_probability():
    net, (x, y) = network(), inputs()
    own = predictor(net)
    found = GradCAM().explain(own, x[None], y[None])
    assert found.phi.shape == (1, 4, 64)
    assert torch.allclose(found.log_p[0], own.log_probability(x, y))
    with torch.no_grad():
        again = GradCAM().explain(own, x, y)
    assert torch.equal(again.phi, found.phi[0])
    assert not again.phi.requires_grad


def slope(
    net, explainer, x, y, names=("layer1.0.conv1.weight", "layer2.1.bn2.weight", "layer3.0.conv1.weight", "fc.weight")
):
    """d sum(phi c) / d parameters for fixed numbers c, by autograd; the function itself, for finite differences."""
    c = torch.randn(len(x), 64, generator=torch.Generator().manual_seed(3), dtype=x.dtype)

    def value():
        return (explainer.explain(predictor(net), x, y).phi * c).sum()

    parameters = dict(net.named_parameters())
    grads = torch.autograd.grad(value(), [parameters[n] for n in names], allow_unused=True)
    return value, {n: (parameters[n], g) for n, g in zip(names, grads)}


@pytest.mark.parametrize("output", ["probability", "logit"])
def test_second_order_gradients_are_finite_differences(output):
    """Also to parameters behind the layer, which reach phi through its weights alone (ID-13, ID-14)."""
    net, (x, y) = network(), inputs(2)
    value, found = slope(net, GradCAM(output=output, relu=False), x, y)
    generator = torch.Generator().manual_seed(5)
    for name, (parameter, grad) in found.items():
        direction = torch.randn(parameter.shape, generator=generator, dtype=x.dtype)
        step, sides = 1e-5, []
        for sign in (1, -1):
            with torch.no_grad():
                parameter += sign * step * direction
            sides.append(value().item())
            with torch.no_grad():
                parameter -= sign * step * direction
        numeric = (sides[0] - sides[1]) / (2 * step)
        assert (grad * direction).sum().item() == pytest.approx(numeric, rel=1e-4, abs=1e-9), name


def test_orders_leave_out_what_they_say():
    """First order: nothing reaches what lies behind the layer. Order 0: nothing at all."""
    net, (x, y) = network(), inputs(2)
    second, first = (slope(net, GradCAM(order=order), x, y)[1] for order in (2, 1))
    assert second["fc.weight"][1].abs().max() > 0
    assert first["fc.weight"][1] is None
    assert first["layer1.0.conv1.weight"][1].abs().max() > 0
    assert not torch.allclose(first["layer1.0.conv1.weight"][1], second["layer1.0.conv1.weight"][1])
    assert not GradCAM(order=0).explain(predictor(net), x, y).phi.requires_grad
    maps = [GradCAM(order=order).explain(predictor(net), x, y).phi for order in (0, 1, 2)]
    assert torch.equal(maps[0], maps[2])
    assert torch.equal(maps[1], maps[2])


def test_the_log_odds_form_is_exact_where_softmaxs_own_gradient_is_zero():
    """Log-odds up to 40: in single precision against double precision (ID-14)."""
    net, (x, _) = network(dtype=torch.float32), inputs(dtype=torch.float32)
    with torch.no_grad():
        logits = net(x)
        net.fc.weight *= 50 / (logits.amax() - logits.amin())
        y = net(x).argmax(-1)
        assert 18 < log_odds(net(x), y).max() < 80
    phi = GradCAM().explain(predictor(net), x, y).phi
    exact = GradCAM().explain(predictor(network_like(net)), x.double(), y).phi
    for i in range(len(x)):
        assert torch.allclose(phi[i].double(), exact[i], rtol=1e-2, atol=1e-3 * exact[i].abs().max().item())
        assert phi[i].max() > 0
    logits = torch.tensor([[0.0, 20.0]], requires_grad=True)
    (naive,) = torch.autograd.grad(logits.softmax(-1)[0, 1], logits)
    assert naive[0, 1] == 0


def network_like(net):
    twin = network()
    twin.load_state_dict({n: t.double() if t.is_floating_point() else t for n, t in net.state_dict().items()})
    return twin


def test_log_odds_are_those_of_the_softmax():
    logits, y = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])
    p = logits.softmax(-1).gather(1, y[:, None])[:, 0]
    assert torch.allclose(log_odds(logits, y), (p / (1 - p)).log())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order", 3),
        ("output", "softmax"),
        ("grid", (4, 4)),
        ("grid", 8),
        ("layer", "fc"),
        ("layer", None),
        ("layer", 3),
    ],
)
def test_options_that_make_no_sense_are_named(name, value):
    net, (x, y) = network(), inputs()
    with pytest.raises(ValueError, match=name):
        replace(GradCAM(), **{name: value}).explain(predictor(net), x, y)


def test_a_map_counts_the_pixels_of_its_cells():
    """A cell of 256 of 96 x 96 pixels is in where 0.3 of the pixels hold it whole: 10 of them, and not 11."""
    stl, cifar = GradCAM(grid=(6, 6)), GradCAM(grid=(8, 8))
    assert stl.steps(torch.Size([3, 96, 96]), 0.3) == list(range(1, 11))
    assert cifar.steps(torch.Size([3, 32, 32]), 0.3) == list(range(1, 20))
    with pytest.raises(ValueError, match=r"a map of \(13, 13\) must divide .*, got \(50, 50\)"):
        GradCAM(grid=(13, 13)).steps(torch.Size([3, 50, 50]), 0.3)


@pytest.mark.parametrize(("y", "message"), WRONG_LABELS)
def test_labels_that_are_no_classes_are_named(y, message):
    net, (x, _) = network(), inputs()
    with pytest.raises(ValueError, match=message):
        GradCAM().explain(predictor(net), x, y)

"""Captum's attributions as explainers: their own numbers, summed over cells, for measuring."""

from dataclasses import replace

import captum
import pytest
import torch

from lib.explainers import Attribution, squares
from lib.predictor import Predictor
from lib.training.images import explainer_for, predictor_of
from lib.training.measuring import report
from tests.explainers.convolutional import WRONG_LABELS, inputs, network, predictor
from tests.image_sets import noise

SEGMENTS = squares(32, 32, 4)


def test_integrated_gradients_are_captums_summed_over_channels_and_cells():
    net, (x, y) = network(), inputs()
    own = predictor(net)
    phi = Attribution("IntegratedGradients", SEGMENTS).explain(own, x[:, None], y[:, None]).phi[:, 0]
    theirs = captum.attr.IntegratedGradients(lambda rows: net(rows).softmax(-1))
    for i in range(len(x)):
        pixels = theirs.attribute(x[[i]], baselines=torch.zeros_like(x[[i]]), target=int(y[i]), n_steps=50)[0].sum(0)
        cells = torch.stack([block.sum() for row in pixels.split(4) for block in row.split(4, 1)])
        assert torch.allclose(phi[i], cells, rtol=1e-8, atol=1e-12)
    p, p_b = own.probabilities(x), own.probabilities(own.b[None])
    assert torch.allclose(phi.sum(-1), (p - p_b).gather(1, y[:, None])[:, 0], atol=0.03)  # complete, but for 50 points
    assert not phi.requires_grad
    assert not Attribution.trainable


def test_occlusion_drops_one_cell_at_a_time():
    """f(x)_y minus f of x with that cell in the background, once for each of its pixels."""
    net, (x, y) = network(), inputs(2)
    own = predictor(net)
    explainer = explainer_for("Occlusion", net, noise(6))
    phi = explainer.explain(own, x, y).phi
    assert explainer.name == "Occlusion"
    for cell in (0, 9, 63):
        gone = x.clone()
        gone[..., torch.tensor(SEGMENTS).reshape(32, 32) == cell] = 0
        drop = (own.probabilities(x) - own.probabilities(gone)).gather(1, y[:, None])[:, 0]
        ratio = phi[:, cell] / drop
        assert torch.allclose(ratio, ratio[0].expand(2), rtol=1e-6)  # Captum counts pixels and channels
        assert ratio[0] > 0


def test_what_captum_explains_is_measured_as_everything_else():
    net, images = network(4, C=3, dtype=torch.float32), noise(8)
    explainer = explainer_for("Integrated Gradients", net, images)
    rows = report(predictor_of(net, images), images, "test", explainer=explainer, S=(0.5,), drawn={})
    value = {row["measure"]: row["value"] for row in rows}
    assert 0 < value["insertion"] < 1
    assert value["sensitivity"] > 0.2  # a map of chance has 0
    assert Attribution("IntegratedGradients").name == "Integrated Gradients"


def test_features_need_no_cells():
    linear = torch.nn.Linear(5, 3).double()
    own = Predictor.of(linear, torch.zeros(5, dtype=torch.float64))
    x, y = torch.randn(4, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    phi = Attribution("Saliency", options=(("abs", False),)).explain(own, x, y).phi
    rows = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(linear(rows).softmax(-1).gather(1, y[:, None]).sum(), rows)
    assert torch.allclose(phi, slope)


def test_what_cannot_be_explained_is_named():
    net, (x, y) = network(), inputs(2)
    with pytest.raises(ValueError, match=r"captum.attr, got 'Guess'"):
        Attribution("Guess").explain(predictor(net), x, y)
    with pytest.raises(ValueError, match="segments"):
        Attribution(segments=(0, 2))
    with pytest.raises(ValueError, match="n_steps"):
        Attribution(n_steps=0)
    with pytest.raises(ValueError, match="one model"):
        Attribution().explain(replace(predictor(net), stacked=True), x, y)


@pytest.mark.parametrize(("y", "message"), WRONG_LABELS)
def test_labels_that_are_no_classes_are_named(y, message):
    net, (x, _) = network(), inputs()
    with pytest.raises(ValueError, match=message):
        Attribution(segments=SEGMENTS).explain(predictor(net), x, y)

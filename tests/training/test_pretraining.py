"""Networks for images before any explanation is trained: one cycle, PGD's attack."""

import copy
from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lib.data.images import augment
from lib.nets.resnet import Convolutional, resnet18
from lib.training.pretraining import (
    Pretrainer,
    Pretraining,
    accuracy,
    gains_from_bfloat16,
    in_bfloat16,
    pgd,
    pretrain,
)
from tests.image_sets import noise
from tests.training.mixed import mixed_beside_single
from tests.training.pretrained import SMALL, trainer


def test_one_cycle_rises_to_its_peak_and_falls_to_nothing():
    own = trainer(settings=replace(SMALL, epochs=10))
    rates = [own.rate(step) for step in range(10 * own.steps)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.05, rel=0.01)
    assert peak == pytest.approx(0.2 * len(rates), abs=1)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 1e-3 * max(rates)


def test_pgd_stays_in_its_cube_and_raises_the_loss():
    images = noise()
    f = Convolutional(resnet18(3, 4))
    theta = {n: t.detach() for n, t in f.theta().items()}
    x, y = images.inputs(images.x_train), images.y_train
    unit = (1 / 255 / images.std)[:, None, None]
    low, high = (images.inputs(torch.full((1, 1, 1, 3), v)) for v in (0, 255))
    options = {"unit": unit, "low": low, "high": high, "start": torch.full((len(x),), 0.5)}
    losses = []
    for steps in (1, 7):
        moved = pgd(lambda rows: f(theta, rows), x, y, radius=8, step=2, steps=steps, **options)
        grey = ((moved - x) / unit).abs()
        assert grey.max() <= 8 + 1e-3
        assert (moved >= low - 1e-6).all()
        assert (moved <= high + 1e-6).all()
        losses.append(cross_entropy(f(theta, moved), y).item())
    assert losses[1] > losses[0] > cross_entropy(f(theta, x), y).item()


def linear(radius, step, steps):
    """The training of a linear model of two classes; pixels at both ends of the grey levels, channels of three spreads.

    Its slope has one sign wherever an input moves to: w_1 - w_0's where the first class is true.
    """
    images = noise(C=2)
    pixels = images.x_train // torch.tensor([1, 2, 8], dtype=torch.uint8)
    pixels[:, ::4], pixels[:, 1::4] = 0, 255
    std = pixels.float().std((0, 1, 2)) / torch.tensor([255, 510, 2040])
    torch.manual_seed(0)
    net = nn.Sequential(OrderedDict(flatten=nn.Flatten(), fc=nn.Linear(3 * 32 * 32, 2)))
    settings = replace(SMALL, radius=radius, attack_step=step, attack_steps=steps)
    own = Pretrainer(net, replace(images, x_train=pixels, std=std), settings)
    x, y = own.images.inputs(pixels), own.images.y_train
    slope = (net.fc.weight[1] - net.fc.weight[0]).detach().unflatten(0, (3, 32, 32))
    return own, x, y, (1 - 2 * y)[:, None, None, None] * slope.sign()


@pytest.mark.parametrize(("radius", "step", "steps"), [(8.0, 2.0, 1), (8.0, 2.0, 3), (8.0, 2.0, 7), (3.0, 1.5, 2)])
def test_pgd_of_a_linear_model_is_known(radius, step, steps):
    """A first step of each image's own share of the radius, then whole ones, up to the cube's and the pixels' ends."""
    own, x, y, uphill = linear(radius, step, steps)
    own.generator.manual_seed(5)
    moved = own._attacked(x, y)
    share = torch.rand(len(x), generator=torch.Generator().manual_seed(5))
    grey = (radius * share + step * (steps - 1)).clamp_max(radius)[:, None, None, None]
    unit = (1 / 255 / own.images.std)[:, None, None]
    low, high = (((end - own.images.mean) / own.images.std)[:, None, None] for end in (0, 1))
    torch.testing.assert_close(moved, torch.minimum(torch.maximum(x + grey * unit * uphill, low), high))
    assert ((moved >= x - radius * unit) & (moved <= x + radius * unit)).all()  # to the last bit
    assert ((moved >= low) & (moved <= high)).all()
    before, after = (cross_entropy(own.net(rows), y, reduction="none") for rows in (x, moved))
    assert (after > before).all()


def test_what_is_trained_on_is_attacked():
    own, *_ = linear(8.0, 2.0, 3)
    rows = torch.arange(8)
    own.generator.manual_seed(5)
    own.gradients(rows)
    found = [p.grad.clone() for p in own.net.parameters()]
    own.generator.manual_seed(5)
    x, y = own.images.inputs(augment(own.images.x_train[rows], own.generator)), own.images.y_train[rows]
    expected = torch.autograd.grad(cross_entropy(own.net(own._attacked(x, y)), y), list(own.net.parameters()))
    torch.testing.assert_close(found, list(expected))


def test_an_attack_is_on_the_network_as_it_is_by_then():
    own, x, y, uphill = linear(8.0, 2.0, 1)
    with torch.no_grad():
        own.net.fc.weight.neg_()  # as if training had turned it
    own.generator.manual_seed(5)
    inside = (own._attacked(x, y) - x).sign()
    assert torch.equal(inside[inside != 0], -uphill.expand_as(x)[inside != 0])
    assert (inside != 0).any()


def test_a_step_in_mixed_precision_is_a_single_ones_to_rounding():
    """The gradient's error is below 0.2 of its norm, bfloat16's 8 bits through 20 layers; what is kept is float32."""
    net = pretrain(noise(), replace(SMALL, width=8, batch=24, epochs=20), progress=False).net
    settings = replace(SMALL, batch=24)
    single, mixed = mixed_beside_single(
        lambda mixed: Pretrainer(copy.deepcopy(net), noise(), replace(settings, mixed=mixed))
    )
    assert 1e-4 < (mixed - single).norm() / single.norm() < 0.2


def test_an_attack_in_mixed_precision_raises_the_loss_as_a_single_one_does():
    rises, attacks = [], []
    for mixed in (False, True):
        own = trainer(settings=replace(SMALL, width=8, mixed=mixed, radius=8.0))
        x, y = own.images.inputs(own.images.x_train), own.images.y_train
        moved = own._attacked(x, y)
        attacks.append(moved)
        assert moved.dtype == torch.float32
        own.net.eval()
        rises.append((cross_entropy(own.net(moved), y) - cross_entropy(own.net(x), y)).item())
    assert rises[1] == pytest.approx(rises[0], rel=0.1)
    assert rises[0] > 0.5
    assert not torch.equal(*attacks)  # rounding turns some signs of the slope


def test_epochs_are_kept_by_validation_images_alone():
    """Other validation labels give another accuracy, other test labels do not."""
    images = noise()
    found = {part: trainer(replace(images, **{f"y_{part}": 0 * images.y_val})).measure() for part in ("val", "test")}
    assert found["test"] == trainer().measure() != found["val"]


def test_pretraining_depends_on_its_seed_alone():
    """The network it starts from, and the one it ends with."""
    torch.manual_seed(5)
    first = pretrain(noise(), SMALL, progress=False)
    torch.manual_seed(6)
    again, other = (pretrain(noise(), replace(SMALL, seed=s), progress=False) for s in (0, 1))
    assert first.start == again.start != other.start
    (a, b), c = (own.best().state_dict() for own in (first, again)), other.best().state_dict()
    assert all(torch.equal(a[n], b[n]) for n in a)
    assert not torch.equal(a["fc.weight"], c["fc.weight"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0), ("lr", 0), ("warm", 1.0), ("warm", "a"), ("radius", -1), ("batch", 1.5), ("batch", 1),
        ("stem", "x"), ("mixed", "auto"), ("momentum", 1.0), ("momentum", 1.5),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        Pretraining(**{name: value})


def test_a_step_sees_the_batchs_own_statistics():
    """Batch norm trains: its running means move towards the batch's."""
    own = trainer()
    before = {n: t.clone() for n, t in own.net.named_buffers() if n.endswith("running_mean")}
    own.advance()
    assert all((t != before[n]).any() for n, t in own.net.named_buffers() if n in before)


def test_whether_to_multiply_in_bfloat16_is_said_in_three_words():
    assert [in_bfloat16(word, "cpu") for word in ("yes", "no", "auto")] == [True, False, gains_from_bfloat16("cpu")]
    with pytest.raises(ValueError, match="mixed must be yes, no or auto, got 'true'"):
        in_bfloat16("true", "cpu")


def test_accuracy_is_the_share_of_right_images_whatever_the_batch():
    own = trainer()
    x, y = own.images.inputs(own.images.x_val), own.images.y_val
    own.net.eval()
    share = (own.net(x).argmax(-1) == y).double().mean().item()
    assert {accuracy(own.net, own.images, "val", batch=n) for n in (1, 5, 500)} == {share}

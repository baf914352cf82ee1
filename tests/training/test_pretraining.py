"""Networks for images before any explanation is trained: one cycle, PGD's attack."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from lib.nets.resnet import Convolutional, resnet18
from lib.training.pretraining import Pretraining, gains_from_bfloat16, in_bfloat16, pgd, pretrain
from tests.image_sets import noise
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


@pytest.mark.parametrize(("name", "value"), [("width", 0), ("lr", 0), ("warm", 1.0), ("radius", -1), ("batch", 1.5)])
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

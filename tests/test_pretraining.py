"""Networks for images: one cycle, PGD's attack, and trainings that go on where they were interrupted."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from lib.nets.resnet import Convolutional, resnet18
from lib.training import single
from lib.training.pretraining import Pretrainer, Pretraining, pgd, pretrain
from tests.image_sets import noise

SMALL = Pretraining(width=2, epochs=2, batch=8, lr=0.05)


def trainer(images=None, settings=SMALL):
    torch.manual_seed(0)
    return Pretrainer(resnet18(3, settings.width), images or noise(), settings)


@pytest.mark.parametrize("settings", [SMALL, replace(SMALL, radius=8.0, attack_steps=2)])
def test_an_interrupted_training_is_resumed_bit_for_bit(settings, tmp_path, monkeypatch):
    whole, path = trainer(settings=settings), tmp_path / "c.pt"
    whole.run(progress=False)
    broken = trainer(settings=settings)
    advance, left = Pretrainer.advance, [3]

    def interrupted(self):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        advance(self)

    monkeypatch.setattr(Pretrainer, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        broken.run(path, every=0, progress=False)
    monkeypatch.undo()
    resumed = trainer(settings=settings)
    resumed.run(path, progress=False)
    for name, tensor in whole.best().state_dict().items():
        assert torch.equal(tensor, resumed.best().state_dict()[name]), name
    assert whole.state["history"] == resumed.state["history"]


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "c.pt"
    trainer().run(path, progress=False)
    for other in (trainer(settings=replace(SMALL, lr=0.01)), trainer(noise(seed=1))):
        with pytest.raises(ValueError, match="another configuration"):
            other.run(path, progress=False)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="cannot be read"):
        trainer().run(path, progress=False)


def test_a_step_that_is_not_finite_is_refused_and_counted(monkeypatch):
    """Parameters, momentum and running statistics stay, the next step is as if there had been none."""
    own, calls = trainer(), []
    gradients = Pretrainer.gradients

    def poisoned(self, rows):
        gradients(self, rows)
        calls.append(1)
        if len(calls) == 2:
            next(self.net.parameters()).grad[:] = torch.nan

    monkeypatch.setattr(Pretrainer, "gradients", poisoned)
    own.advance()
    before = {n: t.clone() for n, t in own.net.state_dict().items()}
    own.advance()
    assert own.state["refused"] == 1
    for name, tensor in own.net.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    own.advance()
    assert own.state["in_a_row"] == 0


def test_a_training_that_diverged_ends_and_says_so(monkeypatch):
    monkeypatch.setattr(single, "PATIENCE_FOR_NAN", 3)
    monkeypatch.setattr(Pretrainer, "measure", lambda self: [float("nan")])
    own = trainer(settings=replace(SMALL, lr=1e30, epochs=50))
    own.run(progress=False)
    assert own.epoch < 50
    with pytest.raises(ValueError, match="diverged"):
        own.best()


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
    torch.manual_seed(5)
    first = pretrain(noise(), SMALL, progress=False).best().state_dict()
    torch.manual_seed(6)
    again, other = (pretrain(noise(), replace(SMALL, seed=s), progress=False).best().state_dict() for s in (0, 1))
    assert all(torch.equal(first[n], again[n]) for n in first)
    assert not torch.equal(first["fc.weight"], other["fc.weight"])


@pytest.mark.parametrize(("name", "value"), [("width", 0), ("lr", 0), ("warm", 1.0), ("radius", -1), ("batch", 1.5)])
def test_settings_that_make_no_sense_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        Pretraining(**{name: value})

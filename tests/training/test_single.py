"""One network in training: resumed where it was interrupted, steps refused that are not finite."""

from dataclasses import replace

import pytest
import torch

from lib.training import checkpoint, parallel, single
from lib.training.pretraining import Pretrainer
from tests.image_sets import noise
from tests.training import pictures
from tests.training.pretrained import SMALL, trainer


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
    start = trainer().net
    start.fc.bias.data += 1
    elsewhere = Pretrainer(start, noise(), SMALL)
    start = trainer().net
    next(start.buffers()).add_(1)  # running statistics are a start, too
    otherwise = Pretrainer(start, noise(), SMALL)
    for other in (trainer(settings=replace(SMALL, lr=0.01)), trainer(noise(seed=1)), elsewhere, otherwise):
        with pytest.raises(ValueError, match="another configuration"):
            other.run(path, progress=False)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="cannot be read"):
        trainer().run(path, progress=False)


def test_a_checkpoint_may_differ_in_speed_and_not_in_code(tmp_path, monkeypatch):
    path = tmp_path / "c.pt"
    pictures.tuner(memory=6).run(path, progress=False)
    assert pictures.tuner(memory=10**6).fingerprint() == pictures.tuner(memory=6).fingerprint()
    assert pictures.tuner(draws=2).fingerprint() != pictures.tuner(draws=3).fingerprint()
    monkeypatch.setattr(checkpoint, "code", lambda: "another")
    with pytest.raises(ValueError, match="the library's version differ"):
        pictures.tuner(memory=6).run(path, progress=False)


def test_a_changed_byte_and_a_state_with_gaps_are_named(tmp_path):
    path = tmp_path / "c.pt"
    trainer().run(path, progress=False)
    whole = path.read_bytes()
    path.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    with pytest.raises(ValueError, match="its checksum is wrong"):
        trainer().run(path, progress=False)
    path.write_bytes(whole)
    kept = checkpoint.read(path)
    for broken, what in (
        ({"state": {"history": []}}, "it lacks at, best"),
        ({"state": [1]}, "it holds a list, no state"),
        ({"net": {n: t for n, t in kept["net"].items() if n != "fc.bias"}}, "it lacks fc.bias"),
        ({"net": kept["net"] | {"fc.bias": torch.zeros(9)}}, "fc.bias must be"),
        ({"optimiser": {}}, "it lacks param_groups, state"),
        ({"generator": torch.zeros(5)}, "generator must be"),
    ):
        checkpoint.write(path, kept | broken)
        with pytest.raises(ValueError, match=f"cannot be read .{what}"):
            trainer().run(path, progress=False)


def test_every_epoch_takes_each_image_once_in_an_order_of_its_own(monkeypatch):
    taken = {}
    for seed in (0, 1):
        own, rows = trainer(settings=replace(SMALL, seed=seed)), []
        monkeypatch.setattr(Pretrainer, "gradients", lambda self, batch, rows=rows: rows.extend(batch.tolist()))
        for _ in range(2 * own.steps):
            own.advance()
        taken |= {(seed, epoch): tuple(rows[24 * epoch : 24 * (epoch + 1)]) for epoch in range(2)}
    assert all(sorted(order) == list(range(24)) for order in taken.values())
    assert len({*taken.values(), tuple(range(24))}) == 5


@pytest.mark.parametrize(("place", "every", "what"), [(".", 60, "must be a file"), ("c.pt", "a", "save_every must be")])
def test_what_cannot_be_saved_is_named_before_training(place, every, what, tmp_path, monkeypatch):
    monkeypatch.setattr(Pretrainer, "advance", lambda self: pytest.fail("trained"))
    with pytest.raises(ValueError, match=what):
        trainer().run(tmp_path / place, every=every, progress=False)


def test_a_rest_of_images_is_no_step():
    assert trainer(noise(n=24), settings=replace(SMALL, batch=7)).steps == 24 // 7


def test_an_epoch_sees_every_image_once(monkeypatch):
    """Also those of a last batch that is just full, before they are shuffled anew."""
    images, seen = noise(), []
    own = trainer(images, settings=replace(SMALL, batch=len(images.x_train) // 3))
    monkeypatch.setattr(Pretrainer, "gradients", lambda self, rows: seen.append(rows))
    monkeypatch.setattr(own.optimiser, "step", lambda: None)
    assert own.steps * own.settings.batch == len(images.x_train)
    for _ in range(2 * own.steps):
        own.advance()
    first, second = (torch.cat(seen[at : at + own.steps]).tolist() for at in (0, own.steps))
    assert sorted(first) == sorted(second) == list(range(len(images.x_train)))
    assert first != second


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


@pytest.mark.parametrize("patience", [1, 3])
def test_a_training_ends_after_so_many_epochs_that_are_no_better(patience, monkeypatch):
    own = pictures.tuner(patience=patience, epochs=9)
    monkeypatch.setattr(own, "advance", lambda: own.state.update(step=own.state["step"] + 1))
    monkeypatch.setattr(own, "measure", lambda: [0.5])
    own.run(progress=False)
    assert own.epoch == 1 + patience


def test_a_process_counts_by_its_share_of_the_batch(monkeypatch):
    shares = []
    monkeypatch.setattr(parallel, "add_gradients", lambda parameters, share: shares.append(share))
    for rank in range(2):
        monkeypatch.setattr(parallel, "own", lambda rank=rank: slice(rank, None, 2))
        pictures.tuner(batch=5).advance()
    assert shares == [3 / 5, 2 / 5]


def test_a_criterion_keeps_what_it_would_have_kept_alone(monkeypatch):
    """Patience 2: the first is best at epoch 1, and what comes after its patience ended counts no more."""
    own = pictures.tuner("CE-only", epochs=6, patience=2)
    measured = iter(zip([1, 0, 0, 5, 0, 0], range(1, 7)))
    own.state |= {"best": [-1.0, -1.0], "best_epoch": [0, 0], "best_net": [None, None]}
    monkeypatch.setattr(own, "measure", lambda: list(map(float, next(measured))))
    own.run(progress=False)
    assert own.state["best_epoch"] == [1, 6]


def test_two_steps_are_nesterovs_by_hand(monkeypatch):
    """v = mu v + g, theta -= lr (g + mu v), where g holds the weight decay."""
    own = trainer(settings=replace(SMALL, momentum=0.5, weight_decay=0.1))

    def gradients(rows):
        own.net.fc.weight.grad = torch.full_like(own.net.fc.weight, 2.0)

    monkeypatch.setattr(own, "gradients", gradients)
    monkeypatch.setattr(own, "rate", lambda step: 0.25)
    theta, v = own.net.fc.weight.detach().clone(), 0.0
    for _ in range(2):
        own.advance()
        g = 2 + 0.1 * theta
        v = 0.5 * v + g
        theta = theta - 0.25 * (g + 0.5 * v)
    torch.testing.assert_close(own.net.fc.weight.detach(), theta)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_train": torch.arange(24) % 4}, "y_train must be classes 0 to 2, got 0 to 3"),
        ({"y_val": torch.arange(24) % 3 - 1}, "y_val must be classes 0 to 2, got -1 to 1"),
        ({"y_train": torch.zeros(24)}, "y_train must be an integer label for each input, .* got torch.float32"),
        ({"y_val": torch.zeros(23, dtype=torch.int64)}, r"y_val must be .* \(24,\), got torch.int64 \(23,\)"),
    ],
)
def test_labels_that_are_no_classes_are_named_before_training(change, message):
    with pytest.raises(ValueError, match=message):
        trainer(replace(noise(), **change))

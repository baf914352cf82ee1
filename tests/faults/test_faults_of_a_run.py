"""What happens to one training: the next call goes on, and reports what an uninterrupted one does, bit for bit."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from lib import data
from lib.training import Runs, checkpoint, fit
from lib.training.fewer import Settings
from tests.faults import ROOT, disk, until

EPOCHS = 40
ALONE = """
import sys
import time
import torch
from lib.training import checkpoint
from tests.faults.test_faults_of_a_run import trained
def slow(path, state, write=checkpoint.write):
    written = write(path, state)
    time.sleep(float(sys.argv[3]))  # a machine so fast that it ends before it is stopped would show nothing
    return written
checkpoint.write = slow
fitted = trained(sys.argv[1])
torch.save({"bank": fitted.bank, "scores": fitted.scores}, sys.argv[2])
"""


def trained(path=None, *, epochs=EPOCHS, eta=0.01, save_every=0.0):
    """Two runs on Glass, which save their state at every check."""
    folds = data.folds(data.load("glass"), [0, 1])
    settings = Settings(epochs=epochs, patience=epochs, check=1, U=(10,))
    runs = Runs.grid(2, eta=[eta])
    return fit("Ours", folds, runs, settings=settings, checkpoint=path, save_every=save_every, progress=False)


def start(path, out, rest=0.0):
    """The same in a process of its own, which rests so many seconds after each save."""
    words = [sys.executable, "-c", ALONE, str(path), str(out), str(rest)]
    return subprocess.Popen(words, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)


@pytest.fixture(scope="module")
def whole():
    return trained()


def check_same(whole, bank, scores):
    for name, tensor in whole.bank.items():
        assert torch.equal(tensor, bank[name]), name
    for name, tensor in whole.scores.items():
        assert torch.equal(tensor, scores[name]), name


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_a_training_that_is_killed(stop, whole, tmp_path):
    """`kill -9`, and SIGTERM as a cluster's time limit sends it, in the middle of a training.

    Seen: the checkpoint is whole. The next call goes on from it and reports, bit for bit, what a training that nothing
    stopped does.
    """
    path = tmp_path / "c.pt"
    with start(path, tmp_path / "never", rest=0.2) as process:
        until(path.exists)
        time.sleep(0.3)
        process.send_signal(stop)
    assert not (tmp_path / "never").exists()
    epoch = checkpoint.read(path)["state"]["epoch"]
    assert 0 < epoch < EPOCHS
    resumed = trained(path)
    check_same(whole, resumed.bank, resumed.scores)


def test_two_runs_with_one_checkpoint(whole, tmp_path):
    """Two processes that train the same and save to the same file, and a third run of another configuration.

    Seen: each file that appears is whole, both report what one alone does; the other configuration is refused, and the
    checkpoint stays.
    """
    path = tmp_path / "c.pt"
    both = [start(path, tmp_path / name) for name in "ab"]
    for process in both:
        assert process.wait(600) == 0, process.stderr.read()
        process.stderr.close()
    for name in "ab":
        check_same(whole, **torch.load(tmp_path / name, weights_only=True))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"belongs to another configuration .*: give another path or delete it"):
        trained(path, eta=0.1)
    assert path.read_bytes() == before


def test_a_checkpoint_that_is_cut_short(tmp_path):
    """A checkpoint cut at ten places.

    Seen: each is refused in one line that names the file and what to do; after its removal the training starts anew.
    """
    path = tmp_path / "c.pt"
    trained(path, epochs=2)
    content = path.read_bytes()
    for part in range(10):
        path.write_bytes(content[: part * len(content) // 10])
        with pytest.raises(ValueError, match=r"checkpoint .*c.pt cannot be read .*: give another path or delete it"):
            trained(path, epochs=2)
    path.unlink()
    assert trained(path, epochs=2).stopped_epoch == [2, 2]


def test_a_checkpoint_of_an_older_version_of_the_library(monkeypatch, tmp_path):
    """A checkpoint written by other code than that which is to go on.

    Seen: refused, since a training that two versions share is neither's; the file stays.
    """
    path = tmp_path / "c.pt"
    trained(path, epochs=2)
    before = path.read_bytes()
    monkeypatch.setattr(checkpoint, "code", lambda: "another version")
    with pytest.raises(ValueError, match=r"the library's version differ.*: give another path or delete it"):
        trained(path, epochs=2)
    assert path.read_bytes() == before


def test_a_disk_that_is_full_of_checkpoints(whole, tmp_path):
    """A disk of 400 kB, too small for the checkpoint.

    Seen: a warning each time. The training goes on and ends as it would have; nothing half is left on the disk.
    """
    with disk(tmp_path / "disk", "size=400k") as place:
        (place / "fills").write_bytes(bytes(300_000))
        with pytest.warns(UserWarning, match=r"c.pt could not be written \(No space left on device\): training goes"):
            fitted = trained(place / "c.pt")
        check_same(whole, fitted.bank, fitted.scores)
        assert [file.name for file in place.iterdir()] == ["fills"]


def test_a_run_that_diverges(tmp_path):
    """One of two runs given a weight so large that its numbers overflow.

    Seen: it is stopped at the next check and noted as diverged. The other one ends as it does alone.
    """
    folds, settings = data.folds(data.load("glass"), [0]), Settings(epochs=6, patience=6, check=1, U=(10,))
    options = {"settings": settings, "progress": False}
    both = fit("Ours", folds, Runs.grid(1, lam=[1.0, 1e38]), **options)
    alone = fit("Ours", folds, Runs.grid(1, lam=[1.0]), **options)
    assert both.diverged[0] == 0 < both.diverged[1]
    assert both.stopped_epoch[0] == 6
    for name, tensor in alone.scores.items():
        torch.testing.assert_close(both.scores[name][:1], tensor)


def test_a_clock_that_goes_back(whole, monkeypatch, tmp_path):
    """The system's clock set back by an hour at every look, while a training runs.

    Seen: the same result and the same checkpoints, as intervals are taken from a clock that nobody can set.
    """
    now = [2e9]

    def back():
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", back)
    fitted = trained(tmp_path / "c.pt")
    check_same(whole, fitted.bank, fitted.scores)
    assert min(fitted.seconds) > 0
    assert checkpoint.read(tmp_path / "c.pt")["state"]["epoch"] == EPOCHS

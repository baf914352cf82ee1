"""Two processes train as one does: the same gradients of the same batch, and the same network."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import distributed, multiprocessing

from lib.nets import resnet
from lib.training import parallel
from lib.training.pretraining import Pretraining, pretrain
from tests.image_sets import noise
from tests.training.pictures import IMAGES, tuner

CASES = ("Grad-CAM", "LIME", "ExpO-S")
BATCH = 5  # which two processes cannot share evenly


def trained(case):
    """A step's gradients and the network after it and another one."""
    own = tuner(case, batch=BATCH, **({} if case == "Grad-CAM" else {"draws": None}))
    own.advance()
    grads = {n: p.grad.clone() for n, p in own.net.named_parameters()}
    own.advance()
    return grads | {f"{n} after": t.clone() for n, t in own.net.state_dict().items()}


def process(rank, port, folder):
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    assert parallel.join() == "cpu"
    assert (parallel.rank(), parallel.processes()) == (rank, 2)
    torch.save({case: trained(case) for case in CASES}, f"{folder}/{rank}.pt")
    for refused in ({"norm": "batch"}, {"batch": 1}, {"T": "batch"}):
        with pytest.raises(ValueError, match=next(iter(refused))):
            tuner(**refused)
    with pytest.raises(ValueError, match="pretraining is for one process"):
        pretrain(IMAGES, Pretraining(width=4, epochs=1, batch=4), progress=False)
    path = Path(folder, f"checkpoint-{rank}.pt")
    tuner(batch=BATCH).save(path)
    assert path.exists() == (rank == 0)
    torch.save(resumed(rank, path), f"{folder}/resumed-{rank}.pt")
    distributed.destroy_process_group()


def resumed(rank, path):
    """A training whose checkpoint the first process alone sees, and whose measures the two do not agree on."""
    options = {"batch": BATCH, "epochs": 5, "patience": 2}
    stopped, again = tuner(**options), tuner(**options)
    stopped.advance()
    stopped.save(path)
    scores = [[0.9, 0.8, 0.7, 0.6, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5]][rank]
    again.measure = lambda: [scores.pop(0)]
    again.run(path, progress=False)
    return {"net": again.net.state_dict(), "epoch": again.epoch, "best": again.state["best"]}


def test_processes_resume_and_stop_together(processes):
    first, second = (torch.load(processes / f"resumed-{rank}.pt") for rank in range(2))
    assert (first["epoch"], first["best"]) == (second["epoch"], second["best"]) == (3, [0.9])
    assert all(torch.equal(tensor, second["net"][name]) for name, tensor in first["net"].items())


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """Where two processes left what they trained; each would wait for ever for one that does something else."""
    folder = tmp_path_factory.mktemp("processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started, end = multiprocessing.spawn(process, (port, str(folder)), nprocs=2, join=False), time.monotonic() + 300
    try:
        while not started.join(1):
            assert time.monotonic() < end, "the processes wait for each other"
    finally:
        for each in started.processes:
            each.kill()
    return folder


def test_two_processes_have_the_gradients_of_one(processes):
    first, second = (torch.load(processes / f"{rank}.pt") for rank in range(2))
    for case in CASES:
        for name, value in trained(case).items():
            assert torch.equal(first[case][name], second[case][name]), name
            error = (first[case][name].double() - value.double()).norm()
            rounding = 1e-4 if name.endswith("after") else 1e-5  # the second step begins at another rounding
            assert error <= rounding * value.double().norm(), f"{case}: {name}"


def test_the_script_of_the_book_runs_as_it_is_written(tmp_path):
    """That of book/grids.md, with two processes on CPU, for one epoch of a few images of one's own."""
    root = Path(__file__).parents[2]
    (script,) = re.findall("```python\n(.*?)```", (root / "book" / "grids.md").read_text(), re.DOTALL)
    own = {'"cuda"': '"cpu"', '"cifar10"': '"own"', "Tuning(": "Tuning(epochs=1, batch=6, "}
    for old, new in own.items():
        assert script.count(old) == 1
        script = script.replace(old, new)
    (tmp_path / "tuning.py").write_text(script)
    images = noise(30)
    for number, (pixels, label) in enumerate(zip(images.x_train, images.y_train)):
        (tmp_path / "own" / "abc"[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.numpy()).save(tmp_path / "own" / "abc"[label] / f"{number}.png")
    first = tmp_path / "runs" / "weights" / "cifar10-w64.pt"
    resnet.save(resnet.resnet18(3, 2), first)
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "tuning.py"]
    env = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    before, after = (resnet.load(path, 3)[0].state_dict() for path in (first, first.with_name("tuned.pt")))
    assert not torch.equal(before["fc.weight"], after["fc.weight"])


def test_one_process_is_the_whole():
    assert (parallel.rank(), parallel.processes(), parallel.own()) == (0, 1, slice(0, None, 1))
    with pytest.raises(ValueError, match="torchrun"):
        parallel.join()

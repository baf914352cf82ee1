"""Faults tried, each a test with a docstring for the book's page: what was done, "Seen:" and what is asserted.

`python -m book.pages faults` makes the table of them.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lib.study import records

ROOT = Path(__file__).parents[2]

# An experiment that takes seconds: it notes each start, may wait, fail or be killed, and writes a row of records.
SMALL = """# %% tags=["parameters"]
name = "a"
fault = ""
start = ""
weights = ""
threads = 1
out = ""

# %%
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from lib.study import records

VERSION = 1
records.check_out(out)
started = Path(f"starts-{name}")
started.write_text(started.read_text() + "x" if started.exists() else "x")
if fault == "waits":
    while not Path("go").exists():
        time.sleep(0.05)
if fault == "sleeps":
    time.sleep(10)
if fault == "memory" and not Path("go").exists():
    os.kill(os.getpid(), signal.SIGKILL)  # what the kernel of the system does where memory ends
if fault == "once" and len(started.read_text()) == 1:
    raise RuntimeError("the first start fails")
if fault == "torchrun":  # each of two processes knows how many they are
    words = "import os; open('processes-' + os.environ['NAME'], 'w').write(os.environ['WORLD_SIZE'])"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    subprocess.run([*command, sys.executable, "-c", words], env=os.environ | {"NAME": name}, check=True)
if fault == "long":  # steps of a second, each of them kept; the first start has no end
    kept = Path(f"steps-{name}")
    last = len(kept.read_text().split()) + 3 if kept.exists() else 10**9
    while (done := len(kept.read_text().split()) if kept.exists() else 0) < last:
        time.sleep(1)
        with kept.open("a") as file:
            print(done, file=file)
if fault == "raises":
    raise ValueError("it cannot be done")
if start:
    Path(start).read_text()
if weights.endswith(".pt"):
    Path(weights).touch()

# %%
row = {"paper": "FE", "dataset": "glass", "method": name, "split": 0, "seed": 0, "part": "test", "measure": "accuracy",
       "value": 0.5, "direction": "higher", "epochs": threads, "best_epoch": 1, "seconds": 0.0, "device": "cpu",
       "versions": "", "code": "", "config": name, "settings": "{}", "experiment_version": VERSION, "eta": 0.0,
       "lam": 1.0, "U": 10}
records.write(pd.DataFrame([row]), out)
"""


def project(folder: Path, **faults: str) -> Path:
    """A project of its own with a grid of one small run for each name, and the fault that it meets."""
    folder.mkdir()
    shutil.copytree(ROOT / "workflow", folder / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "lib").symlink_to(ROOT / "lib")
    (folder / "notebooks" / "experiments").mkdir(parents=True)
    (folder / "notebooks" / "experiments" / "small.py").write_text(SMALL)
    leaves = "".join(
        f"    {name}: {{{fault or 'none'}: {0.6 if fault == 'long' else 3}}}\n" for name, fault in faults.items()
    )
    (folder / "workflow" / "grid.yaml").write_text(
        f"- name: small\n  for: a test\n  notebook: small\n  each: [name, fault]\n  out: results/{{name}}.parquet\n"
        f"  minutes:\n{leaves}"
    )
    return folder


def engine(folder: Path, *words: str) -> subprocess.Popen:
    """`make experiments` in that project, two runs at a time, from a terminal: not of nohup's, if the tests are."""
    command = [sys.executable, "-m", "workflow.experiments", "--cores", "2", *words]
    env = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True,
                            preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_DFL))  # fmt: skip


def ended(process: subprocess.Popen, seconds: float = 600) -> str:
    """What it printed, once it has ended."""
    return process.communicate(timeout=seconds)[0]


def until(condition, seconds: float = 300) -> None:
    """Wait for it; fails after so long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def read(folder: Path) -> list[str]:
    """Which runs of a project have records."""
    return sorted(records.read(folder / "results")["method"])


def starts(folder: Path, name: str) -> int:
    """How often that run was begun."""
    path = folder / f"starts-{name}"
    return len(path.read_text()) if path.exists() else 0


@contextlib.contextmanager
def disk(folder: Path, options: str) -> Iterator[Path]:
    """A small disk of its own, mounted there; skips where this is not allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)

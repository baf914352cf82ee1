"""What the grid costs beside the runs themselves: its overhead on short runs, and what a kill makes it repeat."""

import inspect
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lib.training import fit
from tests.faults import ROOT, ended, engine, project

RUNS, AT_ONCE = 20, 2  # AT_ONCE as tests.faults.engine has it
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of a run, when it is killed
LENGTH, SCALE = 120.0, 0.25  # seconds of a run, and how much shorter it and the save interval are here
TRAINING = """
import sys, time
from pathlib import Path
from tests.faults.test_faults_of_a_run import trained
print("begins", flush=True)
trained(Path(sys.argv[1]), epochs=10**6, save_every=float(sys.argv[2]))
"""


def grid_overhead() -> float:
    """Wall time of 20 runs of 10 s through the engine, two at a time, a run's share over papermill alone, as many."""
    with tempfile.TemporaryDirectory() as folder:
        grid = project(Path(folder) / "grid", **{f"run{n}": "sleeps" for n in range(RUNS)})
        started = time.monotonic()
        ended(engine(grid), 1_000)
        through = AT_ONCE * (time.monotonic() - started) / RUNS
        if (made := len(list(grid.glob("results/*.parquet")))) < RUNS:
            raise RuntimeError(f"{made} of {RUNS} runs were made: no time of them is worth a thing")
        return through / papermill_alone(grid)


def papermill_alone(grid: Path) -> float:
    """Seconds of one of these runs by papermill itself, two at a time as the engine has them."""
    notebook = grid / "small.ipynb"
    source = grid / "notebooks" / "experiments" / "small.py"
    convert = ["jupytext", "--quiet", "--set-kernel", "python3", "--to", "ipynb", "--output", notebook, source]
    subprocess.run([sys.executable, "-m", *convert], check=True)
    env, spent = os.environ | {"PYTHONPATH": str(grid)}, []
    for _ in range(3):
        started = time.monotonic()
        both = [
            subprocess.Popen([sys.executable, "-m", "papermill", notebook, grid / f"{name}.ipynb", "--no-progress-bar",
                              "--log-level", "ERROR", "-p", "fault", "sleeps", "-p", "name", name,
                              "-p", "out", f"alone/{name}.parquet"], cwd=grid, env=env)
            for name in "ab"
        ]  # fmt: skip
        if max(process.wait() for process in both):
            raise RuntimeError("papermill alone has failed")
        spent.append(time.monotonic() - started)
    return sorted(spent)[1]


def resume_loss() -> float:
    """Share of a run's work that is done again after a kill, mean of five times from early to late in the run.

    A run of 120 s with the default save interval, both a quarter as long: the share is the same.
    """
    every = SCALE * inspect.signature(fit).parameters["save_every"].default
    lost = [repeated(share * SCALE * LENGTH, every) for share in SHARES]
    return sum(lost) / len(lost) / (SCALE * LENGTH)


def repeated(seconds: float, every: float) -> float:
    """Seconds of training since the last checkpoint, of one that is killed after so long."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.pt"
        command = [sys.executable, "-c", TRAINING, str(path), str(every)]
        with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
                              text=True) as process:  # fmt: skip
            process.stdout.readline()
            began = time.time()
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed = time.time()
        return killed - (path.stat().st_mtime if path.exists() else began)

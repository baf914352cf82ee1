"""`make test-slurm`: the grid on a Slurm of one node, for real; what it showed goes to the status page of the book.

    python -m tests.faults

Four runs: one plain, one that fails at its first start, one that needs longer than its time limit, and one that spreads
over two processes by torchrun; then one that is cancelled.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lib.study import records
from tests.faults import ROOT, ended, engine, project, slurm, starts, until

SHOWN = ROOT / "workflow" / "profiles" / "slurm" / "tried.json"


def tried(folder: Path) -> dict[str, str]:
    """What was done -> what was seen. AssertionError where it is not as it should be."""
    grid = project(folder / "grid", plain="", once="once", long="long", spread="torchrun")
    smk = grid / "workflow" / "experiments.smk"
    smk.write_text(smk.read_text().replace("max(10,", "max(1,"))
    words = "--profile", "slurm"
    process = engine(grid, *words)
    out = ended(process, 900)
    log = (grid / "runs" / "engine.log").read_text()
    assert "4 runs made" in out, out + log[-3000:]
    assert sorted(records.read(grid / "results")["method"]) == ["long", "once", "plain", "spread"]
    count = {name: starts(grid, name) for name in ("plain", "once", "long", "spread")}
    assert count == {"plain": 1, "once": 2, "long": 2, "spread": 1}, count
    steps = (grid / "steps-long").read_text().splitlines()
    assert steps == [str(step) for step in range(len(steps))], steps  # none is missing, none was done twice
    assert (grid / "processes-spread").read_text() == "2"
    waiting = project(folder / "cancelled", a="waits")
    process = engine(waiting, *words)
    until(lambda: starts(waiting, "a"))
    assert slurm.jobs()
    os.kill(process.pid, signal.SIGINT)
    ended(process, 120)
    until(lambda: not slurm.jobs(), 60)
    return {
        "four runs are submitted": "each is a job; all four records are there",
        "a run fails at its first start": "it is submitted again, and made",
        "a run takes longer than its time limit": f"it is ended, submitted again and goes on: of {len(steps)} steps, "
        "each kept when done, none was done twice",
        "a run spreads over two processes by torchrun": "both took part",
        "the engine is interrupted while a job runs": "the job is cancelled, the queue is empty",
    }


def main() -> int:
    if why := slurm.missing():
        print(f"no Slurm can be started here: {why}", file=sys.stderr)
        return 1
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, slurm.cluster(Path(folder, "slurm").resolve()):
        version = subprocess.run(["sinfo", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        found = tried(Path(folder).resolve())
    about = {"version": version, "on": time.strftime("%Y-%m-%d"), "seconds": round(time.monotonic() - started)}
    SHOWN.write_text(json.dumps({**about, "seen": found}, indent=1) + "\n")
    for done, seen in found.items():
        print(f"{done}: {seen}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

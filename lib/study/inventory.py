"""What there is of every grid: runs made and missing, what they took, on which machines and with which versions."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import parquet

from lib.study import grid

# what tells apart the trainings in one file of records, whose seconds are each noted in many rows; one that was
# measured in several ways has several configurations and the same seconds
OWN = ("method", "split", "seed", "eta", "lam", "lam1", "lam3", "lr", "seconds")
ELSEWHERE = ("gallery",)  # shows trainings that other blocks made


def inventory(runs: Sequence[grid.Run] | None = None, root: Path = grid.ROOT) -> pd.DataFrame:
    """A row for each purpose of workflow/grid.yaml: runs, made, missing, hours spent and to come, devices, versions.

    Closed runs count where they were made: they are what a figure reads until newer ones take over. Versions are those
    of torch.
    """
    rows = {}
    for run in grid.read() if runs is None else runs:
        made, stale = (root / run.out).is_file(), run.stale(root)
        if run.closed and not made:
            continue
        row = rows.setdefault((run.grid, run.purpose), {"runs": 0, "made": 0, "spent": 0.0, "to come": 0.0,
                                                       "machines": set(), "torch": set()})  # fmt: skip
        row["runs"] += 1
        row["made"] += made if run.closed else not stale
        row["to come"] += run.left(root=root) / 60 if stale and not run.closed else 0.0
        if made:
            seconds, machines, versions = spent(root / run.out)
            row["spent"] += seconds / 3600 * (run.grid not in ELSEWHERE)
            row["machines"] |= machines
            row["torch"] |= versions
    frame = pd.DataFrame([{"grid": name, "for": purpose, **row} for (name, purpose), row in rows.items()])
    return frame.assign(**{name: frame[name].map(lambda found: "; ".join(sorted(found)))
                           for name in ("machines", "torch")})  # fmt: skip


def spent(path: Path) -> tuple[float, set[str], set[str]]:
    """Seconds of all runs in one file of records, the machines and torch's versions; nothing of one that is damaged."""
    try:
        columns = parquet.read_schema(path).names
        frame = pd.read_parquet(path, columns=["device", "versions", *(c for c in OWN if c in columns)])
    except (OSError, pyarrow.ArrowException):
        return 0.0, set(), set()
    single = frame.drop_duplicates([name for name in OWN if name in frame])
    torch = frame["versions"].str.extract(r"torch ([\w.+]+)")[0].dropna()
    return float(single["seconds"].sum()), {d.split(", ")[0] for d in frame["device"].unique()}, set(torch)

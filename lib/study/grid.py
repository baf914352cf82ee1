"""The runs of every grid, as workflow/grid.yaml lists them: what for, with which parameters, at what cost, and if made.

runs = grid.read()                          # in the order in which they are worth running
[run for run in runs if run.stale()]        # those whose records are missing or of an older version
runs[0].command(device="cuda")              # the words of the command that makes the records
"""

import itertools
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pyarrow
import yaml
from pyarrow import parquet

ROOT = Path(__file__).parents[2]
KEYS = {"name", "for", "notebook", "out", "each", "minutes", "set", "where", "closed"}
DAMAGED = "damaged"
NEEDED = KEYS - {"set", "where", "closed"}


@dataclass(frozen=True)
class Run:
    """One run of a grid: an experiment's notebook with its parameters, which writes one file of records."""

    grid: str  # name of its block
    purpose: str
    notebook: str
    out: str  # the file of records, from the project's folder
    given: Mapping[str, object]  # parameters other than the notebook's own
    minutes: float  # of one CPU core, as far as known from runs like it
    gpu_minutes: float | None  # of a GPU; None where none was measured
    closed: str  # why it is no longer run, or not yet; empty for most
    after: str = ""  # `out` of the run whose weights this one starts from; empty where none of the grid leaves them

    def cost(self, device: str = "cpu") -> float:
        """Expected minutes on a device; a CPU's where nothing is known of a GPU."""
        return self.minutes if device == "cpu" or self.gpu_minutes is None else self.gpu_minutes

    def left(self, device: str = "cpu", root: Path = ROOT) -> float:
        """Expected minutes of what its file of records lacks."""
        return self.cost(device) * (1 if self._unusable(root) else max(0, 1 - self.made(root) / self.trainings))

    @property
    def resumes(self) -> bool:
        """Whether its file of records may hold part of its trainings, to which the notebook adds those that lack."""
        return Path(self.notebook).stem == "insertion_deletion_images"

    @property
    def trainings(self) -> int:
        """How many its hyperparameters' values and seeds make, those that the grid names."""
        given = [self.given[name] for name in ("lams", "lam3s", "lrs", "seeds") if name in self.given]
        return math.prod(len(str(values).split(",")) for values in given)

    def made(self, root: Path = ROOT) -> int:
        """How many trainings its file of records holds; the start that rivals come with is none."""
        if not (root / self.out).is_file():
            return 0
        if not self.resumes:
            return self.trainings
        columns = parquet.read_table(root / self.out, columns=["method", "config"]).to_pylist()
        return len({row["config"] for row in columns if row["method"] != "pretrained"})

    def stale(self, root: Path = ROOT) -> str:
        """Why records have to be made: missing, damaged, of an older version of the experiment, or some; or nothing."""
        if why := self._unusable(root):
            return why
        made = self.made(root)
        return f"{made} of {self.trainings}" if made < self.trainings else ""

    def _unusable(self, root: Path) -> str:
        """Why its file of records counts as none; nothing where it holds some."""
        file, now = root / self.out, experiment(self.notebook, root).version
        if not file.is_file():
            return "missing"
        try:
            columns = parquet.read_schema(file).names
        except (OSError, pyarrow.ArrowException):
            return DAMAGED
        made = 1
        if "experiment_version" in columns:
            made = min(parquet.read_table(file, columns=["experiment_version"])["experiment_version"].to_pylist())
        return f"of version {made}, now {now}" if made < now else ""

    @property
    def place(self) -> str:
        """Where its executed notebook, checkpoint and benchmark lie, before their endings."""
        return "runs/" + self.out.removeprefix("results/").removesuffix(".parquet").replace("/", "-")

    def command(self, **changed) -> list[str]:
        """The words of the command; `changed` sets what the notebook has and the grid leaves to it: a device, say."""
        known = experiment(self.notebook).parameters
        given = {"checkpoint": f"{self.place}.pt", "weights": "runs/weights", **changed, **self.given, "out": self.out}
        words = itertools.chain(*(("-p", k, _text(v)) for k, v in given.items() if k in known))
        return [sys.executable, "-m", "lib.run", self.notebook, f"{self.place}.ipynb", *words]


@dataclass(frozen=True)
class Experiment:
    """What the grid has to know of a notebook."""

    parameters: tuple[str, ...]
    version: int  # raised by hand when what it computes changes


@cache
def experiment(notebook: str, root: Path = ROOT) -> Experiment:
    """The names in the notebook's parameters cell, and its VERSION, 1 where none is written."""
    text = (root / notebook).read_text()
    cell = text.split('tags=["parameters"]', 1)[1].split("\n# %%", 1)[0]
    version = re.search(r"^VERSION = (\d+)", text, re.MULTILINE)
    return Experiment(tuple(re.findall(r"^(\w+) = ", cell, re.MULTILINE)), int(version[1]) if version else 1)


def read(path: str | Path = ROOT / "workflow" / "grid.yaml") -> list[Run]:
    """All runs in the order of the file; ValueError if a block lacks a key or has one unknown, or two runs one file."""
    runs = [run for block in yaml.safe_load(Path(path).read_text()) for run in _runs(_checked(block))]
    left = {run.given["weights"]: run.out for run in runs if "weights" in run.given}
    runs = [replace(run, after=left.get(run.given.get("start"), "")) for run in runs]
    outs = [run.out for run in runs]
    if twice := {out for out in outs if outs.count(out) > 1}:
        raise ValueError(f"{path}: each run must have a file of its own, got {', '.join(sorted(twice))} twice")
    return runs


def _checked(block: dict) -> dict:
    if not NEEDED <= set(block) <= KEYS:
        unlike = sorted(NEEDED - set(block)) or sorted(set(block) - KEYS)
        raise ValueError(f"a block must have {', '.join(sorted(NEEDED))}, see {', '.join(unlike)} of {block}")
    return block


def _runs(block: dict) -> Iterator[Run]:
    for levels, cost in _leaves(block["minutes"], block["each"]):
        given = dict(block.get("set", {}))
        for name, values in block.get("where", {}).items():
            given |= values.get(levels[name], {})
        given = {k: v.format_map(levels) if isinstance(v, str) else v for k, v in given.items()}
        minutes, gpu = cost if isinstance(cost, list) else (cost, None)
        yield Run(
            block["name"], block["for"], f"notebooks/experiments/{block['notebook']}.py",
            block["out"].format_map(levels), given | levels, minutes, gpu, block.get("closed", ""),
        )  # fmt: skip


def _leaves(tree, names: Sequence[str]) -> Iterator[tuple[dict, object]]:
    """The values of `names` on the way to each leaf of a tree as deep as they are many, and the leaf."""
    if not names:
        yield {}, tree
        return
    for value, below in tree.items():
        yield from (({names[0]: value} | levels, leaf) for levels, leaf in _leaves(below, names[1:]))


def _text(value) -> str:
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)

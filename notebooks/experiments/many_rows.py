# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Experiment: paper FE on very many rows
#
# Ours on made-up tables of growing size, or on a named one, by steps that draw, evaluate and update what has been open.
# Time and memory of a step, accuracy, and faithfulness with ten entries; beside it, steps with gates for all rows, and
# ten thousand rows that may be examples among all that train the prediction model.
#
#     python -m lib.run notebooks/experiments/many_rows.py out.ipynb -p sizes 20000 -p steps 200 -p out many.parquet
#     python -m lib.run notebooks/experiments/many_rows.py out.ipynb -p data cifar10-efficientnet-lite0 -p images 50000

# %% tags=["parameters"]
data = ""  # a data set's name, or a CSV file, class last; empty: made-up rows
images = 1_000  # of CIFAR-10
sizes = [10_000, 100_000, 1_000_000]  # training rows that are made up
open_rows = 1_000  # expected to be open at the first step
candidates = 10_000  # rows that may be examples, in the runs where not all may
C = 4  # classes, of made-up rows
features = 20
clusters = 8  # of each class
steps = 4_000  # of each training
dense_steps = 20  # with gates for all rows, for their time alone
eta = 0.01  # price of an open gate
S_start = 0.1  # S starts as N(0, S_start^2)
seed = 0
threads = 1  # of the processor, for one process
out = "runs/many.parquet"

# %%
import re
import time
from pathlib import Path

import pandas as pd
import torch

from lib import data as tables
from lib.data import Folds
from lib.methods import METHODS
from lib.nets import MLP
from lib.parameters import lists
from lib.study import records
from lib.study.provenance import provenance
from lib.training import Runs, fit, many, use_threads

VERSION = 1  # raised when what is computed changes
use_threads(threads)
records.check_out(out)
(sizes,) = lists(sizes=sizes)
if len(set(sizes)) < len(sizes) or min(sizes, default=0) < 1 or min(steps, dense_steps) < 1:
    raise ValueError("sizes must be different numbers of rows, and steps and dense_steps at least 1, got "
                     f"{sizes}, {steps}, {dense_steps}")  # fmt: skip
span = min(500, steps)
if steps % span:
    raise ValueError(f"steps must be a multiple of {span}, between whose checks so many are taken, got {steps}")
table = tables.load(data, images=images) if data else None
dataset = table.name if table else "synthetic"
own = {} if data else {"N": sizes}
records.check_replaced(out, VERSION, paper="FE", dataset=dataset, seed=seed, eta=eta, **own)
held_out = 4_000  # rows to validate and as many to test on


def made_up(N):
    """Folds of one split: rows around the centres of their class's clusters, far more alike than classes are apart."""
    generator = torch.Generator().manual_seed(seed)
    centres = 1.2 * torch.randn(C * clusters, features, generator=generator)
    parts = {}
    for part, rows in (("train", N), ("val", held_out), ("test", held_out)):
        of = torch.randint(C * clusters, (rows,), generator=generator)
        parts[f"x_{part}"] = (centres[of] + torch.randn(rows, features, generator=generator))[None]
        parts[f"y_{part}"], parts[f"index_{part}"] = (of % C)[None], torch.arange(rows)[None]
    zero = torch.zeros(1, 1, features)
    return Folds("synthetic", "classification", C, torch.tensor([0]), **parts, x_mean=zero, x_std=zero + 1)


def resident(line):
    """A line of /proc/self/status in bytes."""
    return 1024 * int(re.search(rf"{line}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])


# %% [markdown]
# Seconds are the processor's, so that the time of other work does not count. Memory is the peak beyond what was there
# before the table was made, the table included. A step with gates for all rows is the same program with all rows met.

# %%
runs = Runs.grid(1, eta=[eta], seed=[seed]).of("Ours")
common = {"epochs": steps // span, "patience": steps, "check": 1, "span": span, "S_start": S_start, "exact_mean": True}


def settings_of(N, **change):
    mu = many.mu_for(open_rows, N, C)
    return many.Settings(**{**common, "mu_start": mu, "U": (10, "all"), **change})


def timed(program, count, first):
    """Processor seconds of a step, mean of so many."""
    started = time.process_time()
    for step in range(first, first + count):
        program.step(step)
    return (time.process_time() - started) / count


rows = []
for size in sizes if table is None else [0]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = resident("VmRSS")
    folds = made_up(size) if table is None else tables.folds(table, [0])
    N, C, features = folds.x_train.shape[1], folds.C, folds.x_train.shape[2]
    if not 0 < open_rows < min(N, candidates):
        raise ValueError(f"open_rows must lie between 0 and the {min(N, candidates)} rows that may be examples, got "
                         f"{open_rows}")  # fmt: skip
    ways = {"met": settings_of(N)}
    if candidates < N:
        ways["candidates"] = settings_of(N, candidates=candidates, mu_start=many.mu_for(open_rows, candidates, C))
    for way, settings in ways.items():
        started = time.process_time()
        trained = fit("Ours", folds, runs, settings=settings, progress=False)
        measured = {"seconds": time.process_time() - started, "bytes": resident("VmHWM") - before}
        for measure in ("accuracy", "faithfulness"):
            measured[measure] = trained.scores[f"test_{measure}"][0, 0].item()
        measured["faithfulness_all"] = trained.scores["test_faithfulness"][0, 1].item()
        if way == "met":
            f = MLP((features, *[settings.hidden] * settings.layers), settings.dropout)
            program = many.ManyProgram(METHODS["Ours"], folds, runs, settings=settings, f=f)
            measured["seconds_first"] = timed(program, 50, 1)
            timed(program, 450, 51)
            measured["seconds_step"] = timed(program, 100, 501)
            measured["met"] = program.state["met"]
            dense = many.ManyProgram(METHODS["Ours"], folds, runs, settings=settings, f=f)
            dense.state["met"] = dense.gated
            measured["seconds_dense"] = timed(dense, dense_steps, 1)
        own = {"N": N, "way": way, "epochs": trained.stopped_epoch[0], "best_epoch": trained.best_epoch[0]}
        described = {"experiment": "many_rows", "N": N, "way": way, "open": open_rows, "steps": steps, "C": C,
                     "features": features, "clusters": clusters, **settings.recorded()}  # fmt: skip
        origin = provenance(described, "cpu", version=VERSION) | {"seconds": measured.pop("seconds")}
        rows += [{**own, "measure": measure, "value": value, **origin} for measure, value in measured.items()]
        print(f"{N:,} rows, {way}: " + ", ".join(f"{name} {value:.4g}" for name, value in measured.items()))

# %%
frame = pd.DataFrame(rows).assign(paper="FE", dataset=dataset, method="Ours", split=0, seed=seed, part="test")
frame = frame.assign(eta=eta, lam=1.0, U=pd.array([10] * len(frame), dtype="Int64"))
higher = frame["measure"].str.startswith(("accuracy", "faithfulness"))
records.write(frame.assign(direction=higher.map({True: "higher", False: "lower"})), out)
frame.pivot_table(index=["way", "N"], columns="measure", values="value")

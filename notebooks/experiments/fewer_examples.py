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
# # Experiment: explained with fewer examples
#
# One cell of the grid behind the results chapter: one data set and one method, over splits, etas and lambdas. All runs
# train as one program. Run it on parameters of your own:
#
#     python -m lib.run notebooks/experiments/fewer_examples.py out.ipynb -p method Joint -p etas 0 -p out joint.parquet

# %% tags=["parameters"]
data = "glass"  # a name known to lib.data, or a CSV file of your own with the class in its last column
task = None  # of a file of your own: regression if its last column holds values instead
method = "Ours"  # Ours, Joint, RPS, RPSR, Pretrain or PretrainR
etas = [0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]  # weights of the regulariser; methods without gates take one, 0
lambdas = [1.0]  # weights of l(g, h); RPS and RPSR do not use it
splits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]  # numbers of the splits, which seed them
U_values = [5, 10, 20, 30, 50, 100, "all"]  # entries (n, c) kept in the explanation
epochs = 10_000  # at most
patience_steps = 20_000  # gradient steps without a better validation measure before a run stops
hidden = 64  # units a layer
S_start = "1"  # S starts as N(0, S_start^2); unit: where h's first outputs have unit spread
keep = 10  # the U whose geometric mean of accuracy and faithfulness on validation chooses the epoch
seed = 0
device = "cpu"  # or "cuda"
tf32 = False  # on a GPU: factors of products rounded to 11 bits (TensorFloat-32), faster
threads = 1  # of the processor, for one process
checkpoint = ""  # a file to resume from after an interruption
weights = ""  # a folder that keeps the best parameters, so that no training is done twice
stage1 = ""  # a file that Pretrain and PretrainR share for their prediction models
out = "runs/glass-Ours.parquet"

# %%
from pathlib import Path

import pandas as pd
import torch

from lib import data as tables
from lib import examples, metrics
from lib.methods import FE as METHODS
from lib.parameters import convert, lists
from lib.study import records
from lib.study.provenance import config_hash, provenance
from lib.training import Runs, fit, use_threads
from lib.training.fewer_step import Settings, in_epochs

VERSION = 2  # raised when what is computed changes; 1 kept epochs by all U together and took ties for agreement

use_threads(threads)
torch.set_float32_matmul_precision("high" if tf32 else "highest")
records.check_out(out, checkpoint=checkpoint, stage1=stage1)
etas, lambdas, splits, U_values = lists(etas=etas, lambdas=lambdas, splits=splits, U_values=U_values)
table = tables.load(data, task=task)
folds = tables.folds(table, splits)
if method not in METHODS:
    raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
gated = METHODS[method].gates

# %% [markdown]
# Patience is counted in gradient steps, so that it means the same for a table of 150 rows and one of 1,600.

# %%
N = folds.x_train.shape[1]
patience = in_epochs(N, patience_steps=patience_steps)
check = max(1, min(10, patience // 20))
entries = N * folds.C
largest = entries - ("all" in U_values)  # N x C entries are all
U = tuple(u for u in U_values if isinstance(u, str) or u <= largest)
if not U:
    raise ValueError(f"U_values must hold a number up to {largest}, or all, got {U_values}")
spread = S_start if S_start == "unit" else convert("S_start", str(S_start), 1.0)
settings = Settings(epochs=epochs, patience=patience, check=check, hidden=hidden, S_start=spread, keep=keep, U=U)
kept = settings.U_values(entries)
runs = Runs.grid(len(splits), eta=etas, lam=lambdas, seed=[seed]).of(method)
described = {"experiment": "fewer_examples", "patience_steps": patience_steps, **settings.recorded()}
if tf32:
    described["tf32"] = True
records.check_replaced(
    out, VERSION, paper="FE", dataset=table.name, method=method, split=splits, seed=seed, eta=runs.eta, lam=runs.lam,
    config=config_hash(described),
)  # fmt: skip
f"{len(runs)} runs of {method} on {data}: {N} training rows, {folds.C} classes, patience {patience} epochs"

# %%
how = {"settings": settings, "device": device, "weights": records.networks(weights, VERSION)}
start = None
if METHODS[method].pretrained:
    start = fit("Predictor", folds, Runs.grid(len(splits), seed=[seed]), checkpoint=stage1 or None, **how)
trained = fit(method, folds, runs, start=start, checkpoint=checkpoint or None, **how)

# %% [markdown]
# ## Records
#
# For each U: accuracy, faithfulness and the share of ties in h on validation and test rows; the first two on test rows
# that equal no training row; how many examples U entries belong to; how often the U nearest training examples in f's
# space vote for what g predicts. Then the share of open gates, and the ten most influential entries of each run.

# %%
regression = folds.task == "regression"
names = {"accuracy": "r2", "faithfulness": "r2_h"} if regression else {}
lowest = ("ties", "examples")
new = tables.new_rows(folds)
fold_of = runs.fold  # of the table; what stage 2 sees has folds of its own


def further(r):
    """What else is measured of run r: measure -> (part, a value for each U)."""
    model, fold = trained.run(r), fold_of[r]
    place = examples.positions(model.influence, mu=model.mu, rank=settings.rank)
    yield "examples", "train", [examples.distinct(place, u).item() for u in kept]
    if regression:
        return
    if new[fold].any():
        scores = trained.evaluate("test", run=r, rows=new[fold][None].to(device))
        for name, values in zip(("accuracy_new", "faithfulness_new"), scores):
            yield name, "test", values[0].tolist()
    if model.W is not None:
        F_n, F = (model.f(model.theta, x[fold].to(device)) for x in (folds.x_train, folds.x_test))
        votes = [examples.neighbours(F_n, folds.y_train[fold].to(device), F, k=u, C=folds.C) for u in kept]
        yield "neighbours", "test", [metrics.faithfulness(F @ model.W, v).item() for v in votes]


rows = []
for r in range(len(runs)):
    run = {
        "split": splits[runs.fold[r]],
        "seed": runs.seed[r],
        "eta": runs.eta[r],
        "lam": runs.lam[r],
        "epochs": trained.stopped_epoch[r],
        "best_epoch": trained.best_epoch[r],
        "diverged": trained.diverged[r],
        "seconds": trained.seconds[r],
        "example": None,  # of an explanation, which no run may have
        "output": None,
    }
    for part in ("val", "test"):
        for measure in ("accuracy", "faithfulness", "ties"):
            values = trained.scores[f"{part}_{measure}"][r].tolist()
            name = names.get(measure, measure)
            rows += [{**run, "U": u, "part": part, "measure": name, "value": v} for u, v in zip(kept, values)]
    for measure, part, values in further(r):
        rows += [{**run, "U": u, "part": part, "measure": measure, "value": v} for u, v in zip(kept, values)]
    if gated:
        share = (trained.bank["mu"][r] > 0).float().mean().item()
        rows.append({**run, "part": "train", "measure": "open", "value": share})
    if run["diverged"]:
        continue  # nothing to explain
    fold = fold_of[r]
    top = trained.run(r).explain(folds.x_test[fold, 0].to(device), U=min(10, entries))
    numbers = folds.index_train[fold, top.rows.cpu()]
    rows += [
        {**run, "U": place, "part": "train", "measure": "influence", "value": a, "example": n, "output": c}
        for place, (a, n, c) in enumerate(zip(top.influence.tolist(), numbers.tolist(), top.classes.tolist()), 1)
    ]

# %%
frame = pd.DataFrame(rows).astype({"U": "Int64", "example": "Int64", "output": "Int64"})
frame["direction"] = frame["measure"].isin(lowest).map({True: "lower", False: "higher"})
frame = frame.assign(paper="FE", dataset=table.name, method=method)
records.write(frame.assign(**provenance(described, device, version=VERSION)), out)
if checkpoint:
    Path(checkpoint).unlink(missing_ok=True)

# %%
test = frame[(frame["part"] == "test") & frame["measure"].isin(["accuracy", "faithfulness", "r2", "r2_h"])]
test.pivot_table(index=["eta", "lam", "measure"], columns="U", values="value").round(3)

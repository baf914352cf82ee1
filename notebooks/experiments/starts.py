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
# # Experiment: where S starts
#
# The paper does not say how the influences S are initialised, and it matters. Every method is trained from each
# candidate on three splits, and validation rows at U = 10 decide, for one data set and all methods at once:
#
#     python -m lib.run notebooks/experiments/starts.py out.ipynb -p data glass -p out glass-start.parquet

# %% tags=["parameters"]
data = "glass"  # a name known to lib.data, or a CSV file of your own with the class in its last column
methods = ["Ours", "RPSR", "PretrainR", "Joint", "RPS", "Pretrain"]
starts = ["unit", "1", "0.1", "0.01"]  # S starts as N(0, start^2); unit: where h's first outputs have unit spread
etas = [1e-3, 1e-2, 1e-1]  # weights of the regulariser, for methods that have it
splits = [0, 1, 2]  # numbers of the splits, which seed them
epochs = 10_000  # at most
patience_steps = 20_000  # gradient steps without a better validation measure before a run stops
hidden = 64  # units a layer
device = "cpu"  # or "cuda"
threads = 1  # of the processor, for one process
out = "runs/glass-start.parquet"

# %%
import itertools

import pandas as pd

from lib import data as tables
from lib.methods import FE as METHODS
from lib.parameters import lists
from lib.study import records
from lib.study.provenance import provenance
from lib.training import Runs, fit, use_threads
from lib.training.fewer_step import Settings, in_epochs

VERSION = 1  # raised when what is computed changes


def check_start(start):
    """As a number, where S starts; ValueError unless it is one."""
    try:
        return Settings(S_start=float(start)).S_start
    except (TypeError, ValueError):
        raise ValueError(f'starts must be "unit" or numbers of at least 0, got {start!r}') from None


use_threads(threads)
records.check_out(out)
methods, starts, etas, splits = lists(methods=methods, starts=starts, etas=etas, splits=splits)
if unknown := set(methods) - set(METHODS):
    raise ValueError(f"methods must be among {', '.join(METHODS)}, got {', '.join(sorted(unknown))}")
known = {start: start if start == "unit" else check_start(start) for start in starts}
table = tables.load(data)
records.check_replaced(out, VERSION, paper="FE", dataset=table.name, method=methods, split=splits, eta=[0, *etas])
folds = tables.folds(table, splits)
N = folds.x_train.shape[1]
patience = in_epochs(N, patience_steps=patience_steps)
common = {"epochs": epochs, "patience": patience, "check": max(1, min(10, patience // 20)), "hidden": hidden}
common["U"] = (5, 10, 20, 50, "all")


# %%
def rows_of(trained, settings, runs):
    """A row for each measurement of a run."""
    kept = settings.U_values(N * folds.C)
    for r in range(len(runs)):
        run = {"split": splits[runs.fold[r]], "seed": runs.seed[r], "eta": runs.eta[r], "lam": runs.lam[r],
               "epochs": trained.stopped_epoch[r], "best_epoch": trained.best_epoch[r],
               "diverged": trained.diverged[r], "seconds": trained.seconds[r], "direction": "higher"}  # fmt: skip
        for part, measure in itertools.product(("val", "test"), ("accuracy", "faithfulness", "ties")):
            better = {"direction": "lower"} if measure == "ties" else {}
            values = trained.scores[f"{part}_{measure}"][r].tolist()
            yield from ({**run, **better, "U": u, "part": part, "measure": measure, "value": v}
                        for u, v in zip(kept, values))  # fmt: skip
        if "mu" in trained.bank:
            share = (trained.bank["mu"][r] > 0).float().mean().item()
            yield {**run, "part": "train", "measure": "open", "value": share}


frames = []
for method, start in itertools.product(methods, starts):
    settings = Settings(S_start=known[start], **common)
    runs = Runs.grid(len(splits), eta=etas if METHODS[method].gates else [0]).of(method)
    trained = fit(method, folds, runs, settings=settings, device=device)
    described = {"experiment": "fewer_examples", "patience_steps": patience_steps, **settings.recorded()}
    frame = pd.DataFrame(rows_of(trained, settings, runs)).astype({"U": "Int64"})
    about = {"paper": "FE", "dataset": table.name, "method": method}
    frames.append(frame.assign(**about, **provenance(described, device, version=VERSION)))
frame = pd.concat(frames)
records.write(frame, out)

# %% [markdown]
# Geometric mean of accuracy and faithfulness on validation rows at U = 10, at each split's best eta; the mean over
# methods decides.

# %%
val = frame[(frame["part"] == "val") & (frame["U"] == 10)].assign(
    start=lambda rows: rows["settings"].str.extract(r'"S_start": "?([\w.]+)')[0]
)
wide = val.pivot_table(index=["method", "start", "split", "eta"], columns="measure", values="value")
means = (wide["accuracy"] * wide["faithfulness"]).pow(0.5).groupby(["method", "start", "split"]).max()
means = means.groupby(["method", "start"]).mean().unstack()
means.loc["mean over methods"] = means.mean()
means.round(3)

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
# # Experiment: insertion and deletion on tables
#
# One cell of the grid behind the results on tables: one data set and one method, over splits and hyperparameters. All
# runs train as one program. Run it on parameters of your own:
#
#     python -m lib.run notebooks/experiments/insertion_deletion_tabular.py out.ipynb -p data my.csv -p out mine.parquet

# %% tags=["parameters"]
data = "wine-quality-red"  # a name known to lib.data, or a CSV file of your own with the class in its last column
method = "ID-ExpO"  # ID-ExpO, ExpO-S, ExpO-F or CE-only
explainers = ["LIME"]  # LIME, KernelSHAP; ID-ExpO trains one, the others are measured with all that are named
S_values = [0.5]  # shares of the features inserted and deleted; one for ID-ExpO
deletion = "A"  # form of the deletion regulariser: A, B or C
lams = [0.1, 0.01, 0.001]  # lambda_1 = lambda_2, or the strength of ExpO-S and ExpO-F; CE-only takes [0]
lam3s = [0.001, 0]  # weights of |phi|^2; [0] for all but ID-ExpO
lrs = [0.01, 0.001]  # learning rates
splits = [0, 1, 2, 3, 4]  # numbers of the splits, which seed them
epochs = 200  # at most
patience = 20  # epochs without a better valscore before a run stops
draws = 0  # values of s drawn for each sample at a step, cheaper and noisy; 0 for all
mixed = "no"  # multiply in bfloat16 while training: yes, no, or auto, where the device gains from it
seed = 0
device = "cpu"  # or "cuda"
threads = 1  # of the processor, for one process
checkpoint = ""  # a file to resume from after an interruption
weights = ""  # a folder that keeps the best parameters, so that no training is done twice
out = "runs/wine-quality-red-ID-ExpO.parquet"

# %%
import itertools
from pathlib import Path

import pandas as pd

from lib import data as tables
from lib import explainers as explaining
from lib.methods import ID as METHODS
from lib.parameters import lists
from lib.study import records
from lib.study.provenance import config_hash, provenance
from lib.training import Runs, check_device, fit, use_threads
from lib.training.expo import Settings, check_criterion, check_settings
from lib.training.pretraining import in_bfloat16

VERSION = 1  # raised when what is computed changes
use_threads(threads)
records.check_out(out, checkpoint=checkpoint)
if method not in METHODS:
    raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
explainers, S_values, splits = lists(explainers=explainers, S_values=S_values, splits=splits)
lams, lam3s, lrs = lists(lams=lams, lam3s=lam3s, lrs=lrs)
named = [explaining.named(name) for name in explainers]
if not all(isinstance(explainer, explaining.Linear) for explainer in named):
    raise ValueError(f"explainers of a table's features are LIME and KernelSHAP, got {explainers}")
criteria = [check_criterion(criterion) for criterion in itertools.product(named, S_values)]
if method == "ID-ExpO" and len(explainers) * len(S_values) != 1:
    raise ValueError(f"ID-ExpO trains one explainer and one S at a time, got {explainers} and {S_values}")
runs = Runs.grid(len(splits), lam=lams, lam3=lam3s, lr=lrs, seed=[seed]).of(method)

# %% [markdown]
# Predictors are trained first on cross-entropy alone; every run of a split starts from the same one.

# %%
options = {
    "epochs": epochs,
    "patience": patience,
    "mixed": in_bfloat16(mixed, check_device(device)),
    "draws": draws or None,
}
settings = Settings(explainer=named[0], S=S_values[0], deletion=deletion, **options)
table = tables.load(data)
described = {"experiment": "insertion_deletion_tabular", **settings.recorded()}
records.check_replaced(
    out, VERSION, paper="ID", dataset=table.name, method=[method, "pretrained"], split=splits, seed=seed,
    explainer=explainers, S=S_values, lam=[0, *lams], lam3=[0, *lam3s], lr=[0.05, *lrs], config=config_hash(described),
)  # fmt: skip
folds = tables.folds(table, splits)
check_settings(method, settings, folds.x_train.shape[2:])
before = Runs.grid(len(splits), lr=[0.05], seed=[seed])
how = {"device": device, "weights": records.networks(weights, VERSION)}
start = fit("pretrained", folds, before, **how)
Q = folds.x_train.shape[2]
f"{len(runs)} runs of {method} on {data}: {folds.x_train.shape[1]} training rows, {Q} features, {folds.C} classes"

# %%
how |= {"checkpoint": checkpoint or None, "criteria": criteria}
tuned = fit(method, folds, runs, start=start, settings=settings, **how)

# %% [markdown]
# ## Records
#
# Accuracy, insertion, deletion and sensitivity-n for each run and each criterion that chose its epoch, with whole
# curves, and the contributions of the first test rows. "CE-only" comes with the predictors that fine-tuning started
# from, as the method "pretrained".


# %%
def rows_of(trained, name, lowest=("deletion",)):
    """One row for each measurement of a trained set of runs."""
    for r, (v, (explainer, S)) in itertools.product(range(len(trained.runs)), enumerate(criteria)):
        run = {
            "method": name,
            "split": splits[trained.runs.fold[r]],
            "seed": trained.runs.seed[r],
            "explainer": explainer.name,
            "S": S,
            "deletion": deletion if name == "ID-ExpO" else "none",
            "lam": trained.runs.lam[r],
            "lam3": trained.runs.lam3[r],
            "lr": trained.runs.lr[r],
            "epochs": trained.stopped_epoch[r],
            "best_epoch": trained.best_epoch[r][v],
            "diverged": trained.diverged[r],
            "seconds": trained.seconds[r],
            "mixed": trained.settings.mixed,
        }
        for key, values in trained.scores.items():
            part, measure = key.split("_")
            curve = trained.curves[measure][r, v].tolist() if part == "test" and measure in trained.curves else None
            side = "lower" if measure in lowest else "higher"
            yield {**run, "part": part, "measure": measure, "value": values[r, v].item(), "direction": side,
                   "curve": curve}  # fmt: skip


rows = list(rows_of(tuned, method))
if method == "CE-only":
    rows += rows_of(start.measured(criteria), "pretrained")

# %%
about = {"rows": len(table.x), "classes": folds.C, "features": ", ".join(table.features)}
about["start_lr"] = start.runs.lr[0]  # of the pretraining
frame = pd.DataFrame(rows).assign(paper="ID", dataset=table.name, **about)
records.write(frame.assign(**provenance(described, device, version=VERSION)), out)
if checkpoint:
    Path(checkpoint).unlink(missing_ok=True)

# %%
test = frame[(frame["part"] == "test") & (frame["method"] == method)]
test.pivot_table(index=["explainer", "S", "lam", "lam3", "lr"], columns="measure", values="value").round(3)

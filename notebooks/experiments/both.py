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
# # Experiment: explained with fewer examples and with fewer features at once
#
# One model trained by FE-10 with ID-11's insertions and deletions beside it, over weights of both regularisers. All
# runs train as one program, in company of those whose weights are 0: a model explained by features alone, by examples
# alone, or by neither.
#
#     python -m lib.run notebooks/experiments/both.py out.ipynb -p data vehicle -p splits 0 -p out vehicle.parquet

# %% tags=["parameters"]
data = "vehicle"  # a name known to lib.data, or a CSV file of your own with the class in its last column
etas = [0, 1e-3, 1e-2]  # weights of the gates' regulariser
lam1s = [0, 0.01, 0.1]  # lambda_1 = lambda_2, weights of insertions and deletions
explainer = "LIME"  # whose contributions are trained and measured: LIME or KernelSHAP
S = 0.5  # share of the features inserted and deleted
deletion = "C"  # form of the deletion regulariser: A, which is not bounded below, B or C
explained = 8  # rows of a batch of 32 that are explained at a step
splits = [0, 1, 2, 3, 4]  # numbers of the splits, which seed them
U_values = [5, 10, 20, 50, "all"]  # entries (n, c) kept in the explanation
most_steps = 15_000  # gradient steps, at most
patience_steps = 5_000  # without a better validation measure before a run stops
S_start = "unit"  # S starts as N(0, S_start^2); unit: where h's first outputs have unit spread
seed = 0
threads = 1  # of the processor, for one process
checkpoint = ""  # a file to resume from after an interruption
weights = ""  # a folder that keeps the best parameters, so that no training is done twice
out = "runs/vehicle-both.parquet"

# %%
from pathlib import Path

import pandas as pd

from lib import data as tables
from lib import examples, explainers, metrics
from lib.parameters import convert, lists
from lib.study import records
from lib.study.provenance import config_hash, provenance
from lib.training import Runs, fit, use_threads
from lib.training.both import Settings
from lib.training.fewer_step import in_epochs

VERSION = 1  # raised when what is computed changes
use_threads(threads)
records.check_out(out, checkpoint=checkpoint)
etas, lam1s, splits, U_values = lists(etas=etas, lam1s=lam1s, splits=splits, U_values=U_values)
table = tables.load(data)
folds = tables.folds(table, splits)

# %% [markdown]
# Epochs are kept by the geometric mean of accuracy, faithfulness with ten entries, insertion and 1 - deletion on
# validation rows, in every run alike.

# %%
N = folds.x_train.shape[1]
patience = in_epochs(N, patience_steps=patience_steps)
settings = Settings(
    explainer=explainers.named(explainer), S=S, explained=explained, deletion=deletion,
    epochs=in_epochs(N, most_steps=most_steps), patience=patience, check=max(1, min(10, patience // 20)),
    U=tuple(U_values),
    S_start=S_start if S_start == "unit" else convert("S_start", str(S_start), 1.0),
)  # fmt: skip
described = {"experiment": "both", "patience_steps": patience_steps, **settings.recorded()}
records.check_replaced(
    out, VERSION, paper="FE+ID", dataset=table.name, split=splits, seed=seed, eta=etas, lam1=lam1s,
    config=config_hash(described),
)  # fmt: skip
runs = Runs.grid(len(splits), eta=etas, lam1=lam1s, seed=[seed]).of("Both")
kept = records.networks(weights, VERSION)
trained = fit("Both", folds, runs, settings=settings, checkpoint=checkpoint or None, weights=kept)

# %% [markdown]
# ## Records
#
# Of g: accuracy, insertion, deletion. Of h with U entries: faithfulness to g, ties and its own accuracy.

# %%
kept = settings.U_values(folds.x_train.shape[1] * folds.C)


def of_h(r):
    """The accuracy of h on test rows with each number of entries."""
    model, fold = trained.run(r), runs.fold[r]
    F_n, F = (model.f(model.theta, x[fold]) for x in (folds.x_train, folds.x_test))
    for U in kept:
        A = examples.keep_top(model.influence, U, mu=model.mu, rank=model.rank)
        yield U, metrics.accuracy(examples.explain_logits(A, F_n, F), folds.y_test[fold]).item()


rows = []
for r in range(len(runs)):
    run = {"split": splits[runs.fold[r]], "seed": seed, "eta": runs.eta[r], "lam": runs.lam[r], "lam1": runs.lam1[r],
           "epochs": trained.stopped_epoch[r], "best_epoch": trained.best_epoch[r], "diverged": trained.diverged[r],
           "seconds": trained.seconds[r]}  # fmt: skip
    for key, values in trained.scores.items():
        part, measure = key.split("_")
        own = zip(kept, values[r].tolist()) if values.ndim > 1 else [(None, values[r].item())]
        rows += [{**run, "U": U, "part": part, "measure": measure, "value": value} for U, value in own]
    share = (trained.bank["mu"][r] > 0).double().mean().item()
    rows.append({**run, "part": "train", "measure": "open", "value": share})
    if trained.best_epoch[r] or not run["diverged"]:
        rows += [{**run, "U": U, "part": "test", "measure": "accuracy_h", "value": value} for U, value in of_h(r)]

# %%
frame = pd.DataFrame(rows).astype({"U": "Int64"}).assign(paper="FE+ID", dataset=table.name, method="Both")
frame["direction"] = frame["measure"].isin(["ties", "deletion", "open"]).map({True: "lower", False: "higher"})
frame = frame.assign(explainer=explainer, S=S, deletion=deletion)
records.write(frame.assign(**provenance(described, "cpu", version=VERSION)), out)
if checkpoint:
    Path(checkpoint).unlink(missing_ok=True)

# %%
test = frame[(frame["part"] == "test") & (frame["U"].isna() | (frame["U"] == 10))]
test.pivot_table(index=["eta", "lam1"], columns="measure", values="value").round(3)

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
# # Experiment: what does the work in ID-ExpO?
#
# ID-ExpO shows a predictor masked inputs, chooses what is masked by its explanation, and lets the gradient pass through
# that explanation. Here each part is taken away alone: contributions as constants, contributions in random order, and
# masks drawn at random. What is left is measured by explanations, backgrounds and orders that training did not use.
#
#     python -m lib.run notebooks/experiments/what_works.py out.ipynb -p data collins -p out collins.parquet

# %% tags=["parameters"]
data = "wine-quality-red"  # a name known to lib.data, or a CSV file of your own with the class in its last column
variants = ["ID-ExpO", "constant", "shuffled", "Masked", "CE-only"]
S = 0.5  # share of the features inserted and deleted
lams = [0.1, 0.01]  # lambda_1 = lambda_2, or the weight of the masked inputs; CE-only has none
lam3 = 0.001  # weight of |phi|^2
lr = 0.01  # learning rate
splits = [0, 1, 2, 3, 4]  # numbers of the splits, which seed them
epochs = 200  # at most
patience = 20  # epochs without a better valscore before a run stops
seed = 0
device = "cpu"  # or "cuda"
threads = 1  # of the processor, for one process
checkpoint = ""  # a file to resume from after an interruption
weights = ""  # a folder that keeps the best parameters, so that no training is done twice
out = "runs/wine-quality-red-what-works.parquet"

# %%
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from lib import data as tables
from lib.explainers import LIME, Constant, KernelSHAP, Shuffled
from lib.methods import named
from lib.parameters import lists
from lib.study import records
from lib.study.provenance import provenance
from lib.training import Runs, check_device, fit, use_threads
from lib.training.expo import Settings
from lib.training.expo_fitted import measuring_draws
from lib.training.measuring import report

VARIANTS = {  # name: (method, whose explanations it trains)
    "ID-ExpO": ("ID-ExpO", LIME()),
    "constant": ("ID-ExpO", Constant(LIME())),
    "shuffled": ("ID-ExpO", Shuffled(LIME())),
    "Masked": ("Masked", LIME()),
    "CE-only": ("CE-only", LIME()),
}
VERSION = 1  # raised when what is computed changes
use_threads(threads)
records.check_out(out, checkpoint=checkpoint)
variants, lams, splits = lists(variants=variants, lams=lams, splits=splits)
if unknown := set(variants) - set(VARIANTS):
    raise ValueError(f"variants must be among {', '.join(VARIANTS)}, got {', '.join(sorted(unknown))}")
table = tables.load(data)
records.check_replaced(
    out, VERSION, paper="ID", dataset=table.name, method=["pretrained", *variants], split=splits, seed=seed, S=S,
    lam=[0, *lams], lam3=[0, lam3], lr=[0.05, lr],
)  # fmt: skip
folds = tables.folds(table, splits).to(check_device(device))
kept = records.networks(weights, VERSION)
start = fit("pretrained", folds, Runs.grid(len(splits), lr=[0.05], seed=[seed]), device=device, weights=kept)

# %% [markdown]
# Every predictor is explained by LIME, which trained it, and by KernelSHAP; and by LIME against another background, a
# training row of each split in place of the mean. Scores of random orders come with each.


# %%
def rows_of(name, fitted, run):
    """One row for each measurement of a run on test rows, and its valscore's parts on validation rows."""
    model, fold = fitted.run(run), fitted.runs.fold[run]
    rows = SimpleNamespace(x_test=folds.x_test[fold], y_test=folds.y_test[fold], inputs=lambda x: x)
    own = {"method": name, "split": splits[fold], "seed": seed, "lam": fitted.runs.lam[run], "lr": fitted.runs.lr[run],
           "lam3": fitted.runs.lam3[run], "epochs": fitted.stopped_epoch[run], "best_epoch": fitted.best_epoch[run][0],
           "seconds": fitted.seconds[run], "diverged": fitted.diverged[run]}  # fmt: skip
    another = model.predictor.b + folds.x_train[fold, 0]
    for explainer, background, b in (
        (LIME(), "mean", model.predictor.b), (KernelSHAP(), "mean", model.predictor.b), (LIME(), "a row", another),
    ):  # fmt: skip
        predictor = replace(model.predictor, b=b)
        drawn = {n: of[0] for n, of in measuring_draws([splits[fold]], explainer, b).items()}
        for row in report(predictor, rows, "test", explainer=explainer, S=[S], drawn=drawn):
            del row["shown"]  # for galleries
            yield {**own, **row, "explainer": explainer.name, "background": background, "part": "test"}
    for measure in ("accuracy", "insertion", "deletion"):
        value, side = fitted.scores[f"val_{measure}"][run, 0].item(), "lower" if measure == "deletion" else "higher"
        yield {**own, "explainer": "LIME", "background": "mean", "part": "val", "measure": measure, "value": value,
               "direction": side, "S": S}  # fmt: skip


def own_checkpoint(name):
    """A variant's own, beside the one named."""
    return Path(checkpoint).with_stem(f"{Path(checkpoint).stem}-{name}") if checkpoint else None


frames, files = [], [own_checkpoint(name) for name in variants] if checkpoint else []
for name in ["pretrained", *variants]:
    method, explainer = VARIANTS.get(name, ("pretrained", LIME()))
    settings, axes = Settings(explainer=explainer, S=S, epochs=epochs, patience=patience), named(method).axes
    if name == "pretrained":
        fitted = start.measured([(LIME(), S)])
    else:
        grid = {"lam": lams, "lam3": [lam3], "lr": [lr]}
        runs = Runs.grid(len(splits), seed=[seed], **{axis: values for axis, values in grid.items() if axis in axes})
        how = {"device": device, "checkpoint": own_checkpoint(name), "weights": kept}
        fitted = fit(method, folds, runs, start=start, settings=settings, criteria=[(LIME(), S)], **how)
    frame = pd.DataFrame(row for run in range(len(fitted.runs)) for row in rows_of(name, fitted, run))
    described = {"experiment": "what_works", "variant": name, **replace(settings, explainer=LIME()).recorded()}
    for background, part in frame.groupby("background"):
        frames.append(part.assign(**provenance({**described, "background": background}, device, version=VERSION)))

# %%
frame = pd.concat(frames).assign(paper="ID", dataset=table.name, deletion="A")
records.write(frame, out)
for file in files:
    file.unlink(missing_ok=True)
test = frame[(frame["part"] == "test") & (frame["explainer"] == "LIME") & (frame["background"] == "mean")]
test.pivot_table(index=["method", "lam"], columns="measure", values="value").round(3)

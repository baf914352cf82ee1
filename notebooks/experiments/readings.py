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
# # Experiment: readings
#
# Where the paper can be read in more than one way, each reading is tried alone, everything else as we chose it. Runs of
# one split share all their random numbers, so readings differ by nothing but themselves. The records in the book, a few
# minutes of one core each:
#
#     python -m lib.run notebooks/experiments/readings.py out.ipynb -p out results/readings/glass.parquet
#     python -m lib.run notebooks/experiments/readings.py out.ipynb -p out results/readings/vehicle.parquet \
#         -p datasets vehicle -p splits 0,1,2,3,4
#     python -m lib.run notebooks/experiments/readings.py out.ipynb -p out results/readings/cifar10.parquet \
#         -p datasets cifar10-efficientnet-lite0 -p splits 0,1,2 -p hidden 512 -p steps 2000 \
#         -p readings "as chosen,S starts at 0.1,S starts at 0.01"
#
# Today's library keeps epochs by U = 10 (`Settings.keep`), where that of the book's records averaged over all U.

# %% tags=["parameters"]
datasets = ["glass"]  # names known to lib.data
splits = [0, 1, 2, 3, 4, 5, 6, 7]  # numbers of the splits, which seed them
eta = 1e-2  # weight of the regulariser
steps = 4_000  # gradient steps a run; it is measured at its best epoch on validation rows
readings = ["all"]  # those to try, by their names below; "as chosen" among them
hidden = 64  # units a layer
short = 1_000  # gradient steps of patience, for the impatient reading
threads = 1  # of the processor
out = "runs/readings.parquet"

# %%
import dataclasses
import math

import pandas as pd
import torch

from lib import data as tables
from lib.parameters import lists
from lib.study import records
from lib.study.provenance import provenance
from lib.training import Runs, fit, use_threads
from lib.training.fewer import Settings

VERSION = 1  # raised when what is computed changes
use_threads(threads)
records.check_out(out)
datasets, splits, readings = lists(datasets=datasets, splits=splits, readings=readings)
U_values = (5, 10, 20, 50, "all")

# %% [markdown]
# Readings that change the training, as changes of `Settings`; and readings of the trained model alone.

# %%
TRAINED = {
    "as chosen": {},
    "g fixed in l(g, h)": {"through_g": False},
    "mu starts at 0": {"mu_start": 0.0},
    "mu starts at 1": {"mu_start": 1.0},
    "S starts at 0.1": {"S_start": 0.1},
    "S starts at 0.01": {"S_start": 0.01},
    "no dropout on f(x_n)": {"drop_examples": False},
    "two hidden layers": {"layers": 2},
    "stop by U = 10 alone": {"U": (10,)},
    "impatient": {},
    "eta sum divided by N": {},
}
MEASURED = {
    "exact mean of z": {"exact_mean": True},
    "rank by alpha, signed": {"rank": "signed"},
    "rank by the gate": {"rank": "gate"},
    "influence without s": {},
}


# %%
if unknown := set(readings) - {"all", *TRAINED, *MEASURED}:
    raise ValueError(f"readings must be among all, {', '.join([*TRAINED, *MEASURED])}, got {', '.join(unknown)}")
if "all" not in readings and set(readings) & set(MEASURED) and "as chosen" not in readings:
    raise ValueError(f"readings must have as chosen among them, whose model {', '.join(MEASURED)} measure")
if "all" not in readings:
    TRAINED, MEASURED = ({r: v for r, v in some.items() if r in readings} for some in (TRAINED, MEASURED))
records.check_replaced(out, VERSION, paper="FE", dataset=datasets, split=splits, reading=[*TRAINED, *MEASURED])


# %%
def measure(trained, settings, reading):
    """Rows of one reading: accuracy and faithfulness for each U, and the share of open gates."""
    bank = trained.bank
    if reading == "influence without s":
        bank = bank | {"S": torch.ones_like(bank["S"])}
    entries = bank["S"][0].numel()
    for part in ("val", "test"):
        scores = trained.evaluate(part, bank=bank, settings=settings)
        for name, values in zip(("accuracy", "faithfulness"), scores):
            for r, u in torch.cartesian_prod(torch.arange(len(trained.runs)), torch.arange(len(U_values))).tolist():
                U = settings.U_values(entries)[u]
                yield {"run": r, "part": part, "measure": name, "U": U, "value": values[r, u].item()}
    for r, share in enumerate((bank["mu"] > 0).double().mean((1, 2)).tolist()):
        yield {"run": r, "part": "train", "measure": "open", "value": share}


# %%
def described(rows, name, reading, trained, settings):
    """The rows of one reading as records."""
    frame = pd.DataFrame(rows)
    run = frame.pop("run")
    for column, values in {
        "split": splits,
        "seed": trained.runs.seed,
        "eta": trained.runs.eta,
        "lam": trained.runs.lam,
        "epochs": trained.stopped_epoch,
        "best_epoch": trained.best_epoch,
        "diverged": trained.diverged,
        "seconds": trained.seconds,
    }.items():
        frame[column] = run.map(dict(enumerate(values)))
    frame = frame.assign(paper="FE", dataset=name, method="Ours", direction="higher", reading=reading)
    settings = {"experiment": "readings", "reading": reading, **settings.recorded()}
    return frame.astype({"U": "Int64"}).assign(**provenance(settings, "cpu", version=VERSION))


# %%
frames = []
for name in datasets:
    folds = tables.folds(tables.load(name), splits)
    N = folds.x_train.shape[1]
    per_epoch = math.ceil(N / Settings.batch)
    epochs = steps // per_epoch
    chosen = Settings(epochs=epochs, patience=epochs, hidden=hidden, U=U_values)
    for reading, change in TRAINED.items():
        change = change | ({"patience": short // per_epoch} if reading == "impatient" else {})
        settings = dataclasses.replace(chosen, **change)
        runs = Runs.grid(len(splits), eta=[eta / N if reading == "eta sum divided by N" else eta])
        trained = fit("Ours", folds, runs, settings=settings)
        full = dataclasses.replace(settings, U=U_values)
        frames.append(described(measure(trained, full, reading), name, reading, trained, settings))
        if reading == "as chosen":
            for other, change in MEASURED.items():
                full = dataclasses.replace(chosen, **change)
                frames.append(described(measure(trained, full, other), name, other, trained, full))

# %%
frame = pd.concat(frames, ignore_index=True)
records.write(frame, out)
test = frame[(frame["part"] == "test") & (frame["U"] == 10)]
test.pivot_table(index="reading", columns=["dataset", "measure"], values="value", sort=False).round(3)

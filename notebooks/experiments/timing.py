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
# # Experiment: what an epoch costs, method by method
#
# Seconds of one epoch of training, of one run at a time that computes $f$ for all examples, as the paper's program
# would, and of ten splits trained as one program. Pretrain and PretrainR train a prediction model first, and that epoch
# is counted too. Seconds are the processor's, not the wall's. Still, leave the machine to it: a timing made beside
# other runs told about twice as many. The methods take turns, so that a drift of its speed slows all. An epoch is what
# three times as many epochs take longer, without what comes before the first and after the last.
#
#     python -m lib.run notebooks/experiments/timing.py out.ipynb -p datasets glass -p out timing.parquet

# %% tags=["parameters"]
datasets = ["glass", "vehicle", "segment"]  # names known to lib.data
methods = ["Ours", "Joint", "RPS", "RPSR", "Pretrain", "PretrainR"]
repeats = 6  # how often all methods take their turn
stacked = 3  # in how many of these splits train as one program, too
steps = 50  # gradient steps at least in one measurement
together = 10  # splits that train as one program
hidden = 64  # units of a hidden layer, 512 on CIFAR10
threads = 1  # of the processor
out = "runs/timing.parquet"

# %%
import math
import time
from dataclasses import replace

import pandas as pd

from lib import data as tables
from lib.methods import FE as METHODS
from lib.parameters import lists
from lib.study import records
from lib.study.provenance import provenance
from lib.training import Runs, fit, use_threads
from lib.training.fewer import Settings

VERSION = 1  # raised when what is computed changes
use_threads(threads)
records.check_out(out)
datasets, methods = lists(datasets=datasets, methods=methods)
records.check_replaced(out, VERSION, paper="FE", dataset=datasets, method=methods)
if unknown := set(methods) - set(METHODS):
    raise ValueError(f"methods must be among {', '.join(METHODS)}, got {', '.join(sorted(unknown))}")


# %%
def seconds_an_epoch(method, folds, stack, seed, settings):
    """Of one run, a share of the processor's time for `stack` splits that train as one program."""
    runs, spent = Runs.grid(stack, seed=[seed]).of(method), []
    for epochs in (settings.epochs, 3 * settings.epochs):
        how = replace(settings, epochs=epochs, patience=epochs, check=epochs)
        started = time.process_time()
        fit(method, folds, runs, settings=how, progress=False)
        spent.append(time.process_time() - started)
    return (spent[1] - spent[0]) / (2 * settings.epochs * stack)


rows = []
for name in datasets:
    folds = tables.folds(tables.load(name), range(together))
    epochs = math.ceil(steps / math.ceil(folds.x_train.shape[1] / Settings.batch))
    for repeat in range(-1, repeats):  # the first turn warms up and is not kept
        for stack in (1, together) if max(repeat, 0) < stacked else (1,):
            settings = Settings(epochs=epochs, hidden=hidden, open_rows=stack > 1)
            described = {"experiment": "timing", "together": stack, **settings.recorded()}
            for method in methods:
                found = seconds_an_epoch(method, folds, stack, max(repeat, 0), settings)
                row = {"dataset": name, "method": method, "seed": repeat, "together": stack, "value": found}
                row |= {"epochs": epochs, "seconds": found * epochs, **provenance(described, "cpu", version=VERSION)}
                rows += [row] * (repeat >= 0)

# %%
frame = pd.DataFrame(rows).assign(paper="FE", split=0, part="train", measure="seconds_epoch", direction="lower")
frame = frame.assign(best_epoch=0, eta=0.0, lam=1.0, U=pd.array([pd.NA] * len(rows), dtype="Int64"))
records.write(frame, out)
frame.pivot_table(index=["dataset", "together"], columns="method", values="value", aggfunc="median").round(4)

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
# # Experiment: what a step costs on images
#
# Time of one CPU core to train on an image through Grad-CAM, LIME and KernelSHAP, and to explain it, against the masks
# $M$, the cells $D$, the share $S$ and the values of $s$ that a step draws. It is the process's own time, so that other
# work on the machine changes it little.
#
#     python -m lib.run notebooks/experiments/costs_images.py out.ipynb -p start runs/weights/cifar10-jpeg-w16.pt

# %% tags=["parameters"]
data = "cifar10"  # cifar10, cifar10-jpeg, stl10 or a folder of your own, CLASS/file
start = "runs/weights/pretrained.pt"  # the network, as pretraining_images leaves it
batch = 16
rounds = 3
M_values = [50, 100, 200]  # masks; the last is that of all other rows
sides = [4, 8]  # superpixels to a side, D is its square; the last is that of all other rows
S_values = [0.3, 0.5]
draws_values = [4, 0]  # values of s at a step; 0 for all
scale = "paper"  # what the records call this size of experiment: A, B, paper
out = "runs/costs.parquet"

# %%
import copy
import itertools
import time
from pathlib import Path

import pandas as pd
import torch

from lib.data import images as sets
from lib.nets import resnet
from lib.parameters import lists
from lib.study import records
from lib.study.provenance import provenance
from lib.training.engine import use_threads
from lib.training.images import Tuner, Tuning, draws_of, explainer_for, predictor_of

VERSION = 1  # raised when what is computed changes
use_threads(1)
records.check_out(out)
M_values, sides = lists(M_values=M_values, sides=sides)
S_values, draws_values = lists(S_values=S_values, draws_values=draws_values)
images = sets.load(data, train=256, val=1, test=batch)
records.check_replaced(out, VERSION, paper="ID", dataset=images.name, S=S_values, M=[0, *M_values], draws=draws_values)
net, noted = resnet.load(start, images.C)


def timed(work):
    """Milliseconds of this process for an image of a batch."""
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began) / batch


def explaining(explainer):
    predictor, x = predictor_of(net, images), images.inputs(images.x_test)
    y, drawn = predictor.logits(x).argmax(-1), draws_of([(explainer, 0.5)], predictor.b)[explainer]
    with torch.no_grad():
        explainer.explain(predictor, x, y, **drawn)


# %%
linear = [{"M": M, "side": sides[-1]} for M in M_values] + [{"M": M_values[-1], "side": side} for side in sides[:-1]]
cases = [{"explainer": "Grad-CAM", "M": 0, "side": 8, "S": S, "draws": draws}
         for S, draws in itertools.product(S_values, draws_values)]  # fmt: skip
usual = {"M": M_values[-1], "side": sides[-1], "S": S_values[-1], "draws": draws_values[0]}
cases += [usual | {"explainer": "LIME", **own} for own in linear]
cases += [
    usual | {"explainer": "LIME", "S": S, "draws": draws} for S, draws in itertools.product(S_values, draws_values)
]
cases += [usual | {"explainer": "KernelSHAP"}]
cases = [case for n, case in enumerate(cases) if case not in cases[:n]]
rows = []
for case in cases:
    name, M, side = case["explainer"], case["M"], case["side"]
    explainer = explainer_for(name, net, images, **({} if name == "Grad-CAM" else {"superpixels": side, "M": M}))
    settings = Tuning(explainer=explainer, S=case["S"], batch=batch, draws=case["draws"] or None)
    tuner = Tuner(copy.deepcopy(net), images, settings)
    explaining(explainer)  # once beforehand, for what is only done once
    for seed in range(rounds):
        found = {"ms_training": timed(tuner.advance), "ms_explaining": timed(lambda e=explainer: explaining(e))}
        for measure, value in found.items():
            rows.append({"method": "ID-ExpO", "explainer": name, "trained": name, "S": case["S"], "M": M, "D": side**2,
                         "draws": case["draws"], "seed": seed, "measure": measure, "value": value, "lr": settings.lr,
                         **provenance({"experiment": "costs_images", "start": noted.get("config", Path(start).name),
                                       **settings.recorded()}, "cpu", version=VERSION)})  # fmt: skip

# %%
frame = pd.DataFrame(rows).assign(
    paper="ID", dataset=images.name, split=0, part="train", direction="lower", deletion="A", lam=0.1, lam3=0.0,
    epochs=0, best_epoch=0, seconds=0.0, scale=scale, width=net.conv1.out_channels, source=images.source,
)  # fmt: skip
records.write(frame, out)
print(
    frame.pivot_table(index=["explainer", "M", "D", "S", "draws"], columns="measure", values="value")
    .round(1)
    .to_string()
)

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
# work on the machine changes it little. And what drawing a few values of $s$ adds to the variance of Grad-CAM's
# gradient.
#
#     python -m lib.run notebooks/experiments/costs_images.py out.ipynb -p start runs/weights/cifar10-jpeg-w16.pt

# %% tags=["parameters"]
data = "cifar10"  # cifar10, cifar10-jpeg, stl10 or a folder of your own, CLASS/file
size = 0  # pixels to a side that images of your own are scaled and cropped to; 0: they have one shape already
start = "runs/weights/pretrained.pt"  # the network, as pretraining_images leaves it
batch = 16
rounds = 3
M_values = [50, 100, 200]  # masks; the last is that of all other rows
sides = [4, 8]  # superpixels to a side, D is its square; the last is that of all other rows
layers = ["conv4_x", "conv3_x"]  # of Grad-CAM, D the positions of its maps; the last is that of all other rows
S_values = [0.3, 0.5]
draws_values = [4, 0]  # values of s at a step; 0 for all
drawn_values = [1, 2, 4, 8, 16]  # of which the added variance is computed
drawn_images = 256  # over so many training images
scale = "paper"  # what the records call this size of experiment: A, B, paper
out = "runs/costs.parquet"

# %%
import copy
import itertools
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from lib import masks
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
M_values, sides, layers = lists(M_values=M_values, sides=sides, layers=layers)
S_values, draws_values, drawn_values = lists(S_values=S_values, draws_values=draws_values, drawn_values=drawn_values)
images = sets.load(data, train=max(256, drawn_images), val=1, test=batch, size=size or None)
every = {"S": S_values, "M": [0, *M_values], "draws": [*draws_values, *drawn_values]}
records.check_replaced(out, VERSION, paper="ID", dataset=images.name, **every)
net, noted = resnet.load(start, images.C)
images = images.as_trained(noted)


def timed(work):
    """Milliseconds of this process for an image of a batch."""
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began) / batch


def run_of(settings, **own):
    """What a record says of how it was made."""
    name, made = settings.explainer.name, {"experiment": "costs_images", "start": noted.get("config", Path(start).name)}
    about = provenance(made | settings.recorded(), "cpu", version=VERSION)
    return {"explainer": name, "trained": name, "S": settings.S, "lr": settings.lr, **own, **about}


def explaining(explainer, of=net):
    predictor, x = predictor_of(of, images), images.inputs(images.x_test)
    y, drawn = predictor.logits(x).argmax(-1), draws_of([(explainer, 0.5)], predictor.b)[explainer]
    with torch.no_grad():
        explainer.explain(predictor, x, y, **drawn)


# %%
usual = {"M": M_values[-1], "side": sides[-1], "layer": layers[-1], "S": S_values[-1], "draws": draws_values[0]}
both = [{"S": S, "draws": draws} for S, draws in itertools.product(S_values, draws_values)]
changes = {"Grad-CAM": [*both, *({"layer": layer} for layer in layers)]}
for name in ("LIME", "KernelSHAP"):
    changes[name] = [*({"M": M} for M in M_values), *({"side": side} for side in sides), *both]
cases = [usual | {"explainer": name} | own for name, each in changes.items() for own in each]
cases = [case for n, case in enumerate(cases) if case not in cases[:n]]
rows = []
for case in cases:
    name, M = case["explainer"], case["M"]
    explainer = explainer_for(name, net, images, layer=case["layer"], superpixels=case["side"], M=M)
    settings = Tuning(explainer=explainer, S=case["S"], batch=batch, draws=case["draws"] or None)
    tuner = Tuner(copy.deepcopy(net), images, settings)
    explaining(explainer)  # once beforehand, for what is only done once
    D = explainer.cells(images.background.shape)
    same = run_of(settings, M=0 if name == "Grad-CAM" else M, D=D, draws=case["draws"])
    for seed in range(rounds):
        found = {"training": timed(tuner.advance), "explaining": timed(lambda e=explainer: explaining(e)),
                 "explaining_after": timed(lambda e=explainer, of=tuner.net: explaining(e, of))}  # fmt: skip
        rows += [same | {"seed": seed, "measure": f"ms_{measure}", "value": value} for measure, value in found.items()]

# %% [markdown]
# ## What drawing adds to the gradient's variance
#
# For each image its gradient at each $s$ by itself, with Grad-CAM at the largest $S$. The gradient of every systematic
# draw is a mean of some of them. Its mean square distance from the gradient of all values, over draws and images,
# stands beside that of an image's gradient from the batch's: for the whole objective, and for the regularisers alone.
# And the share of the same images whose map has a range below the floor of the soft masks' temperature.


# %%
gradcam = Tuning(explainer=explainer_for("Grad-CAM", net, images), S=S_values[-1], batch=1)
tuners = {lam: Tuner(copy.deepcopy(net), images, replace(gradcam, lam=lam)) for lam in (0.0, gradcam.lam)}
x, y = images.inputs(images.x_train[:drawn_images]), images.y_train[:drawn_images]
steps = gradcam.explainer.steps(x.shape[1:], gradcam.S)


def slope(n, s, lam):
    """The gradient of one image's objective at one s, all parameters in a row."""
    own = tuners[lam].net
    own.zero_grad()
    tuners[lam].backward(x[n : n + 1], y[n : n + 1], drawn={}, s=torch.tensor([[s]]))
    return torch.cat([p.grad.flatten() for p in own.parameters() if p.grad is not None])


def square(difference):
    return difference.square().sum(-1).mean().item()


starts = (torch.arange(len(steps)) + 0.5) / len(steps)  # all draws that there are
whole, alone, moved = [], [], {K: [] for K in drawn_values}
for n in range(drawn_images):
    by_s = torch.stack([slope(n, s, gradcam.lam) for s in steps])
    whole.append(by_s.mean(0))
    alone.append((whole[n] - slope(n, steps[0], 0.0)) / gradcam.lam)
    for K in drawn_values:
        moved[K] += [square(by_s[masks.draw_steps(range(len(steps)), u, K=K)].mean(0) - whole[n]) for u in starts]
between = {"whole": square((of := torch.stack(whole)) - of.mean(0)),
           "alone": gradcam.lam**2 * square((of := torch.stack(alone)) - of.mean(0))}  # fmt: skip
for K, (name, noise) in itertools.product(drawn_values, between.items()):
    same = run_of(replace(gradcam, draws=K), M=0, D=len(steps) / gradcam.S, draws=K)
    rows.append(same | {"seed": 0, "measure": f"added_{name}", "value": sum(moved[K]) / len(moved[K]) / noise})
predictor = predictor_of(net, images)
with torch.no_grad():
    phi = gradcam.explainer.explain(predictor, x, predictor.logits(x).argmax(-1)).phi
below = (phi.amax(-1) - phi.amin(-1) < gradcam.floor).double().mean().item()
same = run_of(gradcam, M=0, D=phi.shape[-1], draws=0)
rows.append(same | {"seed": 0, "measure": "below_floor", "value": below})  # softer masks than the paper's

# %%
frame = pd.DataFrame(rows).assign(
    paper="ID", dataset=images.name, method="ID-ExpO", split=0, part="train", direction="lower", deletion="A", lam=0.1,
    lam3=0.0, epochs=0, best_epoch=0, seconds=0.0, scale=scale, width=net.conv1.out_channels, source=images.source,
)  # fmt: skip
records.write(frame, out)
print(
    frame.pivot_table(index=["explainer", "M", "D", "S", "draws"], columns="measure", values="value")
    .round(1)
    .to_string()
)

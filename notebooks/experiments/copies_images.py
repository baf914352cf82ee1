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
# # Experiment: what JPEG does
#
# One network's accuracy, insertion and deletion on test images whose original pixels are at hand, and on the same ones
# as JPEG has them. The network was trained on the JPEG copy. Nothing is trained here.
#
#     python -m lib.run notebooks/experiments/copies_images.py out.ipynb -p start runs/weights/cifar10-jpeg-w16.pt

# %% tags=["parameters"]
start = "runs/weights/pretrained.pt"  # the network, as pretraining_images leaves it
split = 0  # whose training images standardise the inputs
test = 0  # images: the first so many, 0 for all 1,017
explainers = ["Grad-CAM", "LIME"]
S_values = [0.3, 0.5]
scale = "paper"  # what the records call this size of experiment: A, B, paper
device = "cpu"  # or "cuda"
threads = 1  # of the processor, for one process
out = "runs/copies.parquet"

# %%
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from lib.data import copies
from lib.data import images as sets
from lib.nets import resnet
from lib.parameters import lists
from lib.study import records
from lib.study.provenance import provenance
from lib.training.engine import check_device, use_threads
from lib.training.images import MEMORY, draws_of, explainer_for, predictor_of
from lib.training.measuring import measured

VERSION = 1  # raised when what is computed changes
use_threads(threads)
check_device(device)
records.check_out(out)
explainers, S_values = lists(explainers=explainers, S_values=S_values)
copied = [f"cifar10-test-{copy}" for copy in ("exact", "jpeg")]
records.check_replaced(out, VERSION, paper="ID", dataset=copied, split=split, explainer=explainers, S=S_values)
images = sets.load("cifar10-jpeg", seed=split)
exact, jpeg, y = (torch.from_numpy(array)[: test or None] for array in copies.both())
images = {name: replace(images, x_test=x, y_test=y).to(device) for name, x in (("exact", exact), ("jpeg", jpeg))}
net, noted = resnet.load(start, images["jpeg"].C)
images = {name: own.as_trained(noted) for name, own in images.items()}
predictor = predictor_of(net.to(device), images["jpeg"])

# %%
run = {"paper": "ID", "method": "pretrained", "part": "test", "split": split, "seed": 0, "deletion": "none",
       "lam": 0.0, "lam3": 0.0, "lr": 0.0, "epochs": 0, "best_epoch": 0, "seconds": 0.0, "scale": scale,
       "width": net.conv1.out_channels, "rows_test": len(y)}  # fmt: skip
described = {"experiment": "copies_images", "start": noted.get("config", Path(start).name), "test": test}
rows = []
for name in explainers:
    explainer = explainer_for(name, net, images["jpeg"])
    drawn = draws_of([(explainer, max(S_values))], predictor.b)[explainer]
    for copy, own in images.items():
        options = {"S": max(S_values), "drawn": drawn, "memory": MEMORY[torch.device(device).type]}
        found = measured(predictor, own, "test", explainer=explainer, **options)
        for S in S_values:
            part = found.up_to(S)
            for measure, values in (("accuracy", part.right), ("insertion", part.inserted.mean(1)),
                                    ("deletion", part.deleted.mean(1))):  # fmt: skip
                rows.append({**run, "dataset": f"cifar10-test-{copy}", "source": f"{len(y)} test images, {copy}",
                             "explainer": name, "S": S, "measure": measure, "value": values.double().mean().item(),
                             "direction": "lower" if measure == "deletion" else "higher",
                             "samples": values.double().tolist()})  # fmt: skip
frame = pd.DataFrame(rows).assign(**provenance(described, device, version=VERSION))
records.write(frame, out)

# %%
print(frame.pivot_table(index=["explainer", "S", "measure"], columns="dataset", values="value").round(4).to_string())

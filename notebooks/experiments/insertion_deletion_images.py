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
# # Experiment: insertion and deletion on images
#
# One cell of the grid behind the results on images: one data set, one method and, for ID-ExpO, one explanation that it
# trains, over hyperparameters and seeds. One network trains at a time. Each has its records as soon as it is done, and
# a cell that was interrupted goes on where it stopped. It starts from what `pretraining_images` left.
#
#     python -m lib.run notebooks/experiments/insertion_deletion_images.py out.ipynb -p data my_images -p epochs 4

# %% tags=["parameters"]
data = "cifar10"  # cifar10, cifar10-jpeg, stl10 or a folder of your own, CLASS/file
split = 0  # number of the split, which seeds it
train = 0  # images of each part: the first so many, 0 for all
val = 0
test = 0
size = 0  # pixels to a side that images of your own are scaled and cropped to; 0: they have one shape already
start = "runs/weights/pretrained.pt"  # the network, as pretraining_images leaves it, or by torchvision's names
mean = []  # of the network's inputs, three numbers between 0 and 1; [] for what its file says, or else the images' own
std = []
stem = ""  # cifar, unpooled or plain; needed where a 3x3 convolution begins somebody's file; "" for what the file says
new_head = False  # whether its last layer is for other classes: CE-only trains a new one, for others to start from
method = "ID-ExpO"  # ID-ExpO, ExpO-S, ExpO-F, CE-only, or Masked; or "measured", the network at `start` as it is
called = "pretrained"  # the method of the network at `start`, where its file does not say it
explainers = ["Grad-CAM"]  # Grad-CAM, LIME, KernelSHAP; ID-ExpO trains one, others choose epochs by each
also = ["LIME"]  # measured too, of what the first of explainers chose: these, Integrated Gradients, Occlusion; or []
S_values = [0.5]  # shares of the pixels inserted and deleted; one for ID-ExpO
deletion = "A"  # form of the deletion regulariser: A, B or C
lams = [0.1, 0.01, 0.001]  # lambda_1 = lambda_2, or the strength of ExpO-S and ExpO-F; CE-only takes [0]
lam3s = [0.001, 0]  # weights of |phi|^2; [0] for all but ID-ExpO
lrs = [1e-4, 1e-5]  # learning rates
seeds = [0]
batch = 128
memory = 0  # inputs in one forward and backward pass, but never fewer than two batches; 0: 128, on a GPU 16,384
epochs = 50  # at most
patience = 10  # epochs without a better valscore before a run stops
per_epoch = 0  # training images between two validations; 0 for all
layer = "conv3_x"  # whose maps Grad-CAM takes; conv4_x on STL-10
superpixels = 8  # of LIME and KernelSHAP, to a side
M = 200  # masks of LIME and KernelSHAP, and ExpO's neighbours, in training alone: what is measured always has 200
kernel = "L2"  # LIME's, or "cosine"
keep = 1.0  # share of the masks that backward visits
draws = 0  # values of s drawn at a step; 0 for all
order = 2  # derivatives through Grad-CAM: 1 takes its weights as constants, 0 its contributions
output = "probability"  # what Grad-CAM explains; "logit" is the released code's
norm = "frozen"  # batch norm while fine-tuning, or "batch"
background = "mean"  # what masked pixels become, or "released"
temperature = "sample"  # of the soft masks, each sample's own; "batch", one for all, is the released code's
floor = 1e-3  # on the range of phi that a temperature is read off; 0 for none, as in the paper
scored = "predicted"  # class whose curves choose epochs; "label", the true one, is the released code's
mixed = "auto"  # multiply in bfloat16 while training: yes, no, or auto, where the device gains from it
budget = 0.0  # seconds: no run is begun that would not end within; 0 for no limit
scale = "paper"  # what the records call this size of experiment: A, B, paper
device = "cpu"  # or "cuda"
threads = 1  # of the processor, for one process
weights = "runs/weights"  # a folder for the tuned networks
out = "runs/cifar10-ID-ExpO.parquet"

# %%
import copy
import hashlib
import itertools
import json
import time
from pathlib import Path

import pandas as pd
import torch

from lib.data import images as sets
from lib.explainers import EXPLAINERS
from lib.nets import resnet
from lib.options import is_number
from lib.parameters import lists, vectors
from lib.study import records
from lib.study.provenance import provenance
from lib.training.checkpoint import check_folder, check_path
from lib.training.engine import check_device, use_threads
from lib.training.images import MEMORY, METHODS, Tuning, draws_of, explainer_for, predictor_of, tune
from lib.training.measuring import report
from lib.training.pretraining import in_bfloat16

VERSION = 1  # raised when what is computed changes
started = time.monotonic()
use_threads(threads)
records.check_out(out)
explainers, also, S_values = lists(explainers=explainers, also=also, S_values=S_values)
lams, lam3s, lrs, seeds = lists(lams=lams, lam3s=lam3s, lrs=lrs, seeds=seeds)
mean, std = vectors(mean=mean, std=std)
check_folder(weights)
axes = {"explainers": explainers, "S_values": S_values, "lams": lams, "lam3s": lam3s, "lrs": lrs, "seeds": seeds}
for name, values in axes.items():
    if not values:
        raise ValueError(f"{name} must be at least one value, got {values}")
chosen = {"method": (method, (*METHODS, "measured")), "temperature": (temperature, ("sample", "batch"))}
for name, (word, known) in chosen.items():
    if word not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {word!r}")
if method == "ID-ExpO" and len(explainers) * len(S_values) != 1:
    raise ValueError(f"ID-ExpO trains one explainer and one S at a time, got {explainers} and {S_values}")
if method != "ID-ExpO" and lam3s != [0]:
    raise ValueError(f"{method} has no |phi|^2, so its lam3s must be [0], got {lam3s}")
if method in ("CE-only", "measured") and lams != [0]:
    raise ValueError(f"{method} has no regulariser, so its lams must be [0], got {lams}")
if not is_number(budget) or budget < 0:
    raise ValueError(f"budget must be seconds, or 0 for no limit, got {budget!r}")
if new_head and method != "CE-only":
    raise ValueError(f"new_head is for CE-only, got it for {method}")
bfloat16 = in_bfloat16(mixed, check_device(device))

# %%
parts = {"train": train or None, "val": val or None, "test": test or None}
images = sets.load(data, seed=split, size=size or None, **parts).to(device)
torch.manual_seed(0)  # of a new head
net, noted = resnet.load(start, images.C, stem=stem, new_head=new_head)
images = images.as_trained(noted, mean=mean, std=std)
found = noted.get("method", called)
records.check_replaced(out, VERSION, paper="ID", dataset=images.name, method=[method, found])  # the rest is added to
net = net.to(device)


def explainer_named(name, for_training=False):
    """With the options above; all masks count where explanations are measured."""
    if name == "Grad-CAM":
        return explainer_for(name, net, images, layer=layer, order=order, output=output)
    if name not in EXPLAINERS:  # of Captum
        return explainer_for(name, net, images, superpixels=superpixels)
    options = {"kernel": kernel} if name == "LIME" else {}
    return explainer_for(name, net, images, superpixels=superpixels, M=M if for_training else 200,
                         keep=keep if for_training else 1.0, **options)  # fmt: skip


further = [name for name in also if name not in explainers]
for name in further:  # known, before anything is trained
    explainer_named(name)
trained = explainer_named(explainers[0], True) if method == "ID-ExpO" else explainer_named("LIME", True)
criteria = list(itertools.product([explainer_named(name) for name in explainers], S_values))
runs = list(itertools.product(lams, lam3s, lrs, seeds))
fixed = {"method": "CE-only" if method == "measured" else method, "explainer": trained, "S": S_values[0],
         "deletion": deletion, "epochs": epochs,
         "patience": patience, "per_epoch": per_epoch or None, "batch": batch, "norm": norm, "background": background,
         "draws": draws or None if method == "ID-ExpO" else None, "mixed": bfloat16,
         "T": None if temperature == "sample" else temperature, "floor": floor, "scored": scored,
         "memory": memory or None}  # fmt: skip
settings = [Tuning(lam=lam, lam3=lam3, lr=lr, seed=seed, **fixed) for lam, lam3, lr, seed in runs]
inputs = {"mean": images.mean.tolist(), "std": images.std.tolist()}  # noted with each network that is trained
print(f"{len(runs)} runs of {method} on {images.source}: {len(images.x_train)} images to train on, {images.C} classes")
print("inputs standardised by", ", ".join(f"{name} {[round(v, 3) for v in own]}" for name, own in inputs.items()))

# %% [markdown]
# ## Runs and their records
#
# Accuracy, insertion and deletion with what they must be read against, for each criterion that chose an epoch. The cell
# "CE-only" comes with the network that fine-tuning started from, as the method "pretrained".

# %%
origin = {"digest": images.digest[:12], "start": noted.get("config")}
if not origin["start"]:  # somebody's file, which has a name alone
    origin["start"] = f"{Path(start).name} {hashlib.sha256(Path(start).read_bytes()).hexdigest()[:12]}"
origin |= ({"stem": stem} if stem else {}) | ({"new_head": True} if new_head else {})


def measured_by(criterion):
    """The explainer of a criterion; with the first of them all that are in `also`."""
    return [criterion, *(further if criterion == explainers[0] else ())]


def rows_of(name, net, criterion, run):
    """The records of the network that a criterion chose, on test images."""
    explainer, S = criterion
    predictor = predictor_of(net, images, background)
    own = {**run, "method": name, "part": "test", "criterion": explainer.name}
    for measured in map(explainer_named, measured_by(explainer.name)):
        drawn = draws_of([(measured, S)], predictor.b)[measured]
        at_once = memory or MEMORY[torch.device(device).type]
        for row in report(predictor, images, "test", explainer=measured, S=[S], drawn=drawn, memory=at_once):
            yield {**own, "explainer": measured.name, **row}


def provenance_of(setting):
    described = {"experiment": "insertion_deletion_images", **origin, **setting.recorded()}
    return provenance(described, device, version=VERSION)


def run_columns(name, setting, seconds=0.0, epochs=0, best_epoch=0, refused=0):
    return {
        "dataset": images.name, "split": split, "seed": setting.seed, "lam": setting.lam, "lam3": setting.lam3,
        "lr": setting.lr, "deletion": deletion if name == "ID-ExpO" else "none", "epochs": epochs,
        "best_epoch": best_epoch, "seconds": seconds, "refused": refused, "scale": scale,
        "trained": setting.explainer.name if name == "ID-ExpO" else "none", "trained_S": setting.S,
        "width": net.conv1.out_channels, "rows": len(images.x_train), "rows_val": len(images.x_val),
        "rows_test": len(images.x_test), "mixed": bfloat16, "source": images.source, "paper": "ID",
    }  # fmt: skip


def tuned_rows(tuner, setting):
    """The records of one run, validation's and test's; of one that diverged, that it did."""
    state = tuner.state
    if None in state["best_net"]:
        run = run_columns(method, setting, state["seconds"], tuner.epoch, 0, state["refused"])
        yield {**run, "method": method, "part": "train", "explainer": explainers[0], "S": S_values[0],
               "measure": "diverged", "value": 1.0, "direction": "lower"}  # fmt: skip
        return
    for v, criterion in enumerate(criteria):
        explainer, S = criterion
        epoch = state["best_epoch"][v]
        run = run_columns(method, setting, state["seconds"], tuner.epoch, epoch, state["refused"])
        for measure, value in zip(("accuracy", "insertion", "deletion"), state["parts"][epoch - 1][v]):
            yield {**run, "method": method, "part": "val", "explainer": explainer.name, "criterion": explainer.name,
                   "S": S, "measure": measure, "value": value,
                   "direction": "lower" if measure == "deletion" else "higher"}  # fmt: skip
        yield from rows_of(method, tuner.best(v), criterion, run)


# %%
done = records.made(out, VERSION)
configs = [provenance_of(setting)["config"] for setting in settings]
asked = {("val", explainer.name, S) for explainer, S in criteria} if method != "measured" else set()
asked |= {("test", own, S) for explainer, S in criteria for own in measured_by(explainer.name)}


def recorded(name):
    """The configurations of a method's records."""
    return set(done["config"][done["method"] == name])


# A run's epochs are chosen by validation rows, and what it left is measured once: neither is done again.
own = done[(done["method"] == (found if method == "measured" else method)) & done["config"].isin(configs)]
for _, run in own[own["part"] != "train"].groupby("config"):
    if lacks := asked - set(zip(run["part"], run["explainer"], run["S"])):
        lacks = sorted({cell[1:] for cell in lacks})
        raise ValueError(f"{out} holds runs without {lacks}, and a run is trained and measured once for all that is "
                         "asked: give another out, or move it away")  # fmt: skip
Path(weights).mkdir(parents=True, exist_ok=True)
longest = 0.0
for setting in settings if method != "measured" else ():
    about = provenance_of(setting)
    checkpoint = check_path(Path(weights) / f"{about['config']}.checkpoint")
    if about["config"] in recorded(method):
        checkpoint.unlink(missing_ok=True)  # of a run that was stopped once it was recorded
        continue
    if budget and time.monotonic() - started + longest > budget:
        print(f"budget of {budget} s: {method}, lambda {setting.lam} and later runs are left out")
        break
    begun = time.monotonic()
    tuner = tune(copy.deepcopy(net), images, setting, criteria=criteria, checkpoint=checkpoint)
    frame = pd.DataFrame(tuned_rows(tuner, setting)).assign(**about)
    for v, (explainer, S) in enumerate(criteria):
        if tuner.state["best_net"][v]:
            own = {"config": about["config"], "method": method, "explainer": explainer.name, "S": S}
            resnet.save(tuner.best(v), Path(weights) / f"{about['config']}-{v}.pt", **own, **inputs)
    done = records.add(frame, out, VERSION)
    checkpoint.unlink(missing_ok=True)
    longest = max(longest, time.monotonic() - begun)

# %%
there = [origin.items() <= json.loads(text).items() for text in set(done["settings"][done["method"] == found])]
first = method == "CE-only" and len(done) and not new_head and not any(there)  # a new head says nothing yet
if first or (method == "measured" and configs[0] not in recorded(found)):
    about, run = provenance_of(settings[0]), run_columns(found, settings[0])
    rows = [row for criterion in criteria for row in rows_of(found, net, criterion, run)]
    frame = pd.DataFrame(rows).assign(**about)
    done = records.add(frame, out, VERSION)

# %%
shown = done[done["part"] == "test"] if len(done) else done
if len(shown):
    index = ["method", "explainer", "S", "lam", "lam3", "lr", "seed"]
    print(shown.pivot_table(index=index, columns="measure", values="value").round(3).to_string())

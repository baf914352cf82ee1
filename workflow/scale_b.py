"""Scale B of the images: paper ID at width 64 on one GPU in some minutes, cell after cell in order of worth.

    python -m workflow.scale_b --budget 560 --out results/images
    python -m workflow.scale_b --pack images.npz         # the images that it takes, 29 MiB, for a machine without them
    python -m workflow.scale_b --images images.npz ...   # and there, from that file alone

Notebooks are executed as plain scripts, so that neither papermill nor Jupyter is needed. Each run's records are written
as soon as it is done. What a cell costs is told by the pretraining's images per second: cells are shortened to what is
left of the budget, and left out where not even a quarter of a pass fits.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lib.data import images as sets
from lib.data.files import data_dir

STARTED = time.monotonic()
NAME, TRAIN, VAL, TEST = "cifar10-jpeg", 28_000, 1_000, 2_000


def options():
    parser = argparse.ArgumentParser(prog="python -m workflow.scale_b", description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="results/images", help="a folder for the records")
    parser.add_argument("--budget", type=float, default=560, help="seconds")
    parser.add_argument("--pack", help="write the images to this file, and nothing else")
    parser.add_argument("--images", help="a file that --pack wrote; by default DATA_DIR's archives")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=20, help="of pretraining")
    for part, size in (("train", TRAIN), ("val", VAL), ("test", TEST)):
        parser.add_argument(f"--{part}", type=int, default=size, help="images")
    return parser.parse_args()


# --- Images in one file ----------------------------------------------------------------------------------------------


def pack(path: str, sizes: tuple[int, int, int]) -> None:
    """The JPEG files that `images.load(..., seed=0)` takes of each part, in its order, and their labels."""
    from zipfile import ZipFile

    files = []
    for archive in sets.ARCHIVES:
        with ZipFile(data_dir(None) / archive) as opened:
            files += [opened.read(name) for name in sorted(n for n in opened.namelist() if not n.endswith("/"))]
    total, held = sets.SIZES
    order = sets._shuffled(total, 0)
    cut = round(total * (1 - sets.VALIDATION[NAME]))
    parts = order[:cut], order[cut:], total + sets._shuffled(held, 0)
    index = np.concatenate([part[:size] for part, size in zip(parts, sizes)])
    y = np.where(index < total, index * 10 // total, (index - total) * 10 // held)
    own = [files[i] for i in index]
    lengths, blob = np.array([len(file) for file in own]), np.frombuffer(b"".join(own), np.uint8)
    np.savez(path, blob=blob, lengths=lengths, y=y, sizes=np.array(sizes))


def unpacked(path: str):
    """`images.load` from such a file."""
    with np.load(path) as file:
        blob, lengths, y, sizes = (file[name] for name in ("blob", "lengths", "y", "sizes"))
    ends = np.cumsum(lengths)
    x = np.stack([
        sets.decoded(blob[end - n : end].tobytes(), f"image {i} of {path}", (32, 32))
        for i, (n, end) in enumerate(zip(lengths, ends))
    ])  # fmt: skip
    index = np.split(np.arange(len(y)), np.cumsum(sizes)[:2])

    def load(name, folder=None, *, seed=0, train=None, val=None, test=None):
        if (name, seed) != (NAME, 0):
            raise ValueError(f"{path} holds {NAME} in split 0, not {name} in split {seed}")
        classes, source = sets.CLASSES["cifar10"], sets.SOURCES[NAME]
        return sets._taken(name, classes, source, x, y, index, (train, val, test), f"{path} {seed}")

    return load


# --- Notebooks as scripts --------------------------------------------------------------------------------------------


def script(notebook: str, **given) -> dict:
    """Execute an experiment's cells with these parameters; its names. ValueError if it lacks one of them."""
    path, names = f"notebooks/experiments/{notebook}.py", {"__name__": "__main__"}
    for cell in Path(path).read_text().split("\n# %%")[1:]:
        kind, _, source = cell.partition("\n")
        if "[markdown]" in kind:
            continue
        exec(compile(source, path, "exec"), names)
        if "parameters" in kind:
            if unknown := set(given) - set(names):
                raise ValueError(f"{path} has no parameters {', '.join(sorted(unknown))}")
            names |= given
    return names


class Budget:
    """Cells within so many seconds, and what they did."""

    def __init__(self, seconds: float, out: Path, common: dict):
        self.end, self.out, self.common = STARTED + seconds, out, common
        self.speed: dict[str, object] = {}

    @property
    def left(self) -> float:
        return self.end - time.monotonic()

    def say(self, *words) -> None:
        print(f"[{time.monotonic() - STARTED:5.0f} s]", *words, flush=True)

    def note(self, name: str, trained, batch: int) -> None:
        """Images a second of a training."""
        self.speed[name] = trained.state["step"] * batch / trained.state["stepping"]
        (self.out / "speed-B.json").write_text(json.dumps(self.speed, indent=1))
        self.say(name, f"{self.speed[name]:.0f} images a second")

    def cell(self, file: str, *, cost: float, reserve: float, most: int, share: int, **given) -> None:
        """One cell: at most so many epochs of 1/share of the images, at `cost` forward-and-backward passes an image.

        reserve: seconds that a run's validations and report take.
        """
        images, rate = self.common["train"] // share, self.speed["pretraining"]
        runs = len(given["lams"]) * len(given["lrs"])
        epochs = min(most, int((self.left / runs - reserve) * rate / (cost * images)))
        if epochs < 1:
            self.say(file, f"left out, {self.left:.0f} s left")
            return
        self.say(file, f"{epochs} epochs of {images} images, {self.left:.0f} s left")
        limits = {"per_epoch": images, "epochs": epochs, "budget": max(self.left, 1.0)}
        names = script(
            "insertion_deletion_images", **self.common | given | limits, out=str(self.out / f"{file}.parquet")
        )
        if names.get("tuner") is not None:
            self.note(file, names["tuner"], names["batch"])


def best(path: Path) -> tuple[float, float]:
    """Lambda and learning rate of the largest valscore on validation images."""
    rows = pd.read_parquet(path)
    rows = rows[(rows["part"] == "val") & (rows["explainer"] == "Grad-CAM")]
    scores = rows.pivot_table(index=["lam", "lr"], columns="measure", values="value")
    return (2 * scores["accuracy"] + scores["insertion"] - scores["deletion"]).idxmax()


def main() -> None:
    o = options()
    sizes = o.train, o.val, o.test
    if o.pack:
        pack(o.pack, sizes)
        return
    if o.images:
        sets.load = unpacked(o.images)
    out, weights = Path(o.out), Path("runs/weights/scale-b")
    for folder in (out, weights):
        folder.mkdir(parents=True, exist_ok=True)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    network, batch = str(weights / "start.pt"), min(256, o.train // 4)
    common = {"data": NAME, "train": o.train, "val": o.val, "test": o.test, "scale": "B"}
    common |= {"device": o.device, "threads": o.threads}
    names = script(
        "pretraining_images", **common, width=o.width, epochs=o.epochs, batch=batch, lr=0.2, weights=network,
        out=str(out / "pretraining-B.parquet"),
    )  # fmt: skip
    tuning = {"start": network, "S_values": [0.5], "lam3s": [0.0], "batch": min(128, o.train // 4)}
    budget = Budget(o.budget, out, common | tuning | {"patience": 99, "weights": str(weights)})
    budget.note("pretraining", names["trainer"], batch)
    cam, both = ["Grad-CAM"], ["Grad-CAM", "LIME"]
    cell, quarter = partial(budget.cell, most=2, share=2), partial(budget.cell, most=2, share=4)
    rates, found = [1e-3, 1e-4], out / "ID-ExpO-GradCAM-B.parquet"
    cell(found.stem, cost=14, reserve=12, method="ID-ExpO", explainers=cam, also=["LIME"], lams=[0.1, 0.01, 0.001],
         lrs=rates, draws=4)  # fmt: skip
    cell("CE-only-B", cost=1.5, reserve=15, method="CE-only", explainers=both, lams=[0.0], lrs=rates)
    lam, lr = best(found) if found.exists() else (0.1, 1e-4)
    quarter("ID-ExpO-LIME-B", cost=130, reserve=15, method="ID-ExpO", explainers=["LIME"], also=cam, lams=[lam],
            lrs=[lr], draws=4, keep=0.25)  # fmt: skip
    for method in ("ExpO-S", "ExpO-F"):
        quarter(f"{method}-B", cost=55, reserve=15, method=method, explainers=both, lams=[0.1], lrs=[lr], M=50)
    budget.say("done")


if __name__ == "__main__":
    main()

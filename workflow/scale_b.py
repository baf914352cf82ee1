"""Scale B of the images: paper ID at width 64 on one GPU in some minutes, cell after cell in order of worth.

    python -m workflow.scale_b --budget 560 --out results/images
    python -m workflow.scale_b --pack images.npz         # the images that it takes, 29 MiB, for a machine without them
    python -m workflow.scale_b --images images.npz ...   # and there, from that file alone

The cells and their parameters are those of the blocks images-B in workflow/grid.yaml, but for the lambda of ID-ExpO
with LIME, which is the one that validation prefers with Grad-CAM. Notebooks are executed as plain scripts, so that
neither papermill nor Jupyter is needed. Each run's records are written as soon as it is done. A run that would not end
within the budget, by the speed of pretraining, is left out. A second call with the same folders goes on where the first
one stopped: nothing that is recorded is trained again.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lib import metrics, writing
from lib.data import copies
from lib.data import images as sets
from lib.data.files import checked, data_dir, hashed
from lib.data.image_files import archived, decoded
from lib.nets import resnet
from lib.parameters import convert
from lib.study import grid, records
from lib.study.provenance import made_by

STARTED = time.monotonic()
RUNS = {Path(run.out).stem: run for run in grid.read() if run.grid.startswith("images-B")}
START = RUNS["pretraining-B"].given
NAME = START["data"]
CELLS = {  # in order of worth: forward-and-backward passes for each image, seconds of a run's validations and report
    "ID-ExpO-Grad-CAM-B": (14, 12),
    "CE-only-B": (1.5, 15),
    "ID-ExpO-LIME-B": (130, 15),
    "ExpO-S-B": (55, 15),
    "ExpO-F-B": (55, 15),
}


def options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workflow.scale_b", description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="results/images", help="a folder for the records")
    parser.add_argument("--weights", default="runs/weights", help="a folder for the networks")
    parser.add_argument("--budget", type=float, default=560, help="seconds")
    parser.add_argument("--pack", help="write the images to this file, and nothing else")
    parser.add_argument("--images", help="a file that --pack wrote; by default DATA_DIR's archives")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--threads", type=int, default=8)
    for name in ("train", "val", "test", "width", "epochs"):
        parser.add_argument(f"--{name}", type=int, default=START[name], help="as the grid has it for pretraining")
    return parser.parse_args(words)


# --- Images in one file ----------------------------------------------------------------------------------------------


def pack(path: str, sizes: tuple[int, int, int]) -> None:
    """The JPEG files that `images.load(NAME)` takes of each part, and which of the set's rows they are."""
    archives = [checked(data_dir() / name, sha, copies.REMEDY) for name, sha in copies.ARCHIVES.items()]
    files = [file for archive in archives for _, file in archived(archive)]
    parts = sets.indices(NAME, copies.SIZES, seed=0)
    rows = np.concatenate([part[:size] for part, size in zip(parts, sizes)])
    own = [files[row] for row in rows]
    lengths, blob = np.array([len(file) for file in own]), np.frombuffer(b"".join(own), np.uint8)
    np.savez(path, blob=blob, lengths=lengths, rows=rows)


class Packed:
    """Pixels of the set's rows that such a file holds. ValueError where it lacks one."""

    def __init__(self, path: str):
        with np.load(path) as file:
            blob, lengths, rows = (file[name] for name in ("blob", "lengths", "rows"))
        self.path, self.rows, ends = path, rows, np.cumsum(lengths)
        self.pixels = np.stack([
            decoded(blob[end - n : end].tobytes(), f"image {i} of {path}", copies.SHAPE)
            for i, (n, end) in enumerate(zip(lengths, ends))
        ])  # fmt: skip
        self.place = np.full(sum(copies.SIZES), -1)
        self.place[rows] = np.arange(len(rows))

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        place = self.place[rows]
        if (place < 0).any():
            raise ValueError(f"{self.path} lacks images of this split of {NAME}: pack as many of each part, split 0")
        return self.pixels[place]

    def read(self, *_):
        """The whole set as a reader of `images.READERS` gives it, though most of its pixels are not here."""
        y = np.concatenate([np.repeat(np.arange(10), size // 10) for size in copies.SIZES])
        return self, y, copies.SIZES, hashed(self.pixels, self.rows)


# --- Notebooks as scripts --------------------------------------------------------------------------------------------


def script(notebook: str, **given) -> dict:
    """Execute an experiment's cells with these parameters; its names. ValueError if it lacks one of them.

    A value of another type than the notebook's own is taken as its text, as the grid has it: "1e-3,1e-4" for a list.
    """
    path, names = f"notebooks/experiments/{notebook}.py", {"__name__": "__main__"}
    for cell in Path(path).read_text().split("\n# %%")[1:]:
        kind, _, source = cell.partition("\n")
        if "[markdown]" in kind:
            continue
        exec(compile(source, path, "exec"), names)
        if "parameters" in kind:
            if unknown := set(given) - set(names):
                raise ValueError(f"{path} has no parameters {', '.join(sorted(unknown))}")
            names |= {n: v if isinstance(v, type(names[n])) else convert(n, str(v), names[n]) for n, v in given.items()}
    return names


class Budget:
    """Cells within so many seconds, and how fast they were."""

    def __init__(self, seconds: float, out: Path, common: dict):
        self.end, self.file, self.common = STARTED + seconds, out / "speed-B.json", common
        self.speed = json.loads(self.file.read_text()) if self.file.exists() else {}

    @property
    def left(self) -> float:
        return self.end - time.monotonic()

    def say(self, *words) -> None:
        print(f"[{time.monotonic() - STARTED:5.0f} s]", *words, flush=True)

    def note(self, name: str, trained) -> None:
        """Images a second of a training, its products' operations as a share of the device's, and where it ran."""
        rows, mixed = torch.arange(trained.settings.batch, device=trained.device), trained.settings.mixed
        with FlopCounterMode(display=False) as counted:
            trained.gradients(rows)
        most = matrix_rate(trained.device, mixed)
        images = trained.state["step"] * len(rows) / trained.state["stepping"]
        share = images * counted.get_total_flops() / len(rows) / most
        precision = "bfloat16" if mixed else f"float32, products: {torch.get_float32_matmul_precision()}"
        measured = {"images a second": images, "share of the matrix rate": share, "matrix rate": most}
        self.speed[name] = measured | {"precision": precision} | made_by(trained.device)
        with writing.whole(self.file) as partial:
            partial.write_text(json.dumps(self.speed, indent=1))
        self.say(name, f"{images:.0f} images a second, {share:.0%} of the matrix rate")

    def cell(self, file: str) -> None:
        """One of CELLS, if one of its runs fits into the time left."""
        (cost, reserve), given = CELLS[file], RUNS[file].given | self.common
        if file == "ID-ExpO-LIME-B":
            given["lams"] = self.preferred("ID-ExpO-Grad-CAM-B", given["lams"])
        given["per_epoch"] = given["per_epoch"] * given["train"] // START["train"]
        rate = self.speed.get("pretraining", {}).get("images a second", math.inf)
        seconds = given["epochs"] * given["per_epoch"] * cost / rate + reserve
        if seconds > self.left:
            self.say(file, f"left out, as a run takes {seconds:.0f} s and {self.left:.0f} s are left")
            return
        self.say(file, f"{self.left:.0f} s left")
        out = self.file.with_name(f"{file}.parquet")
        names = script("insertion_deletion_images", **given, budget=self.left, out=str(out))
        if names.get("tuner") is not None:
            self.note(file, names["tuner"])

    def preferred(self, file: str, otherwise: float) -> float:
        """The lambda of a cell's run with the best valscore (ID-15), if it has records."""
        path = self.file.with_name(f"{file}.parquet")
        if not path.exists():
            return otherwise
        val = records.read(path).query("part == 'val'")
        score = val.pivot_table(index=["lam", "lr"], columns="measure", values="value")
        return float(metrics.valscore(score["accuracy"], score["insertion"], score["deletion"]).idxmax()[0])


def matrix_rate(device: torch.device, mixed: bool, n: int = 0) -> float:
    """Operations a second of products of matrices (n, n): in bfloat16 if `mixed`, as layers multiply then."""
    n = n or (8192 if device.type == "cuda" else 512)
    a = torch.ones(n, n, device=device, dtype=torch.bfloat16 if mixed else torch.float32)
    for times in (3, 20):  # the first to warm up
        begun = time.perf_counter()
        for _ in range(times):
            b = a @ a
        b[0, 0].item()  # waits for the device
    return times * 2 * n**3 / (time.perf_counter() - begun)


def pretrained(network: Path, record: Path, width: int, epochs: int) -> bool:
    """Whether an earlier call has trained this network to its end."""
    if not (network.exists() and record.exists()):
        return False
    net, about = resnet.load(network, 10)
    return (net.conv1.out_channels, about["epochs"]) == (width, epochs)


def main(words: list[str] | None = None) -> None:
    o = options(words)
    sizes = o.train, o.val, o.test
    if o.pack:
        pack(o.pack, sizes)
        return
    if o.images:
        sets.READERS[NAME] = Packed(o.images).read
    out, weights = Path(o.out), Path(o.weights)
    for folder in (out, weights):
        folder.mkdir(parents=True, exist_ok=True)
    if o.device.startswith("cuda"):
        torch.set_float32_matmul_precision("high")  # while training; what measures keeps all digits
    network, record = weights / f"{NAME}-w{o.width}.pt", out / "pretraining-B.parquet"
    common = {"train": o.train, "val": o.val, "test": o.test, "device": o.device, "threads": o.threads}
    tuning = common | {"start": str(network), "weights": str(weights), "batch": min(128, o.train // 4)}
    budget = Budget(o.budget, out, tuning)
    if not pretrained(network, record, o.width, o.epochs):
        own = {"width": o.width, "epochs": o.epochs, "batch": min(START["batch"], o.train // 4)}
        names = script("pretraining_images", **START | common | own | {"weights": str(network), "out": str(record)})
        budget.note("pretraining", names["trainer"])
    for file in CELLS:
        budget.cell(file)
    budget.say("done")


if __name__ == "__main__":
    main()

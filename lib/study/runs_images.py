"""The records of paper ID on images: which there are, which runs validation chooses, and what is compared with what.

    frame = runs_images.load()              # results/images, scale A
    front = runs_images.fronts(frame)       # the choice at each weight of accuracy, and their start

All runs share one split and one start. Means and intervals are over seeds, which take the splits' column.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from lib.study import grid, records, runs_id
from lib.study.runs import at, upward
from lib.study.runs_id import ETAS, HYPER, METHODS, RIVALS, S_VALUES

DATA = "cifar10-jpeg"
EXPLAINERS = ("Grad-CAM", "LIME")  # of the paper's comparison
CELLS = tuple((explainer, S) for explainer in EXPLAINERS for S in S_VALUES)
SHOWN = (*CELLS, ("KernelSHAP", 0.5))
# What ID-ExpO trains with unless an ablation says otherwise, and what each other value is called.
PLAIN = {
    "order": 2, "output": "probability", "norm": "frozen", "background": "mean", "kernel": "L2", "T": None,
    "floor": 1e-3, "scored": "predicted",
}  # fmt: skip
ABLATIONS = {
    ("order", 1): "first order",
    ("order", 0): "contributions as constants",
    ("output", "logit"): "the logit explained",
    ("norm", "batch"): "batch norm in training mode",
    ("background", "released"): "the released code's background",
    ("T", "batch"): "one temperature for a batch",
    ("floor", 0.0): "no floor on the range",
    ("scored", "label"): "epochs chosen by the true class",
    ("kernel", "cosine"): "kernel by cosine",
}


def load(folder: str | Path = records.ROOT / "results" / "images", scale: str = "A", data: str = DATA) -> pd.DataFrame:
    """All records of one data set at one scale, with 1 - deletion for deletion, `variant` and `criterion`.

    variant: what an ablation changes, see `variant`. criterion: the explainer by which an epoch was chosen. ValueError
    if there are none.
    """
    frame = at(records.read(folder), scale=scale, dataset=data)
    if not (frame["method"].isin(METHODS) & (frame["part"] == "test")).any():
        raise ValueError(f"no records of fine-tuning on {data} at scale {scale} in {folder}")
    each = {text: json.loads(text) for text in frame["settings"].unique()}
    usual = Counter(own["draws"] for own in each.values() if _through_gradcam(own)).most_common(1)
    variants = {text: variant(own, draws=usual[0][0] if usual else None) for text, own in each.items()}
    own = upward(frame, "deletion").assign(split=frame["seed"], variant=frame["settings"].map(variants))
    own = own.assign(variant=own["variant"].where(own["variant"] != "", _rarely(own)))
    own = own.fillna({"trained": "none"})
    older = own["trained"].where(own["trained"] != "none", own["explainer"])  # records before the criterion was noted
    own = own.assign(criterion=own.get("criterion", older).fillna(older))
    run = ["method", "explainer", "S", *HYPER, "seed"]
    runs = main(own[own["part"] == "test"]).drop_duplicates([*run, "config"])
    twice = runs[runs.duplicated(run)]
    if len(twice):
        what = ", ".join(f"{name} {value}" for name, value in twice[run].iloc[0].items())
        raise ValueError(f"{folder}: a run is recorded twice, under different settings: {what}. Move one away")
    return own


def beyond(folder: str | Path, scale: str = "A", data: str = DATA) -> pd.DataFrame:
    """Records of runs with a larger lambda than the paper's largest, as `load` gives them; empty without any."""
    return load(folder, scale, data) if records.files(folder) else pd.DataFrame()


def _rarely(frame: pd.DataFrame) -> pd.Series:
    """What a column tells of a run that changes something: another form of deletion, or a price that few runs have."""
    runs = at(frame, method="ID-ExpO").drop_duplicates("config")
    often = runs.groupby(["trained", "trained_S"])["lam3"].value_counts()
    rare = {key for key, n in often.items() if n < often[key[:2]].max() / 2}
    keys = zip(frame["trained"], frame["trained_S"], frame["lam3"])
    price = [f"λ₃ = {key[2]:g}" if key in rare else "" for key in keys]
    own = pd.Series(price, frame.index).where(frame["method"] == "ID-ExpO", "")
    return own.where(frame["deletion"].isin(["A", "none"]), "Del-" + frame["deletion"].astype(str))


def _through_gradcam(settings: dict) -> bool:
    return settings.get("method") == "ID-ExpO" and settings["explainer"]["name"] == "Grad-CAM"


def variant(settings: dict, *, draws: int | None) -> str:
    """What the run of these settings changes in ID-ExpO; empty for the method itself and for all others.

    draws: values of s at a step that most runs through Grad-CAM take, None for all.
    """
    if settings.get("method") != "ID-ExpO":
        return ""
    flat = settings | settings["explainer"]
    changed = [ABLATIONS.get((name, flat[name]), f"{name} {flat[name]}")
               for name, value in PLAIN.items() if flat.get(name, value) != value]  # fmt: skip
    if _through_gradcam(settings) and flat["draws"] != draws:
        changed.append(f"K = {flat['draws'] or 'all'}")
    return ", ".join(changed)


def main(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the paper's comparison: no ablation, and measured with the explanation that chose the epoch."""
    return frame[(frame["criterion"] == frame["explainer"]) & (frame["variant"] == "")]


def fronts(frame: pd.DataFrame) -> pd.DataFrame:
    """Test rows of the runs that validation chooses at each of ETAS, and those of their start at each too."""
    rows = main(frame)
    start = at(rows, method="pretrained", part="test")
    start = start[start["explainer"] != "none"]
    return pd.concat([runs_id.fronts(rows), *(start.assign(eta=eta) for eta in ETAS)], ignore_index=True)


def untrained(frame: pd.DataFrame) -> pd.DataFrame:
    """Test rows of the runs chosen at eta 2, measured with explanations other than the one that chose them."""
    key = ["method", "criterion", "S", "seed", *HYPER]
    picked = at(runs_id.chosen(main(frame)), measure="accuracy")[key]
    others = frame[(frame["criterion"] != frame["explainer"]) & (frame["variant"] == "")]
    return others.merge(picked, on=key)


def rivals(rows: pd.DataFrame) -> list[str]:
    """Those of the paper's rivals that have records among the rows."""
    return [name for name in RIVALS if name in set(rows["method"])]


def cell(rows: pd.DataFrame, explainer: str, S: float, **where) -> pd.DataFrame:
    """The rows of one explainer and S."""
    return at(rows, explainer=explainer, S=S, **where)


def name(explainer: str, S: float) -> str:
    """One explainer and S, as figures and tables name them."""
    return f"{explainer}, S = {S:g} HW"


# --- Image by image --------------------------------------------------------------------------------------------------


def changes(rows: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """How much each test image's insertion and 1 - deletion rose from its start: a row an image and seed."""
    found = []
    for seed, own in rows.groupby("split"):
        # samples are of deletion itself, so that a rise of 1 - deletion is a fall of them
        gain = {
            "insertion": _samples(own, "insertion") - _samples(before, "insertion"),
            "1 − deletion": _samples(before, "1 − deletion") - _samples(own, "1 − deletion"),
        }
        found.append(pd.DataFrame(gain).assign(split=seed))
    return pd.concat(found, ignore_index=True)


def _samples(rows: pd.DataFrame, measure: str) -> np.ndarray:
    return np.asarray(at(rows, measure=measure)["samples"].iloc[0])


def quadrants(changed: pd.DataFrame) -> pd.DataFrame:
    """Shares of images in which both scores rose (first), and in which both fell (third): a row a seed (Fig. 4)."""
    up, down = changed > 0, changed < 0
    both = {"first": up["insertion"] & up["1 − deletion"], "third": down["insertion"] & down["1 − deletion"]}
    return pd.DataFrame(both).groupby(changed["split"]).mean()


# --- Of the grid -----------------------------------------------------------------------------------------------------


def of_the_grid(scale: str = "A") -> pd.DataFrame:
    """A row for each cell of the grid's images at a scale: its file, how many runs it asks for, how many are there."""
    cells = [run for run in grid.read() if run.grid.startswith("images") and run.given.get("scale", "paper") == scale]
    return pd.DataFrame(
        {"cell": Path(run.out).stem.removesuffix(f"-{scale}"), "purpose": run.purpose, "runs": run.trainings,
         "there": run.made()}
        for run in cells
    )  # fmt: skip


# --- What a step costs -----------------------------------------------------------------------------------------------


def costs(frame: pd.DataFrame, what: str, explainer: str, *, M: int = 200, D: int = 64, **where) -> pd.Series:
    """Milliseconds of one CPU core to train on an image, or to explain one: round -> value; empty without records.

    M: masks of explainers that have them. D: cells. where: S and draws, the values of s at a step, 0 for all.
    """
    if "draws" not in frame:
        return pd.Series(dtype=float)
    M = 0 if explainer == "Grad-CAM" else M
    return at(frame, measure=f"ms_{what}", explainer=explainer, M=M, D=D, **where).set_index("seed")["value"]


def copies(folder: str | Path, scale: str = "A") -> pd.DataFrame:
    """Rows of one network on original pixels and on JPEG's side by side, image by image; empty without records."""
    frame = records.read(folder)
    both = [at(frame, dataset=f"cifar10-test-{copy}", scale=scale) for copy in ("exact", "jpeg")]
    columns = ["explainer", "S", "measure", "value", "samples"]  # of deletion, not of 1 - deletion
    return both[0][columns].merge(both[1][columns], on=columns[:3], suffixes=("_exact", "_jpeg"))

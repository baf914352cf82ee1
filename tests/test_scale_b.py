"""Scale B's command: images in one file are those of the archives, cells are the grid's, a second call goes on."""

import io
import json

import jupytext
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from lib.data import copies, images
from lib.data.files import data_dir
from lib.parameters import convert, defaults
from lib.study import grid
from lib.study.provenance import made_by
from lib.training.pretraining import gains_from_bfloat16
from tests.image_sets import noise
from workflow import scale_b


@pytest.mark.skipif(not (data_dir() / next(iter(copies.ARCHIVES))).exists(), reason="DATA_DIR has no CIFAR-10")
def test_packed_images_are_those_of_the_archives(tmp_path, monkeypatch):
    whole = images.load(scale_b.NAME, train=12, val=5, test=7)
    scale_b.pack(str(tmp_path / "few.npz"), (12, 5, 7))
    monkeypatch.setitem(images.READERS, scale_b.NAME, scale_b.Packed(str(tmp_path / "few.npz")).read)
    packed = images.load(scale_b.NAME, train=12, val=5, test=7)
    for part in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test", "mean", "std"):
        assert torch.equal(getattr(packed, part), getattr(whole, part))
    assert torch.equal(images.load(scale_b.NAME, train=3, val=5, test=7).x_train, whole.x_train[:3])
    for other in ({"seed": 1}, {"train": 13}, {"test": None}):
        with pytest.raises(ValueError, match=r"few.npz lacks images of this split of cifar10-jpeg: pack as many"):
            images.load(scale_b.NAME, **{"train": 12, "val": 5, "test": 7} | other)


def test_a_notebook_refuses_parameters_that_it_lacks():
    with pytest.raises(ValueError, match=r"pretraining_images.py has no parameters epoch"):
        scale_b.script("pretraining_images", epoch=3)


# what the options of the call decide
SIZED = {"train", "val", "test", "width", "epochs", "batch", "per_epoch", "weights", "start"}


@pytest.fixture
def call(tmp_path, monkeypatch):
    """The command on a few made-up images at width 2, and the names of its notebooks once executed."""
    pixels = noise(36, C=10).x_train.numpy()
    files = [io.BytesIO() for _ in pixels]
    for image, file in zip(pixels, files):
        Image.fromarray(image).save(file, "JPEG")
    lengths, blob = np.array([len(f.getvalue()) for f in files]), b"".join(f.getvalue() for f in files)
    path = tmp_path / "few.npz"
    parts = images.indices(scale_b.NAME, copies.SIZES, seed=0)
    rows = np.concatenate([part[:size] for part, size in zip(parts, (24, 6, 6))])
    np.savez(path, blob=np.frombuffer(blob, np.uint8), lengths=lengths, rows=rows)
    words = f"--images {path} --device cpu --threads 1 --width 2 --epochs 1 --train 24 --val 6 --test 6"
    words += f" --out {tmp_path / 'out'} --weights {tmp_path / 'weights'} --budget"
    given, script = {}, scale_b.script

    def noted(notebook, **parameters):
        executed = script(notebook, **parameters)
        given[parameters["out"].rpartition("/")[2]] = notebook, executed
        return executed

    monkeypatch.setattr(images, "READERS", dict(images.READERS))  # put back at the end
    monkeypatch.setattr(scale_b, "script", noted)

    def made(budget):
        given.clear()
        scale_b.main([*words.split(), str(budget)])
        return dict(given), {file.name: file.read_bytes() for file in (tmp_path / "out").glob("*.parquet")}

    return made


def test_a_second_call_goes_on_and_leaves_what_the_grid_asks_for(call, tmp_path):
    """First no time for a cell, then for all, then nothing is left to do. Each file has the grid's trainings."""
    _, first = call(0)
    assert set(first) == {"pretraining-B.parquet"}
    given, second = call(1e9)
    assert second["pretraining-B.parquet"] == first["pretraining-B.parquet"]
    runs = {run.out.rpartition("/")[2]: run for run in grid.read() if run.grid.startswith("images-B")}
    assert set(second) == set(runs)
    for name, (notebook, executed) in given.items():
        run = runs[name]
        known = defaults(jupytext.read(grid.ROOT / run.notebook))
        assert run.notebook == f"notebooks/experiments/{notebook}.py"
        given_here = SIZED | ({"lams"} if name == "ID-ExpO-LIME-B.parquet" else set())
        asked = {n: convert(n, grid._text(v), known[n]) for n, v in run.given.items() if n not in given_here}
        assert {n: executed[n] for n in asked} == asked
        frame = pd.read_parquet(tmp_path / "out" / name)
        assert frame[frame["method"] != "pretrained"]["config"].nunique() == run.trainings
    val = pd.read_parquet(tmp_path / "out" / "ID-ExpO-Grad-CAM-B.parquet").query("part == 'val'")
    score = val.pivot_table(index=["lam", "lr"], columns="measure", values="value")
    best, _ = (2 * score["accuracy"] + score["insertion"] - score["deletion"]).idxmax()
    lime = pd.read_parquet(tmp_path / "out" / "ID-ExpO-LIME-B.parquet")
    assert set(lime.loc[lime["method"] == "ID-ExpO", "lam"]) == {best}
    assert call(1e9)[1] == second
    speed = json.loads((tmp_path / "out" / "speed-B.json").read_text())
    assert set(speed) == {"pretraining", *(name.removesuffix(".parquet") for name in given)}
    assert all(0 < told["share of the matrix rate"] < 1 for told in speed.values())
    precision = "bfloat16" if gains_from_bfloat16("cpu") else "float32, products: highest"
    for told in speed.values():
        assert told.items() >= (made_by("cpu") | {"precision": precision}).items()

"""The chapters on one's own data run on somebody's data: by the runner, and by papermill alone."""

import os
import subprocess
import sys

import jupytext
import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from lib import run
from lib.nets import resnet
from lib.parameters import convert, defaults
from lib.run import ROOT

NAMES = {"24": "24_your_table", "26": "26_your_images"}


@pytest.fixture
def table(tmp_path):
    """Sixty rows in a dialect of CSV, with a number, a word, a class and a column to leave out."""
    rng = np.random.default_rng(0)
    rows = [f"{'uv'[i % 2]};{i};{f'{i % 2 + rng.normal():.3f}'.replace('.', ',')};{'red blue'.split()[i % 3 // 2]};"
            f"{rng.integers(9)};{rng.integers(9)}" for i in range(60)]  # fmt: skip
    path = tmp_path / "my table.csv"
    path.write_text("\n".join(["kind;id;size;colour;a;b", *rows]))
    return path


@pytest.fixture
def pictures(tmp_path):
    """Two classes of 20 pictures of several shapes, one bright and one dark."""
    rng = np.random.default_rng(0)
    for c, name in enumerate(("dark", "light")):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(120 * c, 120 * c + 100, (40 + i, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "mine" / name / f"{i}.png")
    return tmp_path / "mine"


def figures_of(path):
    """Names of what a notebook glued, and its printed text."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    glued = {output.metadata["scrapbook"]["name"] for output in outputs if "scrapbook" in output.get("metadata", {})}
    return glued, "".join(output.get("text", "") for output in outputs)


SMALL = {"target": "kind", "categories": "colour", "drop": "id", "splits": "[0]", "etas": "[0.01]", "lams": "[0.1]",
         "epochs": "3", "tuning_epochs": "2"}  # fmt: skip


def test_a_table_of_ones_own_by_the_runner(table, tmp_path):
    words = [word for name, value in {**SMALL, "data": str(table)}.items() for word in ("-p", name, value)]
    assert run.main([str(ROOT / f"notebooks/{NAMES['24']}.py"), str(tmp_path / "out.ipynb"), *words]) == 0
    glued, text = figures_of(tmp_path / "out.ipynb")
    assert "own-page" in glued
    assert "60 rows, 5 features, classes u, v" in text
    assert "column 'id' numbers the rows, which is no feature" in " ".join(text.split())


def test_a_table_of_ones_own_by_papermill_alone(table, tmp_path):
    source = ROOT / f"notebooks/{NAMES['24']}.py"
    words = [word for name, value in {**SMALL, "data": str(table)}.items() for word in ("-p", name, value)]
    convert = [sys.executable, "-m", "jupytext", "--to", "ipynb", "-o", str(tmp_path / "in.ipynb"), str(source)]
    subprocess.run(convert, check=True, capture_output=True)
    command = [sys.executable, "-m", "papermill", str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), *words]
    subprocess.run([*command, "-k", "python3"], check=True, capture_output=True, cwd=tmp_path, env=os.environ)
    glued, text = figures_of(tmp_path / "out.ipynb")
    assert "own-page" in glued
    assert "60 rows, 5 features, classes u, v" in text


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("explainer", "LIMES", "explainer must be one of"),
        ("S", "2", "S must"),
        ("M", "0", "M must"),
        ("tuning_epochs", "0", "epochs must"),
        ("etas", "-1", "eta must"),
        ("lams", "-1", "lam must"),
        ("row", "12", "row must be a number from 0, of 12 test rows, got 12"),
        ("data", "none.csv", "none.csv"),
    ],
)
def test_what_a_table_is_asked_for_is_refused_before_anything_is_trained(name, value, reason, table, monkeypatch):
    with pytest.raises(ValueError, match=reason):
        untrained(NAMES["24"], monkeypatch, **{**SMALL, "data": str(table), name: value})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("layer", "conv9_x", "layer must be one of"),
        ("S", "2", "S must"),
        ("lam", "-1", "lam must"),
        ("draws", "99", "draws must be at most"),
        ("lr", "0", "lr must"),
        ("tuning_epochs", "0", "epochs must"),
        ("explainer", "LIM", "explainer must be one of Grad-CAM, LIME"),
        ("explainer", "Occlusion", "explainer must be one that can be trained through"),
        ("tuned", "README.md", "tuned must be a new file or a network's"),
        ("tuned", "/proc/x.pt", "tuned must be a place that can be written"),
        ("tuned", "~/x.pt", "tuned must be a whole path"),
        ("size", "33", r"a map of \(9, 9\) must divide the image's rows and columns"),
    ],
)
def test_what_images_are_asked_for_is_refused_before_anything_is_trained(name, value, reason, pictures, monkeypatch):
    with pytest.raises(ValueError, match=reason):
        untrained(NAMES["26"], monkeypatch, **{"images": str(pictures), "size": "32", name: value})


def untrained(name, monkeypatch, **given):
    """Execute a chapter's cells with these parameters until one trains, which none may."""
    for place in ("lib.training.fit", "lib.training.pretraining.pretrain", "lib.training.images.tune"):
        monkeypatch.setattr(place, lambda *own, **options: pytest.fail("something is trained"))
    names, notebook = {}, jupytext.read(ROOT / f"notebooks/{name}.py")
    known = defaults(notebook)
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        exec(cell.source, names)
        if "parameters" in cell.metadata.get("tags", []):
            names |= {key: convert(key, value, known[key]) for key, value in given.items()}


def test_images_of_ones_own_by_the_runner(pictures, tmp_path):
    given = {"images": str(pictures), "size": "32", "epochs": "1", "tuning_epochs": "1"}
    words = [word for name, value in given.items() for word in ("-p", name, value)]
    assert run.main([str(ROOT / f"notebooks/{NAMES['26']}.py"), str(tmp_path / "out.ipynb"), *words]) == 0
    glued, text = figures_of(tmp_path / "out.ipynb")
    assert "own-images-page" in glued
    assert "training, validation, test: 28 4 8" in text
    assert "classes: dark, light" in text


def test_a_network_of_another_kind_is_fine_tuned_for_lime_and_kept(pictures, tmp_path):
    """A last layer for other classes and inputs of its own; what is kept is read again by the same notebook."""
    torch.save(resnet.resnet18(5, 4, "plain").state_dict(), tmp_path / "theirs.pt")
    given = {"images": str(pictures), "size": "32", "weights": str(tmp_path / "theirs.pt"), "new_head": "True",
             "mean": "0.4,0.5,0.6", "std": "0.2,0.2,0.3", "explainer": "LIME", "superpixels": "4", "epochs": "1",
             "tuning_epochs": "1", "tuned": str(tmp_path / "tuned.pt")}  # fmt: skip
    words = [word for name, value in given.items() for word in ("-p", name, value)]
    assert run.main([str(ROOT / f"notebooks/{NAMES['26']}.py"), str(tmp_path / "out.ipynb"), *words]) == 0
    _, noted = resnet.load(tmp_path / "tuned.pt", 2)
    assert noted["mean"] + noted["std"] == pytest.approx([0.4, 0.5, 0.6, 0.2, 0.2, 0.3])

"""Files and parameters that mean harm: nothing of them is run, nothing leaves its folder, and each is one line."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import ResNet18_Weights

from lib import data, parameters, run
from lib.data import cifar10, copies, image_files, images
from lib.nets import resnet
from lib.study import records
from lib.training import checkpoint


class Harm:
    """Unpickled, it makes a file: what any pickle from elsewhere could do."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path):
    """A folder that must not come to be."""
    yield tmp_path / "harmed"
    assert not (tmp_path / "harmed").exists()


def test_the_pickle_would_do_harm(tmp_path):
    pickle.loads(pickle.dumps(Harm(tmp_path / "done")))
    assert (tmp_path / "done").exists()


def test_a_pickle_as_checkpoint_is_not_run(mark, tmp_path):
    path = tmp_path / "c.pt"
    path.write_bytes(pickle.dumps(Harm(mark)))
    with pytest.raises(ValueError, match="it is no checkpoint of this library"):
        checkpoint.read(path)
    torch.save({"fingerprint": "x", "state": Harm(mark)}, path)
    with pytest.raises(ValueError, match=r"checkpoint .* cannot be read"):
        checkpoint.read(path)
    checkpoint.write(path, {"fingerprint": "x", "state": Harm(mark)})  # with the right checksum
    with pytest.raises(ValueError, match=r"checkpoint .* cannot be read"):
        checkpoint.read(path, "x")


def test_a_pickle_as_weights_is_not_run(mark, tmp_path):
    path = tmp_path / "weights.pt"
    for save in (torch.save, lambda harm, path: path.write_bytes(pickle.dumps(harm))):
        save(Harm(mark), path)
        with pytest.raises(ValueError, match="holds no ResNet-18 or ResNet-50 for 2 classes"):
            resnet.load(path, 2)


def test_a_pickle_in_the_cache_of_torchvisions_weights_is_not_run(mark, tmp_path, monkeypatch):
    """The file has the right name, so that nothing is fetched."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    torch.save(Harm(mark), tmp_path / "checkpoints" / Path(ResNet18_Weights.IMAGENET1K_V1.url).name)
    with pytest.raises(ValueError, match="ImageNet weights of resnet18 are not in"):
        cifar10._resnet18()


def test_a_pickle_in_the_cache_is_not_run(mark, tmp_path):
    """The images are decoded anew, and the cache written over."""
    for name in ("a", "b"):
        (tmp_path / "own" / name).mkdir(parents=True)
        for i in range(10):
            Image.fromarray(np.full((4, 4, 3), i, np.uint8)).save(tmp_path / "own" / name / f"{i}.png")
    before = images.load(tmp_path / "own", cache=tmp_path)
    np.savez(tmp_path / "images-own.npz", x=np.array([Harm(mark)]), y=np.zeros(1), key="", digest="", allow_pickle=True)
    assert torch.equal(images.load(tmp_path / "own", cache=tmp_path).x_train, before.x_train)


@pytest.mark.parametrize("name", ["../../airplane/0.jpg", "/tmp/airplane/0.jpg", "airplane/../../0.jpg"])
def test_an_archive_that_climbs_out_of_its_folder_writes_nothing(name, tmp_path):
    """Archives are read in memory; a name that is not CLASS/file is refused."""
    picture = io.BytesIO()
    Image.new("RGB", (32, 32)).save(picture, "PNG")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, picture.getvalue())
    with pytest.raises(ValueError, match="must lie in a class's folder"):
        image_files.read_archive(tmp_path / "a.zip", copies.CLASSES, (32, 32))
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_an_archive_is_not_opened_before_its_checksum(tmp_path, monkeypatch):
    for name in copies.ARCHIVES:
        (tmp_path / name).write_bytes(b"anything")
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(ValueError, match="is damaged or another version"):
        images.load("cifar10-jpeg", tmp_path, cache=tmp_path / "cache")


def test_cifars_own_pickles_are_not_opened_before_their_checksum(mark, tmp_path, monkeypatch):
    """torchvision takes files of the right names for damaged, and would fetch the archive anew."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(pickle.dumps(Harm(mark)))

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", offline)
    with pytest.raises(ValueError, match=r"CIFAR-10 in .* is missing or damaged"):
        images.load("cifar10", tmp_path, cache=tmp_path / "cache")


def test_formulas_in_a_table_are_words(tmp_path):
    """Among features they are refused, as classes they stay the words that they are; no spreadsheet is written."""
    path = tmp_path / "mine.csv"
    path.write_text("a,b,kind\n1,=1+1,u\n2,=cmd|' /C calc'!A0,v\n")
    with pytest.raises(ValueError, match="got text in column b"):
        data.from_csv(path)
    path.write_text("a,kind\n1,=1+1\n2,@SUM(A1)\n")
    assert data.from_csv(path).classes == ("=1+1", "@SUM(A1)")
    assert data.from_csv(path).x.tolist() == [[1], [2]]


@pytest.mark.parametrize("value", ["__import__('os').mkdir('harmed')", "[__import__('os').mkdir('harmed')]", "{1: x}"])
@pytest.mark.parametrize("default", [0.5, 3, True, [0, 1], ["a"], None, {"a": 1}])
def test_nothing_of_a_parameter_is_evaluated(value, default, mark, monkeypatch):
    monkeypatch.chdir(mark.parent)
    try:
        found = parameters.convert("name", value, default)
    except ValueError:
        return
    assert found in (value, [value])  # text, as it is


def test_outputs_replace_no_source_and_no_input(tmp_path):
    """Neither a notebook, nor a table, nor a checkpoint is taken for a place of records."""
    for name in ("chapter.py", "mine.csv", "c.pt"):
        (tmp_path / name).write_text("a,b\n1,2\n")
        with pytest.raises(ValueError, match="out must be a new file or one of records"):
            records.check_out(tmp_path / name)
        assert (tmp_path / name).read_text() == "a,b\n1,2\n"
    with pytest.raises(ValueError, match="must be different files"):
        records.check_out(tmp_path / "a.parquet", checkpoint=tmp_path / "x" / ".." / "a.parquet")


KEPT = "again = torch.load(kept, weights_only=False)  # of a file that you trust"


def test_every_torch_load_takes_weights_only_and_nothing_unpickles():
    """In the library, the workflow and the notebooks, but for the one model that a reader has kept."""
    root = Path(run.ROOT)
    for path in (path for part in ("lib", "workflow", "notebooks", "book") for path in (root / part).rglob("*.py")):
        text = path.read_text().replace(KEPT, "")
        assert text.count("torch.load(") <= text.count("weights_only=True"), path
        assert "weights_only=False" not in text, path
        assert "allow_pickle=True" not in text, path
        assert "pickle.load" not in text, path

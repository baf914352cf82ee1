"""Small folders and archives of images."""

import zipfile

import pytest

from tests.data.pictures import CIFAR, picture, registered


@pytest.fixture
def own(tmp_path):
    """A folder of one's own: 3 classes of 10 images."""
    for c, name in enumerate(("cat", "dog", "owl")):
        (tmp_path / "own" / name).mkdir(parents=True)
        for i in range(10):
            (tmp_path / "own" / name / f"{i}.png").write_bytes(picture(10 * c + i, (12, 16))[0])
    return tmp_path / "own"


@pytest.fixture
def jpeg(tmp_path, monkeypatch):
    """Two archives like the JPEG copy's, in PNG so that pixels are exact: 5 and 2 images of each class."""
    for name, each in (("cifar10-jpeg-train.zip", 5), ("cifar10-jpeg-test.zip", 2)):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for c, word in enumerate(CIFAR):
                for i in range(each):
                    archive.writestr(f"{word}/{i:04}.jpg", picture(1000 * each + 10 * c + i)[0])
    return registered(tmp_path, monkeypatch)

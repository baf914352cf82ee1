"""Scale B's command: images in one file are those of the archives, and notebooks take the parameters it gives."""

import pytest
import torch

from lib.data import images
from lib.data.files import data_dir
from workflow import scale_b


@pytest.mark.skipif(not (data_dir() / next(iter(images.ARCHIVES))).exists(), reason="DATA_DIR has no CIFAR-10")
def test_packed_images_are_those_of_the_archives(tmp_path):
    scale_b.pack(str(tmp_path / "few.npz"), (12, 5, 7))
    packed = scale_b.unpacked(str(tmp_path / "few.npz"))(scale_b.NAME, train=12, val=5, test=7)
    whole = images.load(scale_b.NAME, train=12, val=5, test=7)
    for part in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test", "mean", "std"):
        assert torch.equal(getattr(packed, part), getattr(whole, part))
    with pytest.raises(ValueError, match=r"holds cifar10-jpeg in split 0, not cifar10 in split 1"):
        scale_b.unpacked(str(tmp_path / "few.npz"))("cifar10", seed=1)


def test_a_notebook_refuses_parameters_that_it_lacks():
    with pytest.raises(ValueError, match=r"pretraining_images.py has no parameters epoch"):
        scale_b.script("pretraining_images", epoch=3)

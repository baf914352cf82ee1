"""Two copies of CIFAR-10 are the same photographs."""

import os
from pathlib import Path

import numpy as np
import pytest

from lib.data import copies


def test_both_copies_are_the_same_photographs(tmp_path):
    """1,017 images of 10 classes, their pixels 5.8 grey levels apart on average, each nearest to its own copy."""
    data = os.environ.get("DATA_DIR")
    if not data or not Path(data, copies.EXACT[0]).is_file():
        pytest.skip("DATA_DIR lacks the exact pixels")
    exact, jpeg, y = copies.both()
    assert exact.shape == jpeg.shape == (1_017, 32, 32, 3)
    assert set(y) == set(range(10))
    apart = np.abs(exact.astype(int) - jpeg).mean((1, 2, 3))
    assert apart.mean() == pytest.approx(5.78, abs=0.1)
    assert apart.max() < 15
    others = np.abs(exact[:50].astype(int) - np.roll(jpeg, 1, 0)[:50]).mean((1, 2, 3))
    assert (apart[:50] < others).all()
    with pytest.raises(ValueError, match="cifar10-exact-subset"):
        copies.both(tmp_path)

"""Records in which everything is as the papers tell it."""

import pytest

from lib.study import runs_images
from tests.study import images
from tests.study.fe import frame


@pytest.fixture(scope="module")
def glass(told):
    """Those of one data set."""
    return told[told["dataset"] == "glass"]


@pytest.fixture(scope="module")
def told():
    """Records in which everything is as the paper tells it."""
    return frame()


@pytest.fixture(scope="module")
def front():
    return runs_images.fronts(images.frame())

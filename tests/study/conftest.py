"""Records of FE in which everything is as the paper tells it."""

import pytest

from tests.study.fe import frame


@pytest.fixture(scope="module")
def glass(told):
    """Those of one data set."""
    return told[told["dataset"] == "glass"]


@pytest.fixture(scope="module")
def told():
    """Records in which everything is as the paper tells it."""
    return frame()

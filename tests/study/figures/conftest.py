"""Figures are drawn in the book's style."""

import matplotlib.pyplot as plt
import pytest

from lib.study import figures


@pytest.fixture(autouse=True)
def book_style():
    with plt.rc_context():
        plt.switch_backend("agg")
        figures.use()
        yield
        plt.close("all")

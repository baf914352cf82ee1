"""A figure knows what it was drawn from."""

import io

import matplotlib.pyplot as plt
import pandas as pd

from lib.study import figures
from tests.study.figures.drawn import draw, frame


def test_a_figure_gives_the_rows_that_it_was_drawn_from():
    rows = frame()
    found = pd.read_csv(io.StringIO(figures.csv(draw(rows))))
    assert list(found) == ["dataset", "method", "U", "split", "value"]
    assert len(found) == len(rows)
    assert (found["value"] - rows["value"]).abs().max() < 1e-6


def test_a_drawing_has_none():
    assert figures.csv(figures.architecture()) == ""
    assert figures.csv(plt.figure()) == ""


def test_rows_remembered_last_are_given():
    fig = figures.remember(draw(frame()), pd.DataFrame({"a": [1 / 3]}))
    assert figures.csv(fig) == "a\n0.333333\n"

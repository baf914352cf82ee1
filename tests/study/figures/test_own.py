"""The panels of a page on one's own data: they draw the numbers given."""

import matplotlib.pyplot as plt

from lib.study import before_after, figures

BEFORE = {"accuracy": [0.5, 0.7], "insertion": [0.2, 0.2], "calibration_error": [0.1, 0.3]}
AFTER = {"accuracy": [0.6, 0.6], "insertion": [0.4, 0.8], "calibration_error": [0.0, 0.2]}


def test_the_figure_marks_the_means_and_says_which_side_is_better():
    frame, ax = before_after.compared({"before": BEFORE, "between": AFTER, "after": AFTER}), plt.subplots()[1]
    figures.before_after(ax, frame)
    marks = [line.lines[0] for line in ax.containers]
    assert [mark.get_xdata().tolist() for mark in marks] == [
        frame.loc[frame["who"] == who, "mean"].tolist() for who in ("before", "between", "after")
    ]
    assert len({(mark.get_color(), mark.get_marker(), mark.get_markerfacecolor()) for mark in marks}) == 3
    assert [label.get_text() for label in ax.get_yticklabels()] == ["accuracy →", "insertion →", "calibration error ←"]


def test_bars_are_the_largest_of_either_sign():
    _, ax = plt.subplots()
    figures.bars(ax, [0.1, -3, 2, 0.2], list("abcd"), top=3)
    assert [bar.get_width() for bar in ax.patches] == [-3, 2, 0.2]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "c", "d"]
    assert ax.patches[0].get_facecolor() != ax.patches[1].get_facecolor()


def test_bars_too_short_to_be_seen_are_left_out_and_those_drawn_are_counted():
    _, ax = plt.subplots()
    assert figures.bars(ax, [0.0, -3, 0.02, 0.04], list("abcd")) == 2
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "d"]

"""Figures that tell one finding each: points where their scores are, intervals where their ends are."""

import numpy as np
import pandas as pd

from lib.study import figures
from tests.study.figures.drawn import FE


def means():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(0.1, 0.9, (len(FE), 2)), index=list(FE), columns=["x", "y"])
    return table.assign(x_error=0.01, y_error=0.02)


def test_methods_stand_in_the_plane_and_bear_their_names():
    table = means()
    fig = figures.plane(table, "A finding", xlabel="accuracy", ylabel="faithfulness")
    (ax,) = fig.axes
    for bars, method in zip(ax.containers, figures.ordered(FE)):
        line, _, (across, along) = bars.lines
        assert [line.get_xdata()[0], line.get_ydata()[0]] == table.loc[method, ["x", "y"]].tolist()
        assert line.get_marker() == figures.METHODS[method].marker
        assert np.allclose(np.ptp(across.get_segments()[0], axis=0), [0.02, 0])
        assert np.allclose(np.ptp(along.get_segments()[0], axis=0), [0, 0.04])
    assert sorted(text.get_text() for text in ax.texts) == sorted(FE)
    for box in (text.get_window_extent() for text in ax.texts):
        assert box.x0 >= 0
        assert box.x1 <= fig.bbox.x1 + 1


def test_names_of_near_points_do_not_cover_one_another():
    table = means().assign(x=[0.5, 0.5, 0.52, 0.9, 0.1, 0.5], y=[0.5, 0.55, 0.52, 0.5, 0.5, 0.2])
    (ax,) = figures.plane(table, "A finding", xlabel="accuracy", ylabel="faithfulness").axes
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_trail_grows_along_its_path():
    rows = pd.DataFrame({"name": ["a"] * 3 + ["b"] * 3, "at": [0.1, 1, 10] * 2, "x": np.arange(6) / 6, "y": 0.5})
    looks = {"a": ("#0072b2", "o"), "b": ("#d55e00", "s")}
    fig = figures.trails(rows, "A finding", xlabel="x", ylabel="y", looks=looks)
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["a", "b"]
    for ax, x in zip(fig.axes, (rows["x"][:3], rows["x"][3:])):
        assert ax.collections[0].get_offsets()[:, 0].tolist() == x.tolist()
        assert (np.diff(ax.collections[0].get_sizes()) > 0).all()


def test_the_numbers_at_a_trails_ends_stand_beside_its_path():
    rows = pd.DataFrame({"name": "a", "at": [0.01, 1, 10, 100], "x": [0.2, 0.2, 0.6, 0.6], "y": [0.3, 0.6, 0.9, 0.5]})
    fig = figures.trails(rows, "A finding", xlabel="x", ylabel="y", looks={"a": ("#0072b2", "o")})
    fig.canvas.draw()
    (ax,) = fig.axes
    path = ax.lines[0].get_path().transformed(ax.transData)
    assert [text.get_text() for text in ax.texts] == ["0.01", "100"]
    assert not any(path.intersects_bbox(text.get_window_extent(), filled=False) for text in ax.texts)


def test_intervals_are_hollow_where_zero_lies_within():
    rows = pd.DataFrame(
        {
            "row": ["a", "b", "a", "b"],
            "panel": ["p", "p", "q", "q"],
            "value": [0.1, 0.2, -0.3, 0.0],
            "low": [-0.1, 0.1, -0.4, -0.1],
            "high": [0.3, 0.3, -0.2, 0.1],
        }
    )
    fig = figures.intervals(rows, "A finding", xlabel="difference", order=["b", "a"])
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["p", "q"]
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["b", "a"]
    for ax, (_, part) in zip(fig.axes, rows.groupby("panel")):
        for bars, row in zip(ax.containers, part.itertuples()):
            line, _, (ends,) = bars.lines
            assert (line.get_xdata()[0], line.get_ydata()[0]) == (row.value, ["b", "a"].index(row.row))
            assert np.allclose(ends.get_segments()[0][:, 0], [row.low, row.high])
            hollow = line.get_markerfacecolor() == figures.PAPER
            assert hollow == (row.low <= 0 <= row.high)


def test_several_intervals_of_a_row_stand_side_by_side_and_bear_their_markers():
    rows = pd.DataFrame(
        {"row": ["a", "a", "b"], "series": ["one", "two", "one"], "panel": "p", "value": [0.1, 0.2, 0.3]}
    )
    (ax,) = (
        fig := figures.intervals(rows.assign(panel="p", low=0.05, high=0.4), "A finding", xlabel="difference")
    ).axes
    places = [bars.lines[0].get_ydata()[0] for bars in ax.containers]
    assert places == [-0.2, 0.2, 0.8]
    assert [bars.lines[0].get_marker() for bars in ax.containers] == ["o", "s", "o"]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["one", "two"]

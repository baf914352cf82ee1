"""Plots draw the numbers they are given, with axes, ticks and titles that can be read."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lib.study import figures
from tests.study.figures.drawn import FE, draw, frame, inside


def test_curves_draw_the_mean_and_its_standard_error():
    data = frame()
    fig = draw(data)
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["glass", "vehicle"]
    for ax, dataset in zip(fig.axes, ("glass", "vehicle")):
        for bars, method in zip(ax.containers, ("Ours", "Joint")):
            values = data[(data["dataset"] == dataset) & (data["method"] == method)].groupby("U")["value"]
            line, _, (segments,) = bars.lines
            ends = np.array([s[:, 1] for s in segments.get_segments()])
            assert bars.get_label() == method
            assert line.get_ydata() == pytest.approx(values.mean().to_numpy())
            assert np.diff(ends).ravel() / 2 == pytest.approx(values.apply(stats.sem).to_numpy())
            assert np.round(line.get_xdata()).tolist() == [0, 1, 2]


def test_ticks_are_the_values_of_their_own_panel():
    data = pd.concat([frame(["glass"], U=(5, 10, 900)), frame(["segment"], U=(10, 11319))])
    labels = [[t.get_text() for t in ax.get_xticklabels()] for ax in draw(data, last="all").axes]
    assert labels == [["5", "10", "all"], ["10", "all"]]
    assert [t.get_text() for t in draw(data).axes[1].get_xticklabels()] == ["10", "11,319"]
    assert [figures.number(v) for v in (0, 1e-4, 1e-3, 0.01, 0.5, 1, 100, 1e5)] == (
        ["0", "$10^{-4}$", "$10^{-3}$", "0.01", "0.5", "1", "100", "$10^{5}$"]
    )


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_every_column_of_panels_names_its_axis_and_the_title_is_the_finding(n):
    fig = draw(frame([f"set {i}" for i in range(n)], methods=FE))
    bottom = fig.axes[-2:]
    assert len(fig.axes) == n
    assert {ax.get_xlabel() for ax in bottom} == {"examples used, U"}
    assert fig.get_supylabel() == "accuracy (higher is better)"
    assert fig.get_suptitle() == "A finding"
    assert [t.get_text() for t in fig.legends[0].get_texts()] == list(FE)
    inside(fig)


def test_small_differences_do_not_fill_a_panel():
    data = frame(["glass"])
    data["value"] = 0.9 + data["value"] / 1000
    low, high = draw(data).axes[0].get_ylim()
    assert high - low == pytest.approx(figures.MIN_SPAN)
    assert low < 0.9 < high


def test_panels_that_are_compared_have_one_scale():
    data = frame()
    data.loc[data["dataset"] == "glass", "value"] *= 0.1
    assert len({ax.get_ylim() for ax in draw(data).axes}) == 1


def test_pictures_are_shown_as_they_are_under_their_captions():
    pictures = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    fig = figures.images(pictures, [f"image {i}" for i in range(7)], "Seven")
    assert [ax.get_title() for ax in fig.axes] == [f"image {i}" for i in range(7)]
    assert all(np.array_equal(ax.images[0].get_array(), p) for ax, p in zip(fig.axes, pictures))
    inside(fig)
    with pytest.raises(ValueError, match="captions must be as many as pictures, got 1 and 7"):
        figures.images(pictures, ["one"], "Seven")


def test_fronts_draw_every_method_in_every_panel_with_its_last_eta_largest():
    cells = [
        (p, m, eta, s) for p in ("LIME", "SHAP") for m in ("ID-ExpO", "CE-only") for eta in (0.5, 3.0) for s in (0, 1)
    ]
    rows = pd.DataFrame(
        {"panel": p, "method": m, "eta": eta, "split": s, "measure": measure, "value": base + 0.1 * eta + 0.01 * s}
        for p, m, eta, s in cells
        for measure, base in (("accuracy", 0.5), ("insertion", 0.2), ("1 − deletion", 0.3))
    )
    fig = figures.fronts(rows, "Up and to the right", ["LIME", "SHAP"])
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["LIME", "", "SHAP", ""]
    assert [ax.get_ylabel() for ax in fig.axes] == ["insertion", "1 − deletion"] * 2
    rows["value"] += 0.3 * rows["panel"].eq("SHAP")  # on one scale, and all of it in sight
    fig = figures.fronts(rows, "Up and to the right", ["LIME", "SHAP"])
    assert fig.axes[0].get_shared_y_axes().joined(fig.axes[0], fig.axes[2])
    assert not fig.axes[0].get_shared_y_axes().joined(fig.axes[0], fig.axes[1])
    for ax, base, shift in zip(fig.axes, (0.2, 0.3, 0.2, 0.3), (0, 0, 0.3, 0.3)):
        for point in np.concatenate([line.get_xydata() for line in ax.lines]):
            assert ax.get_xlim()[0] < point[0] < ax.get_xlim()[1]
            assert ax.get_ylim()[0] < point[1] < ax.get_ylim()[1]
        large = [line for line in ax.lines if line.get_markersize() == 10]
        assert len(large) == 2
        for line in large:
            assert np.allclose([line.get_xdata()[0], line.get_ydata()[0]], [0.805 + shift, base + 0.305 + shift])
    plt.close(fig)


def test_paths_draw_both_curves_from_their_first_step():
    means = {"a": ([0.1, 0.5, 0.9], [0.8, 0.4, 0.2]), "b": ([0.2, 0.3, 0.4], [0.9, 0.9, 0.9])}
    fig = figures.paths(means, "It rises and falls", S=2, first=0)
    for i, ax in enumerate(fig.axes):
        assert ax.get_xlim() == (0, 2)
        for line, name in zip(ax.lines, means):
            assert line.get_xdata().tolist() == [0, 1, 2]
            assert list(line.get_ydata()) == means[name][i]
            assert line.get_label() == name
    assert [line.get_linestyle() for line in fig.axes[0].lines] == ["-", "--"]
    looks = {"a": figures.look("ID-ExpO"), "b": figures.look("CE-only")}
    marked = figures.paths(means, "It rises and falls", looks=looks)
    assert [line.get_marker() for line in marked.axes[1].lines] == ["o", "X"]
    assert not marked.axes[0].patches  # no S, no shade
    plt.close("all")

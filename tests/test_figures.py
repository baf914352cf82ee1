"""Figures: they draw the numbers given, every method looks itself, and everyone can read them."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from scipy import stats

from lib.study import figures

FE = ("Ours", "Joint", "RPSR", "RPS", "PretrainR", "Pretrain")
ID = ("ID-ExpO", "ExpO-S", "ExpO-F", "CE-only")
# Machado, Oliveira and Fernandes 2009: how red-blind, green-blind and blue-blind eyes see linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


@pytest.fixture(autouse=True)
def book_style():
    with plt.rc_context():
        plt.switch_backend("agg")
        figures.use()
        yield
        plt.close("all")


def frame(datasets=("glass", "vehicle"), methods=("Joint", "Ours"), U=(5, 10, 900)):
    rng = np.random.default_rng(0)
    keys = itertools.product(datasets, methods, U, range(4))
    return pd.DataFrame([{"dataset": d, "method": m, "U": u, "split": s, "value": rng.random()} for d, m, u, s in keys])


def draw(data, **change):
    words = {"title": "A finding", "xlabel": "examples used, U", "ylabel": "accuracy (higher is better)"}
    return figures.curves(data, **({"x": "U"} | words | change))


def texts(fig):
    ticks = [t for ax in fig.axes if not ax.axison for t in (*ax.get_xticklabels(), *ax.get_yticklabels())]
    return [t for t in fig.findobj(plt.Text) if t.get_text() and t.get_visible() and t not in ticks]


def linear(color):
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    light, dark = sorted((linear(c) @ [0.2126, 0.7152, 0.0722] for c in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(color, blindness):
    seen = np.clip(np.array(BLINDNESS[blindness]) @ linear(color), 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    x, y, z = np.cbrt(xyz / [0.9505, 1, 1.089]).clip(0.1379)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


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


def test_a_method_looks_the_same_in_any_company():
    def looks(methods):
        lines = [bars.lines[0] for bars in draw(frame(["glass"], methods)).axes[0].containers]
        return {m: (k.get_color(), k.get_marker(), k.get_linestyle()) for m, k in zip(figures.ordered(methods), lines)}

    every = looks(FE)
    assert looks(["RPS", "Joint"]) == {m: every[m] for m in ("Joint", "RPS")}
    assert len({marker for _, marker, _ in every.values()}) == len(FE)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match=r"method must be one of Ours, .*got 'Mine'"):
        figures.look("Mine")


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("paper", [FE, ID], ids=["FE", "ID"])
def test_colours_stay_apart_for_every_kind_of_eye(paper, blindness):
    for a, b in itertools.combinations(paper, 2):
        one, other = (lab(figures.METHODS[m].color, blindness) for m in (a, b))
        assert np.linalg.norm(one - other) > 12, (a, b)


def test_everything_stands_out_from_the_card():
    for method, style in figures.METHODS.items():
        assert contrast(style.color, figures.PAPER) > 3, method
    assert contrast(figures.INK, figures.PAPER) > 7
    assert plt.rcParams["savefig.facecolor"] == figures.PAPER  # solid: a dark page does not shine through


def test_letters_are_legible_on_a_phone():
    phone = 350 / figures.WIDTH  # pixels an inch on a screen of 390, margins off
    for fig in (draw(frame(methods=FE)), figures.architecture()):
        assert min(t.get_fontsize() for t in texts(fig)) / 72 * phone > 8


def test_the_architecture_shows_every_part_and_no_words_collide():
    fig = figures.architecture()
    words = {t.get_text() for t in texts(fig)}
    assert {"$x$", "$x_n$", "$f$", "$f(x)$", "$f(x_n)$", "$k$", "$W$", "$A$", "$g(x)$", "$h(x)$"} <= words
    assert any("gates" in w for w in words)
    boxes = inside(fig)
    for (a, one), (b, other) in itertools.combinations(boxes.items(), 2):
        assert not one.overlaps(other), (a, b)


def inside(fig):
    """The extent of every text, after checking that the figure holds it."""
    fig.canvas.draw()
    boxes = {t.get_text(): t.get_window_extent() for t in texts(fig)}
    for name, box in boxes.items():
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= fig.bbox.x1 + 1 and box.y1 <= fig.bbox.y1 + 1, name  # noqa: PT018
    return boxes


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
    for ax, base in zip(fig.axes, (0.2, 0.3, 0.2, 0.3)):
        large = [line for line in ax.lines if line.get_markersize() == 10]
        assert len(large) == 2
        for line in large:
            assert np.allclose([line.get_xdata()[0], line.get_ydata()[0]], [0.805, base + 0.305])
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

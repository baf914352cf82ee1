"""The drawings that show no data, and names at the ends of lines."""

import itertools

import matplotlib.pyplot as plt
import pytest
from matplotlib.patches import FancyBboxPatch

from lib.study import figures
from tests.study.figures.drawn import PICTURES, inside, texts


def test_every_part_is_shown():
    fe, both, paths, inside = ({t.get_text() for t in texts(picture())} for picture in PICTURES)
    assert {"$x$", "$x_n$", "$f$", "$f(x)$", "$f(x_n)$", "$k$", "$W$", "$A$", "$g(x)$", "$h(x)$"} <= fe
    assert {"gates $Z$", "soft masks\n$r$"} <= both
    assert {"$x$", "explainer", "$\\phi$", "$x$, $a_s$, $d_s$", "$f$", "loss", "CE, Ins, Del", "$\\theta$"} <= paths
    assert {"masks $Z$", "$P \\tilde{y}$", "stem", "$A_i$", "head", "$w_i$", "ReLU($\\Sigma_i w_i A_i$)"} <= inside


@pytest.mark.parametrize("picture", PICTURES)
def test_no_words_collide(picture):
    for (a, one), (b, other) in itertools.combinations(inside(picture()).items(), 2):
        assert not one.overlaps(other), (a, b)


def test_the_gradient_takes_two_paths_in_two_colours():
    arrows = [t.arrow_patch for t in figures.two_paths().axes[0].texts if getattr(t, "arrow_patch", None)]
    assert len({arrow.get_edgecolor() for arrow in arrows}) == 3  # forwards, and each of the two


def test_no_words_lie_across_the_edge_of_a_box():
    for picture in PICTURES[1:]:  # the first draws a pile of boxes
        fig = picture()
        words = inside(fig)
        for shape in fig.findobj(FancyBboxPatch):
            edges = shape.get_window_extent()
            for text, own in words.items():
                within = edges.x0 <= own.x0 and own.x1 <= edges.x1 and edges.y0 <= own.y0 and own.y1 <= edges.y1
                assert within or not own.overlaps(edges), text


def test_only_the_way_back_through_slopes_is_double():
    drawn = figures.inside_explainers().axes[0]
    ways = [t.arrow_patch for t in drawn.texts if getattr(t, "arrow_patch", None)]
    double = [way for way in ways if way.get_linewidth() > 4]
    gaps = [line for line in drawn.lines if line.get_color() == figures.PAPER]
    assert len(double) == len(gaps) == 3
    assert {way.get_edgecolor() for way in double} < {way.get_edgecolor() for way in ways}


def test_lines_are_named_at_their_ends_and_no_names_collide():
    fig, ax = plt.subplots()
    for name, end in (("one", 1.0), ("two", 0.99), ("three", 0.2), ("four", 0.985)):
        ax.plot([0, 1], [0, end], label=name)
    ax.axhline(0.5)
    figures.ends(ax)
    fig.canvas.draw()
    boxes = {t.get_text(): t.get_window_extent() for t in ax.texts}
    assert [name for name, _ in sorted(boxes.items(), key=lambda pair: pair[1].y0)] == ["three", "four", "two", "one"]
    assert all(not a.overlaps(b) for a, b in itertools.combinations(boxes.values(), 2))
    right = ax.transData.transform((1, 0.2))
    assert boxes["three"].x0 > right[0]
    assert boxes["three"].y0 < right[1] < boxes["three"].y1

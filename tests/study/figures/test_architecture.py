"""The drawings that show no data, and names at the ends of lines."""

import itertools

import matplotlib.pyplot as plt
import pytest

from lib.study import figures
from tests.study.figures.drawn import PICTURES, inside, texts


def test_every_part_is_shown():
    fe, both, paths = ({t.get_text() for t in texts(picture())} for picture in PICTURES)
    assert {"$x$", "$x_n$", "$f$", "$f(x)$", "$f(x_n)$", "$k$", "$W$", "$A$", "$g(x)$", "$h(x)$"} <= fe
    assert {"gates $Z$", "soft masks\n$r$"} <= both
    assert {"$x$", "explainer", "$\\phi$", "$x$, $a_s$, $d_s$", "$f$", "loss", "$\\theta$"} <= paths


@pytest.mark.parametrize("picture", PICTURES)
def test_no_words_collide(picture):
    for (a, one), (b, other) in itertools.combinations(inside(picture()).items(), 2):
        assert not one.overlaps(other), (a, b)


def test_the_gradient_takes_two_paths_in_two_colours():
    arrows = [t.arrow_patch for t in figures.two_paths().axes[0].texts if getattr(t, "arrow_patch", None)]
    assert len({arrow.get_edgecolor() for arrow in arrows}) == 3  # forwards, and each of the two


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

"""The drawings that show no data."""

import itertools

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

"""One drawing for a light page and a dark one: colours keep their contrast and hue."""

import io
import itertools
import re

import numpy as np
import pytest

from lib.study import figures
from tests.study.figures.drawn import FE, draw, frame
from tests.study.figures.test_style import contrast, lab


def test_contrast_is_that_of_wcag():
    assert figures.contrast("#ffffff", "#000000") == pytest.approx(21)
    assert figures.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the grey just too light for text
    for one, other in itertools.combinations(["#0072b2", "#d55e00", "#121212", "#fbe3d3"], 2):
        assert figures.contrast(one, other) == pytest.approx(contrast(one, other))


def test_a_dark_page_gives_each_colour_its_contrast_and_hue():
    """Of colours all over the cube, with the hue of another colour space than the function's."""
    assert figures.night(figures.PAPER) == figures.NIGHT
    assert figures.night("#000000") == "#ffffff"  # as far as a dark page goes
    levels = [f"{v:02x}" for v in (40, 100, 160, 220)]
    for color in ("#" + "".join(three) for three in itertools.product(levels, repeat=3)):
        shown = figures.night(color)
        wanted = min(contrast(color, figures.PAPER), contrast("#ffffff", figures.NIGHT))
        assert contrast(shown, figures.NIGHT) == pytest.approx(wanted, rel=0.03), (color, shown)
        (_, *one), (_, *other) = lab(color, "none"), lab(shown, "none")
        if min(np.linalg.norm(one), np.linalg.norm(other)) > 20:
            assert np.dot(one, other) > 0.8 * np.linalg.norm(one) * np.linalg.norm(other), (color, shown)


def test_a_themed_drawing_has_no_paper_and_a_dark_colour_for_each_that_it_uses():
    with io.StringIO() as file:
        draw(frame(methods=FE)).savefig(file, format="svg")
        plain = file.getvalue()
    style = figures.themed(plain).split("<style>#patch_1{display:none}")[1]
    assert '<g id="patch_1">' in plain
    used = set(re.findall("(?:fill|stroke): (#[0-9a-f]{6})", plain))
    assert {figures.METHODS[name].color for name in FE} | {figures.INK, figures.PAPER} <= used
    for color in used:
        assert re.search(rf'\[style\*="(fill|stroke): {color}"\]{{\1:{figures.night(color)}!important}}', style)
    assert style.startswith("@media (prefers-color-scheme:dark){svg{fill:#ffffff}")
    assert style.endswith("}</style></svg>\n")

"""Colours and letters that every kind of eye can tell."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lib.study import figures
from tests.study.figures.drawn import FE, PICTURES, draw, frame, texts

ROOT = Path(__file__).parents[3]
ID = ("ID-ExpO", "ExpO-S", "ExpO-F", "CE-only")

# Machado, Oliveira and Fernandes 2009: how red-blind, green-blind and blue-blind eyes see linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


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


THEMES = {"light": (figures.PAPER, str), "night": (figures.NIGHT, figures.night)}  # the page, and colours on it


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("paper", [FE, ID], ids=["FE", "ID"])
def test_colours_stay_apart_for_every_kind_of_eye(paper, theme, blindness):
    _, shown = THEMES[theme]
    for a, b in itertools.combinations(paper, 2):
        one, other = (lab(shown(figures.METHODS[m].color), blindness) for m in (a, b))
        assert np.linalg.norm(one - other) > 12, (a, b)


@pytest.mark.parametrize(("page", "shown"), THEMES.values(), ids=THEMES)
def test_everything_stands_out_from_the_page(page, shown):
    for color in {look.color for look in figures.METHODS.values()} | {figures.PLUS, figures.MINUS}:
        assert contrast(shown(color), page) > 3, color
    assert contrast(shown(figures.INK), page) > 7  # letters


def test_signs_have_no_methods_colour():
    for color in (figures.PLUS, figures.MINUS):
        assert min(np.linalg.norm(lab(color, "none") - lab(m.color, "none")) for m in figures.METHODS.values()) > 12


def test_ours_and_pretrain_differ_by_more_than_their_markers():
    ours, pretrain = (figures.METHODS[name] for name in ("Ours", "Pretrain"))
    assert ours.line != pretrain.line
    assert ours.hollow != pretrain.hollow
    for blindness in BLINDNESS:
        assert np.linalg.norm(lab(ours.color, blindness) - lab(pretrain.color, blindness)) > 30


def test_letters_are_legible_on_a_phone():
    least = re.search(r"figure img {\s*min-width: (\d+)rem", (ROOT / "book" / "_static" / "book.css").read_text())[1]
    pixels = 16 * int(least) / figures.WIDTH  # an inch of a figure, which scrolls where a screen has fewer
    for fig in (draw(frame(methods=FE)), *(picture() for picture in PICTURES)):
        assert min(t.get_fontsize() for t in texts(fig)) / 72 * pixels > 10

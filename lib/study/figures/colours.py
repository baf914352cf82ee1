"""Colours on a dark page: each stands out there as much as it does on white, so that one figure serves both.

The book's figures are drawn once, on white paper. `themed` adds to such an SVG what a browser needs to show it on a
dark page, and it follows the page's theme, not the system's.
"""

import re
from functools import cache

import numpy as np
from matplotlib.colors import to_hex, to_rgb

PAPER, NIGHT = "#ffffff", "#121212"  # the pages of the book's theme, light and dark
WEIGHTS = np.array([0.2126, 0.7152, 0.0722])  # of linear red, green and blue in luminance (WCAG 2)
DRAWN = re.compile(r"(fill|stroke): (#[0-9a-f]{6})")

# OKLab (Ottosson, 2020): lightness and two axes of hue, from the cube roots of what the eye's three cones see
CONES = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                  [0.2119034982, 0.6806995451, 0.1073969566],
                  [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
AXES = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                 [1.9779984951, -2.4285922050, 0.4505937099],
                 [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def linear(color: str) -> np.ndarray:
    """Red, green and blue (3,) as light adds up, between 0 and 1."""
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> str:
    """The inverse of `linear`, what lies outside of it moved to its edge."""
    light = np.clip(light, 0, 1)
    return to_hex(np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))


def contrast(one: str, other: str) -> float:
    """How far two colours are apart in lightness, from 1 to 21 (WCAG 2); text needs 4.5, a line 3."""
    low, high = sorted(linear(color) @ WEIGHTS for color in (one, other))
    return float((high + 0.05) / (low + 0.05))


@cache
def night(color: str) -> str:
    """The colour of the same hue that has the contrast to the dark page that this one has to white.

    It is paler where a screen cannot show one as vivid. White becomes the page; what would have to be lighter than
    white, which black would, becomes white.
    """
    if contrast(color, PAPER) == 1:
        return NIGHT
    wanted = min(1.0, contrast(color, PAPER) * (linear(NIGHT) @ WEIGHTS + 0.05) - 0.05)
    hue = (AXES @ np.cbrt(CONES @ linear(color)))[1:]
    lightness = np.linspace(0, 1, 2001)
    for vividness in np.linspace(1, 0, 101):
        every = np.array([lightness, *np.outer(vividness * hue, np.ones_like(lightness))])
        light = np.linalg.solve(CONES, np.linalg.solve(AXES, every) ** 3)
        found = np.array([np.interp(wanted, WEIGHTS @ light, part) for part in light])
        if -1e-4 < found.min() and found.max() < 1 + 1e-4:
            break
    return encoded(found)


def themed(svg: str) -> str:
    """An SVG that matplotlib wrote, without paper of its own, and with its colours for dark pages beside the others."""
    rules = [f'[style*="{kind}: {color}"]{{{kind}:{night(color)}!important}}'
             for kind, color in sorted(set(DRAWN.findall(svg)))]  # fmt: skip
    black = f"svg{{fill:{night('#000000')}}}"  # which matplotlib leaves unsaid
    style = f"#patch_1{{display:none}}@media (prefers-color-scheme:dark){{{black}{''.join(rules)}}}"
    return svg.replace("</svg>", f"<style>{style}</style></svg>")

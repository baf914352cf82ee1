"""Figures of made-up records, and what is to be read on them."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from lib.study import figures

FE = ("Ours", "Joint", "RPSR", "RPS", "PretrainR", "Pretrain")
PICTURES = (figures.architecture, figures.both_papers, figures.two_paths, figures.inside_explainers)


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


def inside(fig):
    """The extent of every text, after checking that the figure holds it."""
    fig.canvas.draw()
    boxes = {t.get_text(): t.get_window_extent() for t in texts(fig)}
    for name, box in boxes.items():
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= fig.bbox.x1 + 1 and box.y1 <= fig.bbox.y1 + 1, name  # noqa: PT018
    return boxes

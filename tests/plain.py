"""The plain forms, exactly as the chapters teach them: their cells tagged `plain`.

from tests import plain
model = plain.functions().train_plain(x, y, C, eta=1e-2, lam=1, epochs=200, seed=0)  # f, W, S, mu
phi = plain.functions().plain_lime(f, x, y, b, Z, k, eps=0.01)
"""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import jupytext

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
CHAPTERS = ("06_objective", "12_insertion_deletion", "14_regularizers", "15_explainers", "16_gradcam")


@cache
def functions() -> SimpleNamespace:
    """What the tagged cells define, from the chapters' sources: the book's code is the code under test."""
    names = {"__name__": "plain"}
    for chapter in CHAPTERS:
        cells = jupytext.read(NOTEBOOKS / f"{chapter}.py").cells
        source = "\n\n".join(cell.source for cell in cells if "plain" in cell.metadata.get("tags", []))
        exec(compile(source, f"{chapter}.py", "exec"), names)
    return SimpleNamespace(**names)

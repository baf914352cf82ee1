"""The plain training loop, exactly as the chapter on the objective teaches it: its cells tagged `plain`.

from tests import plain
model = plain.functions().train_plain(x, y, C, eta=1e-2, lam=1, epochs=200, seed=0)  # f, W, S, mu
"""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import jupytext

CHAPTER = Path(__file__).parents[1] / "notebooks" / "03_objective.py"


@cache
def functions() -> SimpleNamespace:
    """What the tagged cells define, from the chapter's source: the book's code is the code under test."""
    cells = jupytext.read(CHAPTER).cells
    source = "\n\n".join(cell.source for cell in cells if "plain" in cell.metadata.get("tags", []))
    names = {"__name__": "plain"}
    exec(compile(source, CHAPTER.name, "exec"), names)
    return SimpleNamespace(**names)

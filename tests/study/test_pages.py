"""From the committed records: every cell of the claims' tables and every figure's data, as they were.

`python -m tests.study.test_pages` writes tests/reference/study.json anew, where a change of the numbers is meant.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.study import (
    claims_fe,
    claims_id,
    figures,
    forests,
    pages_fe,
    pages_forms,
    pages_id,
    pages_lambda,
    records,
    rows,
    runs_fe,
    runs_id,
    timing,
)

REFERENCE = Path(__file__).parents[1] / "reference" / "study.json"
FE, ID = (records.ROOT / "results" / name for name in ("fe", "id"))


def cells(tests):
    """One row for each comparison: its words, then its numbers."""
    words = ["claim", "dataset", "what", "claimed", "outcome"]
    numbers = tests[["value", "low", "high", "splits", "gap", "p"]].astype(float)
    return [[*a, *b] for a, b in zip(tests[words].to_numpy().tolist(), numbers.to_numpy().tolist())]


def drawn(fig):
    """A figure's title and, for each panel, how many lines, points and bars it has and what their ends add up to."""
    panels = []
    for ax in fig.axes:
        points = [np.asarray(line.get_xydata(), float) for line in ax.lines]
        ends = [np.vstack(c.get_segments()) for c in ax.collections if hasattr(c, "get_segments") and c.get_segments()]
        bars = [[bar.get_x(), bar.get_y(), bar.get_width(), bar.get_height()] for bar in ax.patches]
        every = np.concatenate([np.ravel(part) for part in (*points, *ends, *bars)] or [np.zeros(0)])
        every = every[np.isfinite(every)]
        panels.append([len(ax.lines), len(every), every.sum(), np.square(every).sum()])
    title = fig.get_suptitle()
    plt.close(fig)
    return [title, panels]


def everything():
    fe, on_tables = runs_fe.load(FE, None), runs_id.load(ID)
    front = runs_id.fronts(on_tables)
    figs = pages_fe.score_figures(fe) | pages_lambda.lambda_figures(fe) | pages_fe.eta_figures(fe)
    tests, tests_id = claims_fe.tests(fe, fe, timing.load()), claims_id.tests(on_tables, runs_id.load_forms(on_tables))
    figs |= {"forest": forests.forest(tests), "forest_id": forests.forest_id(tests_id)}
    figs |= {name: pages_id.front_figure(front, name) for name in pages_id.SHOWN}
    figs |= {
        "forms": pages_forms.forms_told(runs_id.load_forms(on_tables), front, rows.read())["forms-figure"],
        "wine": pages_id.wine_told(front)["wine"],
    }
    return {
        "FE": cells(tests),
        "ID": cells(tests_id),
        "figures": {name: drawn(fig) for name, fig in figs.items()},
    }


def rounded(value):
    if isinstance(value, float):
        return None if np.isnan(value) else float(f"{value:.5g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list | tuple) else value


def flat(value, path=""):
    if isinstance(value, dict | list):
        for k, v in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flat(v, f"{path}/{k}")
    else:
        yield path, value


@pytest.fixture(scope="module")
def found():
    return json.loads(json.dumps(rounded(everything()), default=float))


@pytest.mark.parametrize("part", ["FE", "ID", "figures"])
def test_the_records_say_what_they_said(part, found):
    known, new = (dict(flat(every[part])) for every in (json.loads(REFERENCE.read_text()), found))
    assert list(known) == list(new)
    for path, value in known.items():
        same = value == new[path]
        assert same or (isinstance(value, float) and np.isclose(value, new[path], rtol=1e-3, atol=1e-9)), path


def test_the_ten_images_are_shown_or_their_influence_is(monkeypatch):
    """Where the images are not at hand, a bar for each stands in their place, and not an empty square."""
    fe = runs_fe.load(FE, None)
    ten = runs_fe.chosen(fe[fe["lam"] == 1])
    at_hand = {"with": lambda name: np.zeros((1000, 32, 32, 3), np.uint8), "without": lambda name: None}
    for case, pictures in at_hand.items():
        monkeypatch.setattr(pages_fe.data.cifar10, "at_hand", pictures)
        found, counts = pages_fe.image_figures(ten)
        assert counts.sum().tolist() == [10, 10]
        for fig in found.values():
            assert "of the 10 classes" in fig.get_suptitle()
            assert len(figures.csv(fig).splitlines()) == 11
            assert len(fig.axes) == (10 if case == "with" else 1)
            plt.close(fig)


def regenerate():
    plt.switch_backend("agg")
    text = json.dumps(rounded(everything()), ensure_ascii=False, default=float, separators=(",", ":"))
    REFERENCE.write_text(text.replace('],["', '],\n["').replace(']],"', ']],\n"') + "\n")


if __name__ == "__main__":
    regenerate()

"""What a page keeps for its text and its players."""

import json
import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from lib.study import figures, gluing


def test_a_figure_is_kept_with_its_rows_and_closed(monkeypatch):
    kept = {}
    monkeypatch.setattr(gluing, "glue", lambda name, value, display: kept.update({name: value}))
    plt.switch_backend("agg")
    fig, plain = plt.figure(), plt.figure()
    figures.remember(fig, pd.DataFrame({"a": [1, 2]}))
    gluing.keep("page", {"one": fig, "other": plain, "number": 3})
    assert list(kept) == ["page-one", "page-one-rows", "page-other", "page-number"]
    assert kept["page-one-rows"]._repr_mimebundle_() == {"text/csv": "a\n1\n2\n", "text/plain": "3 lines"}
    assert plt.get_fignums() == []


def test_a_players_data_come_back_whole_and_close_no_element():
    data = {"class": "</script><b>", "value": [0.25, None]}
    html = gluing.player("name", data, script="explorer.js", otherwise="none here").data
    (found,) = re.findall(r'<script type="application/json">(.*?)</script>', html)
    assert json.loads(found) == data
    assert re.findall(r'src="([^"]+)"', html) == ["../_static/players.js", "../_static/explorer.js"]
    assert '<div id="name" class="player"><p>none here</p>' in html


def test_a_players_data_are_numbers():
    with pytest.raises(ValueError, match="JSON"):
        gluing.player("name", {"value": float("nan")}, script="explorer.js", otherwise="")

"""What a page keeps for its text and its players."""

import json
import re

import pytest

from lib.study import gluing


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

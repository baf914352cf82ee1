"""The progress bar writes seldom, whatever the pace, and shows how the training stands."""

from pathlib import Path

import pytest

from lib import progress
from lib.progress import Bar


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when the test says so."""
    now = [100.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    return now


def written(capsys) -> list[str]:
    return [line for line in capsys.readouterr().err.split("\r") if line.strip()]


def bar(total, **change):
    return Bar(total, **{"initial": 0, "label": "Ours", "unit": "epoch", "shown": True} | change)


def test_it_writes_at_most_once_a_second(clock, capsys):
    with bar(1_000) as shown:
        for epoch in range(1_000):
            clock[0] += 0.02
            shown.advance(1, val=f"{epoch / 1000:.3f}")
    lines = written(capsys)
    assert 15 < len(lines) <= 2 + 20 / progress.SECONDS  # twenty seconds, and the first and the last
    assert "1000/1000" in lines[-1]
    assert "val=0.999" in lines[-1]
    assert lines[-1].startswith("Ours")


def test_a_pace_that_falls_is_noticed_at_once(clock, capsys):
    with bar(1_100) as shown:
        for _ in range(1_000):
            clock[0] += 0.001
            shown.advance(1)
        written(capsys)
        for _ in range(5):
            clock[0] += 2
            shown.advance(1)
        assert len(written(capsys)) == 5


def test_what_was_said_once_stays(clock, capsys):
    with bar(10, initial=4) as shown:
        shown.advance(1, best="0.5")
        clock[0] += 2
        shown.advance(1)
        assert "6/10" in (line := written(capsys)[-1])
        assert "best=0.5" in line


def test_it_can_be_silent(capsys):
    with bar(3, shown=False) as silent:
        silent.advance(3, val=1)
    assert written(capsys) == []


def test_one_place_says_how_often():
    """No other module of lib makes a bar of its own."""
    lib = Path(progress.__file__).parent
    assert [path.name for path in lib.rglob("*.py") if "import tqdm" in path.read_text()] == ["progress.py"]

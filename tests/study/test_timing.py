"""Records of timed epochs: of one device, one run at a time and stacked."""

import pytest

from lib.study import records, timing
from tests.study.fe import timed


def test_seconds_of_two_devices_are_not_compared(tmp_path):
    frame = timed().query("together == 1").assign(paper="FE", split=0, part="train", measure="seconds_epoch")
    frame = frame.assign(direction="lower", epochs=9, best_epoch=0, seconds=1.0, eta=0.0, lam=1.0, U=None, versions="v")
    frame = frame.assign(code="unknown", config="c", settings="{}", experiment_version=1, device="cpu")
    records.write(frame, tmp_path / "a.parquet")
    assert timing.plain(timing.load(tmp_path), "glass", "Ours").index.tolist() == list(range(6))
    records.write(frame.assign(device=["cuda", "cpu"] * (len(frame) // 2)), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="must be of one device, got cpu, cuda"):
        timing.load(tmp_path)
    assert timing.load(tmp_path / "nowhere").empty


def test_shares_of_a_stack_are_kept_apart():
    frame = timed(noise=0.0)
    frame["value"] /= frame["together"]
    assert timing.plain(frame, "glass", "RPS").unique().tolist() == [0.3]
    assert timing.shared(frame, "glass", "RPS").unique().tolist() == [0.03]


def test_repeats_are_counted_alone_and_as_a_share():
    frame = timed()
    once = frame[(frame["together"] == 1) | (frame["seed"] == 0)]
    told = "An epoch alone was timed 6 times on each data set, the share among ten splits once."
    assert timing.counted(once) == told
    fewer = once[(once["dataset"] != "glass") | (once["seed"] < 4)]
    assert timing.counted(fewer) == told.replace("6 times", "4 times to 6 times")
    assert timing.counted(once[once["together"] == 1]).endswith("the share among ten splits never.")
    rest = once[(once["dataset"] != "vehicle") | (once["together"] == 1)]
    assert timing.counted(rest) == told.replace("once.", "once, but not on Vehicle.")
    assert timing.counted(timing.NONE) == "No epoch has been timed yet."

"""Which processor made which records, and what runs that were made on two say, on made-up records."""

import json

import pandas as pd
import pytest

from lib.study import processors
from tests.study.test_records import rows

CPU, GPU = "cpu: AMD EPYC, 1 threads", "cuda: NVIDIA H100"


def test_data_sets_are_told_by_processor_and_by_method_where_they_mix():
    glass = [rows(methods=["Ours"], device=CPU), rows(methods=["RPS", "Joint"], device=GPU)]
    frame = pd.concat([*glass, rows(dataset="vehicle", device=GPU)])
    where = "Glass (Ours) on a CPU (AMD EPYC); Glass (Joint and RPS) and Vehicle on a GPU (NVIDIA H100)"
    assert processors.told(frame) == f"These runs were trained so: {where}. Each was made on one processor alone."
    both = pd.concat([frame, glass[0].assign(device=GPU)])
    assert processors.told(both).endswith(". 6 of them were made on several processors.")  # 2 splits, 3 etas


def test_runs_that_were_trained_alike_on_two_processors_are_compared_on_validation():
    """Test values are eta itself and are not looked at; what was trained otherwise or on the same is no repeat."""
    here = json.dumps({"hidden": 64, "S_start": 1, "U": [10], "tf32": True})
    there = json.dumps({"hidden": 64, "S_start": 1, "U": [5, 10], "open_rows": True})
    pilot = rows({0.0: (0.81, 1.0)}, methods=["Ours", "Joint"], splits=(0, 1), device=GPU, settings=here)
    pilot.loc[(pilot["method"] == "Joint") & (pilot["part"] == "val"), "value"] = 0.4
    own = rows({0.0: (0.25, 1.0)}, methods=["Ours", "Joint"], splits=(0, 1, 2), device=CPU, settings=there)
    frame = pd.concat([own, rows(dataset="vehicle", device=CPU, settings=there)])
    text = processors.compared(pd.concat([pilot, pilot.assign(seed=7)]), frame)
    assert text == (
        "4 runs of the pilot that chose where S starts, on a GPU (NVIDIA H100), repeat runs of the results from a CPU "
        "(AMD EPYC), with other versions of Python and PyTorch and, on Glass, with products rounded to TF32: a run's "
        "geometric mean on validation rows is 0.25 higher or lower than the other's in the mean. The first minus the "
        "second is +0.15 over all of them, and −0.10 (Joint on Glass) to +0.40 (Ours on Glass) for one method on one "
        "data set; of Vehicle no run is repeated."
    )
    assert len(processors.repeats(pilot, frame)) == 4
    assert processors.repeats(pilot, frame)["score"].tolist() == pytest.approx([0.4, 0.4, 0.9, 0.9])
    plain = processors.compared(pilot.assign(settings=there), frame)
    assert "PyTorch: a run's" in plain
    for change in ({"device": CPU}, {"settings": here.replace("64", "32")}):
        assert processors.compared(pilot.assign(**change), frame).startswith("No run")

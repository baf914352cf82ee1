"""The grids of full runs of both papers, a rule for each run of workflow/grid.yaml: one notebook, one file of records.

`make experiments` says which runs are missing and starts them through this file (workflow/experiments.py). A killed run
resumes from its checkpoint, a failed one stops only those that start from what it leaves. On a cluster or on several
GPUs: workflow/profiles.
"""

import math
import os
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir).parent))
from lib.study import grid

os.environ["PYTHONPATH"] = sys.path[0]
os.environ["OMP_NUM_THREADS"] = str(config.get("threads", 1))
GPU = [sys.executable, "-m", "workflow.gpu"] if config.get("device") == "cuda" and config.get("gpus") else []
RUNS = grid.read()
LONGEST = int(config.get("longest", 1440))  # minutes: the longest time limit that a job on a cluster asks for
MAKING = set(config.get("making", []))  # files that this call makes; a run waits for the one that it starts from


rule all:
    input:
        [run.out for run in RUNS if not run.closed],


for place, run in enumerate(RUNS):

    rule:
        name:
            f"run_{place}"
        input:
            ancient([run.notebook, *sorted({run.after} & MAKING)]),
        output:
            update(run.out),  # older records stay until the new ones are whole: Snakemake deletes other outputs first
        benchmark:
            f"{run.place}.benchmark.tsv"
        params:
            command=shlex.join([*GPU, *run.command(**config)]),
        resources:
            runtime=min(LONGEST, max(10, math.ceil(3 * run.cost(config.get("device", "cpu"))))),
        priority: len(RUNS) - place
        threads: int(config.get("threads", 1))
        shell:
            "{params.command}"

"""`make experiments PROFILE=...`: what a person reads of it, one run on each GPU, and profiles that Snakemake takes."""

import os
import re
import subprocess
import sys
import time

import pytest

from lib.study import grid
from workflow import experiments, gpu
from workflow.progress import Progress

RUNS = [
    grid.Run("small", "a test", "notebooks/experiments/starts.py", f"results/{name}.parquet", {}, minutes, None, "")
    for name, minutes in (("a", 60), ("b", 30), ("c", 120))
]
OUTS = [run.out for run in RUNS]


def test_each_event_is_a_line_that_counts_and_says_what_is_left():
    progress = Progress(RUNS, OUTS, cores=2, device="cpu")
    assert str(progress) == "0 of 3 done, 0 running, 0 failed, about 1.8 h left"  # 210 minutes, two at a time
    assert "started results/b.parquet" in progress.line("localrule run_1:\n")
    assert progress.line("rule run_0:\n").endswith("0 of 3 done, 2 running, 0 failed, about 82 min left")
    assert progress.line("Finished jobid: 7 (Rule: run_1)\n").endswith(
        "1 of 3 done, 1 running, 0 failed, about 75 min left"
    )
    assert "failed  results/a.parquet" in progress.line("Error in rule run_0:\n")
    assert str(progress) == "1 of 3 done, 0 running, 1 failed, about 60 min left"
    assert "started results/a.parquet" in progress.line("localrule run_0:\n")  # once more
    assert str(progress) == "1 of 3 done, 1 running, 0 failed, about 75 min left"


def test_what_ends_while_runs_are_stopped_has_not_failed():
    progress = Progress(RUNS, OUTS, cores=1, device="cpu")
    progress.line("localrule run_0:\n")
    progress.stopping = True
    assert "stopped results/a.parquet" in progress.line("Error in rule run_0:\n")
    assert str(progress) == "0 of 3 done, 0 running, 0 failed, about 3.5 h left"


def test_the_reason_of_a_failure_is_shown_and_nothing_else_of_the_engine():
    progress = Progress(RUNS, OUTS, cores=1, device="cpu")
    reason = "notebooks/experiments/small.py: cell 2: ValueError: no (see runs/a.failed.ipynb)\n"
    assert progress.line(reason) == reason.rstrip()
    for text in (
        "Building DAG of jobs...\n",
        "    input: notebooks/experiments/small.py\n",
        "\n",
        "Ours:  10%| 3/30\n",
    ):
        assert progress.line(text) is None


@pytest.mark.parametrize("profile", ["slurm", "local-gpu"])
def test_a_profile_says_how_many_runs_and_on_what(profile, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    cores, config = experiments.profiled(profile, 1, {"mixed": "yes"})
    on_gpus = {"device": "cuda", "mixed": "yes", "gpus": "true"}
    assert (cores, config) == {"slurm": (100, {"mixed": "yes", "longest": 1440}), "local-gpu": (2, on_gpus)}[profile]
    assert experiments.profiled("", 3, {}) == (3, {})
    assert experiments.profiled("local-gpu", 1, {"device": "cuda:1"})[1]["device"] == "cuda:1"  # as CONFIG says
    with pytest.raises(ValueError, match="PROFILE must be one of local-gpu, slurm, got 'pbs'"):
        experiments.profiled("pbs", 1, {})


def test_without_a_gpu_the_profile_for_gpus_is_refused(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(ValueError, match="there is no GPU"):
        experiments.profiled("local-gpu", 1, {})


def test_each_run_has_a_gpu_of_its_own_as_long_as_it_works(tmp_path):
    """Three runs on two GPUs: the third gets the one that is free first."""
    words = [sys.executable, "-m", "workflow.gpu", "sh", "-c"]
    show = "echo $CUDA_VISIBLE_DEVICES > {0}; while [ ! -e {0}-go ]; do sleep 0.05; done"
    env = os.environ | {"CUDA_VISIBLE_DEVICES": "4,7", "PYTHONPATH": str(grid.ROOT)}
    started = [subprocess.Popen([*words, show.format(name)], cwd=tmp_path, env=env) for name in "ab"]
    wait_for(lambda: all((tmp_path / name).exists() and (tmp_path / name).read_text() for name in "ab"))
    assert {(tmp_path / name).read_text() for name in "ab"} == {"4\n", "7\n"}
    started.append(subprocess.Popen([*words, show.format("c")], cwd=tmp_path, env=env))
    time.sleep(1.5)
    assert not (tmp_path / "c").exists()
    (tmp_path / "b-go").touch()
    wait_for(lambda: (tmp_path / "c").exists() and (tmp_path / "c").read_text())
    assert (tmp_path / "c").read_text() == (tmp_path / "b").read_text()
    for name in "ac":
        (tmp_path / f"{name}-go").touch()
    assert [process.wait(30) for process in started] == [0, 0, 0]


def wait_for(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_gpus_are_those_that_are_visible(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-ab/c,")
    assert gpu.gpus() == ["2", "GPU-ab/c"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ValueError, match="there is no GPU"):
        gpu.gpus()


@pytest.mark.parametrize(("config", "cores"), [({}, "2"), ({"threads": "3"}, "6")])
def test_so_many_runs_at_once_have_all_their_threads(config, cores, tmp_path, monkeypatch):
    """Snakemake counts cores: it would run fewer at once if it had no more of them than there are runs."""
    engine, told = tmp_path / "engine", tmp_path / "told"
    engine.write_text(f"#!/bin/sh\necho $@ >> {told}\n")
    engine.chmod(0o755)
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(experiments, "SNAKEMAKE", engine)
    with (tmp_path / "lock").open("w") as lock:
        assert experiments.start([grid.read()[0].out], 2, config, limit=None, lock=lock.fileno()) == 0
    assert f"--cores {cores} " in told.read_text().splitlines()[-1]


@pytest.mark.parametrize("profile", ["slurm"])
def test_snakemake_takes_the_profile(profile):
    command = [experiments.SNAKEMAKE, "--snakefile", "workflow/experiments.smk", "--dry-run", "--quiet", "all",
               "--nolock", "--profile", f"workflow/profiles/{profile}"]  # fmt: skip
    done = subprocess.run(command, cwd=grid.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("longest", "limit"), [((), 1440), (("--config", "longest=90"), 90)])
def test_a_job_asks_for_no_more_time_than_a_partition_grants_and_for_no_processors_but_its_threads(longest, limit):
    """The longest run of the grid, and one of some minutes."""
    outs = ["results/images/paper/stl10/ID-ExpO-LIME-S0.5.parquet", "results/fe/glass/Joint-lambda1.parquet"]
    command = [experiments.SNAKEMAKE, "--snakefile", "workflow/experiments.smk", "--dry-run", "--nolock", "--force",
               "--profile", "workflow/profiles/slurm", *longest, "--", *outs]  # fmt: skip
    told = subprocess.run(command, cwd=grid.ROOT, capture_output=True, text=True, check=True).stdout
    minutes = sorted(int(found) for found in re.findall(r"runtime=(\d+)", told))
    assert minutes[0] < 90
    assert minutes[-1] == limit
    assert "cpus_per_task" not in told  # which would take the place of threads


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--cores", "0"], "CORES must be at least 1, got 0"),
        (["--config", "devise=cuda"], "CONFIG sets device, mixed, .*, got 'devise=cuda'"),
        (["--config", "epochs=5"], "CONFIG sets .*, got 'epochs=5': what runs compute is for workflow/grid.yaml"),
        (["--config", "mixed=yes out=x"], "CONFIG sets .*, got 'out=x'"),
        (["--config", "checkpoint=x"], "CONFIG sets .*, got 'checkpoint=x'"),
        (["--config", "device"], "CONFIG: device must be cpu, cuda or cuda:1, got ''"),
        (["--config", "device=gpu"], "CONFIG: device must be cpu, cuda or cuda:1, got 'gpu'"),
        (["--config", "mixed=ja"], "CONFIG: mixed must be yes, no or auto, got 'ja'"),
        (["--config", "mixed=no mixed=yes"], "CONFIG must set mixed once, got 'no' and 'yes'"),
        (["--config", "threads=abc"], "CONFIG: threads must be a whole number of at least 1, got 'abc'"),
        (["--config", "threads=0"], "CONFIG: threads must be a whole number of at least 1, got '0'"),
        (["--config", "budget=-1"], "CONFIG: budget must be whole seconds, got '-1'"),
        (["--budget", "0m"], "BUDGET must be a time such as 10m, 1h30m or 45s, got '0m'"),
    ],
)
def test_a_word_that_nobody_takes_is_refused_before_anything_is_listed(words, reason, capsys):
    assert experiments.main(["--dry", *words]) == 1
    told = capsys.readouterr()
    assert not told.out
    assert re.search(f"make experiments: {reason}", told.err)


def test_how_the_runs_compute_is_taken_and_every_such_word_is_a_parameter_of_some_run():
    words = ["device=cuda:1", "mixed=yes", "threads=2", "tf32=true", "budget=60"]
    assert experiments.checked(words) == dict(word.split("=") for word in words)
    assert set(experiments.HOW) <= set().union(*(grid.experiment(run.notebook).parameters for run in grid.read()))

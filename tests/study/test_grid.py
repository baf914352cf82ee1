"""The grid: each record has its run, each run the parameters of its notebook; what is missing is found, in order."""

import math
import re
import signal
import subprocess
import sys

import jupytext
import pandas as pd
import pytest
import yaml

from lib.parameters import convert, defaults
from lib.study import claims_fe, claims_id, claims_images, grid, records
from workflow import experiments

RUNS = grid.read()
BLOCK = {
    "name": "small", "for": "a test", "notebook": "fewer_examples", "each": ["data", "method"],
    "out": "results/{data}-{method}.parquet", "set": {"stage1": "runs/{data}.pt"},
    "where": {"method": {"Joint": {"etas": 0}}}, "minutes": {"glass": {"Ours": [3, 0.5], "Joint": 2}},
}  # fmt: skip


def written(tmp_path, *blocks):
    """A grid.yaml of these blocks, read."""
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump(list(blocks), sort_keys=False))
    return grid.read(path)


def test_every_record_has_a_run():
    made = {str(path.relative_to(records.ROOT)) for path in (records.ROOT / "results").rglob("*.parquet")}
    assert made <= {run.out for run in RUNS}


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.out)
def test_a_run_gives_its_notebook_parameters_that_it_has_and_can_read(run):
    known = defaults(jupytext.read(grid.ROOT / run.notebook))
    for name, value in run.given.items():
        if name != "stage1" or run.notebook.endswith("fewer_examples.py"):
            convert(name, str(value), known[name])
    assert grid.experiment(run.notebook).parameters == tuple(known)
    assert run.minutes > 0
    assert run.purpose


def test_a_runs_own_values_go_before_those_of_its_block():
    """A block that takes another's settings may differ from it in what its runs are told apart by."""
    lime = next(run for run in RUNS if run.out.endswith("images/ID-ExpO-LIME-S0.5-A.parquet"))
    assert (lime.given["explainers"], lime.given["also"]) == ("LIME", "Grad-CAM")


@pytest.mark.parametrize("run", [run for run in RUNS if (records.ROOT / run.out).exists()], ids=lambda run: run.out)
def test_a_record_holds_what_its_run_says(run):
    """The values of the axes that the grid names are those in the file, column by column; on images, some of them."""
    columns = {"data": "dataset", "datasets": "dataset", "method": "method", "lambdas": "lam", "splits": "split"}
    columns |= {"explainers": "explainer", "S_values": "S", "deletion": "deletion", "lrs": "lr"}
    frame = pd.read_parquet(records.ROOT / run.out)
    if "trained" in frame:  # images: explanations that neither were trained nor chose an epoch are measured, too
        own = frame["trained"].where(frame["trained"] != "none", frame["explainer"])
        frame = frame[frame.get("criterion", own).fillna(own) == frame["explainer"]]
    started = run.notebook.endswith("pretraining_images.py")
    frame = frame if started else frame[frame["method"] != "pretrained"]
    given = dict(run.given)
    if run.grid == "many-images":  # so many that they are a data set of their own
        given["data"] += f"-{given['images']}"
    for name, value in given.items():
        if name in columns and value != "measured":  # the network at hand, which tells its own method
            held = {str(v) for v in frame[columns[name]]}
            said = {str(float(v)) if name in ("lambdas", "lrs") else v for v in str(value).split(",")}
            assert held <= said if run.grid.startswith("images") else held == said


def test_the_claims_that_runs_are_for_exist():
    """By the whole label: of a claim in parts, a part's."""
    known = claims_fe.CLAIMS.keys() | claims_id.CLAIMS.keys() | claims_images.CLAIMS.keys()
    named = {label for run in RUNS for label in re.findall(r"(?:FE|ID)-C\d+[a-z]?", run.purpose)}
    assert named
    assert named <= known


def test_a_run_starts_after_the_one_that_leaves_its_network():
    """On images every run does, but for the network that somebody else trained."""
    by = {run.out: run for run in RUNS}
    for run in RUNS:
        if "start" in run.given and run.grid != "images-paper-robust":
            assert by[run.after].given["weights"] == run.given["start"]
        else:
            assert not run.after
    assert by["results/images/paper/stl10/CE-only.parquet"].after == "results/images/paper/stl10/pretraining.parquet"


def test_the_papers_cells_on_images_say_how_many_trainings_they_hold():
    """Without the values of hyperparameters in the grid a file with one of them would count as whole."""
    held = {
        run.out.removeprefix("results/images/paper/cifar10/"): run.trainings for run in RUNS if "/cifar10/" in run.out
    }
    assert held["ID-ExpO-LIME-S0.3.parquet"] == 12
    assert (held["CE-only.parquet"], held["ExpO-S.parquet"], held["PGD-measured.parquet"]) == (2, 6, 1)


def test_a_block_is_a_run_for_each_leaf(tmp_path):
    ours, joint = written(tmp_path, BLOCK)
    assert (ours.out, ours.minutes, ours.cost("cuda"), joint.cost("cuda")) == ("results/glass-Ours.parquet", 3, 0.5, 2)
    assert ours.given == {"data": "glass", "method": "Ours", "stage1": "runs/glass.pt"}
    assert joint.given["etas"] == 0


def test_a_command_takes_what_the_grid_leaves_open_and_the_notebook_knows(tmp_path):
    words = written(tmp_path, BLOCK)[1].command(device="cuda", etas="1,2", mixed=True)
    given = dict(zip(words[words.index("-p") + 1 :: 3], words[words.index("-p") + 2 :: 3]))
    assert given == {
        "data": "glass", "method": "Joint", "etas": "0", "device": "cuda", "stage1": "runs/glass.pt",
        "checkpoint": "runs/glass-Joint.pt", "weights": "runs/weights", "out": "results/glass-Joint.parquet",
    }  # fmt: skip


@pytest.mark.parametrize("change", [{"minute": 3}, {"name": None}])
def test_a_block_with_a_wrong_key_is_refused(tmp_path, change):
    block = {key: value for key, value in (BLOCK | change).items() if value is not None}
    with pytest.raises(ValueError, match=f"see {next(iter(change))} of"):
        written(tmp_path, block)


def test_two_runs_of_one_file_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"glass-Joint.parquet, results/glass-Ours.parquet twice"):
        written(tmp_path, BLOCK, BLOCK)


def test_records_are_stale_when_missing_or_of_an_older_version(tmp_path):
    run = written(tmp_path, BLOCK)[0]
    notebook = tmp_path / run.notebook
    notebook.parent.mkdir(parents=True)
    notebook.write_text('# %% tags=["parameters"]\ndata = "glass"\n\n# %%\nVERSION = 2  # raised by hand\n')
    assert run.stale(tmp_path) == "missing"
    (tmp_path / "results").mkdir()
    for version, why in ((None, "of version 1, now 2"), ([1, 2], "of version 1, now 2"), (2, ""), (3, "")):
        frame = pd.DataFrame({"value": [1.0, 1.0]})
        frame = frame if version is None else frame.assign(experiment_version=version)
        frame.to_parquet(tmp_path / run.out)
        assert run.stale(tmp_path) == why
        assert run.left(root=tmp_path) == (run.minutes if why else 0)


# --- make experiments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600), ("1h30m", 5400), ("45s", 45), ("2h", 7200)])
def test_a_budget_is_a_time(text, seconds):
    assert experiments.seconds(text) == seconds


@pytest.mark.parametrize("text", ["10", "m", "ten", "5m1h"])
def test_a_budget_that_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="BUDGET must be a time such as 10m"):
        experiments.seconds(text)


def test_only_takes_runs_that_have_all_words():
    outs = [run.out for run, _ in experiments.missing("id-forms S0.3-B")]
    assert all("S0.3-B" in out for out in outs)
    with pytest.raises(ValueError, match="ONLY must name a run"):
        experiments.missing("id-forms glass")


def test_runs_start_in_order_as_far_as_the_time_goes(tmp_path):
    minutes = {"glass": dict(zip("abcd", (3, 1, 1, 5)))}
    runs = written(tmp_path, BLOCK | {"minutes": minutes})
    assert experiments.ends(runs, 2, "cpu", math.inf) == [3, 1, 2, 7]
    assert experiments.ends(runs, 2, "cpu", 2) == [3, 1, 2]
    assert experiments.ends(runs, 1, "cpu", 1) == [3]


def test_a_stop_ends_what_was_started():
    waiting = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    engine = subprocess.Popen([sys.executable, "-c", waiting], start_new_session=True, stderr=subprocess.DEVNULL)
    experiments.stop(engine)
    assert engine.returncode in (-signal.SIGINT, 1)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """`experiments.start` of an engine that says so and ends with 7."""

    def started(said):
        own = tmp_path / "engine"
        own.write_text(
            f"#!{sys.executable}\nimport sys\nif '--unlock' not in sys.argv:\n    print({said})\n    sys.exit(7)\n"
        )
        own.chmod(0o755)
        monkeypatch.setattr(experiments, "SNAKEMAKE", own)
        with experiments.alone() as lock:
            return experiments.start([RUNS[0].out], 1, {}, limit=60, lock=lock.fileno())

    monkeypatch.chdir(tmp_path)
    return started


def test_an_engine_ends_though_nobody_reads_what_it_says(engine, monkeypatch):
    class Closed:
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    assert engine("'localrule run_0:\\n' * 50_000") == 7
    assert len(experiments.LOG.read_text().splitlines()) == 50_001


def test_what_an_engine_says_is_shown_to_its_last_line(engine, capsys):
    assert engine("'a' * 9999 + '\\nlocalrule run_0:\\nerrors\\nFinished jobid: 1 (Rule: run_0)'") == 7
    assert ["1 of 1 done" in line for line in capsys.readouterr().out.splitlines()] == [False, True]


@pytest.mark.parametrize(("before", "after"), [("SIG_IGN", "SIG_IGN"), ("SIG_DFL", "default_int_handler")])
def test_a_lost_terminal_is_heard_unless_nohup_asked_not_to(before, after):
    own = {sent: signal.getsignal(sent) for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        signal.signal(signal.SIGHUP, getattr(signal, before))
        experiments.listen()
        assert signal.getsignal(signal.SIGHUP) == getattr(signal, after)
        assert signal.getsignal(signal.SIGTERM) == signal.default_int_handler
    finally:
        for sent, handler in own.items():
            signal.signal(sent, handler)


def test_a_folder_that_cannot_be_written_is_named_in_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "runs").write_text("in the way")
    monkeypatch.setattr(experiments, "listen", lambda: None)
    monkeypatch.setattr(experiments, "missing", lambda *_: [(RUNS[0], "missing")])
    monkeypatch.chdir(tmp_path)
    assert experiments.main([]) == 1
    assert capsys.readouterr().err == (
        "make experiments: runs/lock must be a file that can be written and locked, got: File exists\n"
    )


def test_two_calls_do_not_run_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with experiments.alone(), pytest.raises(ValueError, match="running already"), experiments.alone():
        pass


def test_a_file_of_images_may_hold_part_of_its_trainings(tmp_path):
    """It then is to be gone on with; one that is whole, or of an experiment that makes all at once, is not."""
    values = {"lams": "0.1,0.01", "lrs": "1e-3", "seeds": "0,1"}
    block = BLOCK | {"notebook": "insertion_deletion_images", "each": ["method"], "minutes": {"ID-ExpO": 3}}
    block |= {"out": "results/{method}.parquet", "set": values}
    (run,) = written(tmp_path, block)
    assert (run.resumes, run.trainings, run.made(tmp_path)) == (True, 4, 0)
    (tmp_path / "results").mkdir()
    rows = [{"method": "ID-ExpO", "config": config} for config in "aabc"] + [{"method": "pretrained", "config": "d"}]
    for configs, why in ((4, "3 of 4"), (5, "")):
        own = pd.DataFrame(rows + [{"method": "ID-ExpO", "config": "e"}] * (configs - 4))
        own.assign(experiment_version=1).to_parquet(tmp_path / run.out)
        (tmp_path / run.notebook).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / run.notebook).write_text((grid.ROOT / run.notebook).read_text())
        assert run.stale(tmp_path) == why
        assert run.left(root=tmp_path) == pytest.approx(3 / 4 if why else 0)  # minutes
    (other,) = written(tmp_path, block | {"notebook": "insertion_deletion_tabular"})
    assert (other.resumes, other.made(tmp_path)) == (False, 4)

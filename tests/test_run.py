"""The notebook runner takes known parameters of the right type, and leaves nothing half-written."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from lib import run

ROOT = Path(__file__).parents[1]

NOTEBOOK = """# %% tags=["parameters"]
sigma = 0.5  # spread
splits = 3
name: str = "vehicle"
quick = True
etas = [0, 1e-4]
seeds = [1, 2]
device = None

# %%
{body}
"""


@pytest.fixture
def source(tmp_path):
    def write(body="print(sigma, splits, name, quick, etas, seeds, device)"):
        path = tmp_path / "chapter.py"
        path.write_text(NOTEBOOK.format(body=body))
        return str(path)

    return write


def parameters(*pairs):
    return [word for name, value in pairs for word in ("-p", name, value)]


def printed(path):
    return nbformat.read(path, 4).cells[-1].outputs[0].text.strip()


def test_defaults_are_used_and_the_cells_keep_their_ids(source, tmp_path):
    for out in ("a.ipynb", "b.ipynb"):
        assert run.main([source(), str(tmp_path / out)]) == 0
    assert printed(tmp_path / "a.ipynb") == "0.5 3 vehicle True [0, 0.0001] [1, 2] None"
    a, b = (nbformat.read(tmp_path / out, 4) for out in ("a.ipynb", "b.ipynb"))
    assert [cell.id for cell in a.cells] == [cell.id for cell in b.cells]
    assert a.metadata.papermill.input_path == source()
    assert a.metadata.papermill.duration > 0


def test_values_take_the_type_of_the_default(source, tmp_path):
    given = parameters(
        ("sigma", "1e-3"), ("splits", "4"), ("name", "7"), ("quick", "false"), ("etas", "[0, 1]"), ("seeds", "5,6")
    )
    assert run.main([source(), str(tmp_path / "out.ipynb"), *given, *parameters(("device", "cuda"))]) == 0
    assert printed(tmp_path / "out.ipynb") == "0.001 4 7 False [0.0, 1.0] [5, 6] cuda"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("sigm", "1", "unknown parameter sigm, known are: sigma, splits, name, quick, etas, seeds, device"),
        ("sigma", "large", "parameter sigma takes float, as in 0.5, got 'large'"),
        ("splits", "2.5", "parameter splits takes int, as in 3, got '2.5'"),
        ("quick", "maybe", "parameter quick takes bool, as in True, got 'maybe'"),
        ("etas", "[0, small]", "parameter etas takes list, as in [0, 0.0001], got '[0, small]'"),
        ("seeds", "1,2.5", "parameter seeds takes list, as in [1, 2], got '1,2.5'"),
    ],
)
def test_a_wrong_parameter_is_one_line_and_no_file(source, tmp_path, capsys, name, value, reason):
    assert run.main([source(), str(tmp_path / "out.ipynb"), "-p", name, value]) == 1
    error = capsys.readouterr().err
    assert error.strip() == f"{source()}: {reason}"
    assert not list(tmp_path.glob("*.ipynb"))


def test_a_computed_default_is_refused(tmp_path, capsys):
    path = tmp_path / "chapter.py"
    path.write_text('# %% tags=["parameters"]\nsplits = list(range(3))\n')
    assert run.main([str(path), str(tmp_path / "out.ipynb")]) == 1
    assert "splits = list(range(3)) is not a plain value" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("a, b = 0.5, 1", "parameters cell: a, b = (0.5, 1) must be written as one `name = value` each"),
        ("a = {}\na['x'] = 1", "parameters cell: a['x'] = 1 must be written as one `name = value` each"),
        ("a = 1 +", "parameters cell: 'a = 1 +' is not Python"),
        ("a = {[]: 1}", "parameters cell: a = {[]: 1} is not a plain value"),
        ("a: int", "parameters cell: a: int is not a plain value"),
    ],
)
def test_a_parameters_cell_that_is_not_understood_is_one_line(tmp_path, capsys, cell, reason):
    path = tmp_path / "chapter.py"
    path.write_text(f'# %% tags=["parameters"]\n{cell}\n')
    assert run.main([str(path), str(tmp_path / "out.ipynb")]) == 1
    assert capsys.readouterr().err.strip() == f"{path}: {reason}"


def test_magics_and_chained_names_in_the_parameters_cell_are_understood(tmp_path):
    path = tmp_path / "chapter.py"
    path.write_text('# %% tags=["parameters"]\n%matplotlib inline\na = b = 1\n# %%\nprint(a, b)\n')
    assert run.main([str(path), str(tmp_path / "out.ipynb"), "-p", "b", "2"]) == 0
    assert printed(tmp_path / "out.ipynb") == "1 2"


def test_a_parameter_given_twice_is_refused(source, tmp_path, capsys):
    assert run.main([source(), str(tmp_path / "out.ipynb"), *parameters(("sigma", "1"), ("sigma", "2"))]) == 1
    assert "parameter sigma is given more than once" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.ipynb"))


def test_a_dead_kernel_is_named_with_its_cell(source, tmp_path, capsys):
    body = "import os; os._exit(9)\n\n# %%\nprint('after it')"
    assert run.main([source(body), str(tmp_path / "out.ipynb")]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    failed = tmp_path / "out.failed.ipynb"
    assert error == f"{source(body)}: cell 2: the kernel died, most often for want of memory (see {failed})"
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize(
    ("at_start", "reason"),
    [("import time; time.sleep(5)", "Kernel didn't respond in 1 seconds"),
     ("import os; os._exit(3)", "Kernel died before replying to kernel_info")],
)  # fmt: skip
def test_a_kernel_that_does_not_start_is_one_line(at_start, reason, source, tmp_path, capsys, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(at_start)  # which Python runs before anything else
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(run, "START", 1)
    assert run.main([source(), str(tmp_path / "out.ipynb")]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.endswith(f"the kernel did not start: {reason} (see {tmp_path / 'out.failed.ipynb'})")
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_so_in_one_line_and_leaves_no_kernel(sent, source, tmp_path):
    mark = tmp_path / "started"
    body = f"import os, pathlib, time; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); time.sleep(120)"
    words = [sys.executable, "-m", "lib.run", source(body), tmp_path / "out.ipynb"]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while not (mark.exists() and mark.read_text()):
            time.sleep(0.1)
        process.send_signal(sent)
        error = process.communicate(timeout=60)[1].strip()
    assert process.returncode == 1
    assert error == f"{source(body)}: stopped before it was done (see {tmp_path / 'out.failed.ipynb'})"
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_two_runs_do_not_make_one_notebook_at_once(source, tmp_path, capsys):
    go = tmp_path / "go"
    path = source(
        f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists():\n    time.sleep(0.1)\nprint(sigma)"
    )
    out, running = tmp_path / "out.ipynb", tmp_path / "out.failed.ipynb"
    first = subprocess.Popen([sys.executable, "-m", "lib.run", path, out, "-p", "sigma", "1"], cwd=ROOT)
    while not (running.exists() and '"papermill"' in running.read_text()):
        time.sleep(0.1)
    assert run.main([path, str(out), "-p", "sigma", "2"]) == 1
    assert f"out is being made by another run, which holds {running}" in capsys.readouterr().err
    go.touch()
    assert first.wait(60) == 0
    assert printed(out) == "1.0"
    assert run.main([path, str(out), "-p", "sigma", "2"]) == 0
    assert printed(out) == "2.0"


WORKER = """import subprocess, sys
worker = [sys.executable, "-c", "import time; print('at work', flush=True); time.sleep(60)"]
print(subprocess.Popen(worker, stdout=subprocess.PIPE, text=True).stdout.readline())"""


def test_nothing_that_a_notebook_has_started_is_interrupted_at_its_end(source, tmp_path):
    """A worker would report it on stderr, when all has gone well."""
    words = [sys.executable, "-m", "lib.run", source(WORKER), tmp_path / "out.ipynb"]
    told = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stderr
    assert "KeyboardInterrupt" not in told
    assert printed(tmp_path / "out.ipynb") == "at work"


def test_no_source_and_nothing_but_what_a_run_wrote_is_replaced(source, tmp_path, capsys):
    path = Path(source())
    mine = tmp_path / "mine.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")]), mine)
    shutil.copy(mine, tmp_path / "source.failed.ipynb")
    (tmp_path / "link.ipynb").symlink_to(path)
    (tmp_path / "text.ipynb").write_text("notes")
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    for given, out in [
        (path, path), (path, tmp_path / "out.txt"), (path, tmp_path / "link.ipynb"), (path, tmp_path / "text.ipynb"),
        (path, mine), (mine, mine), (path, tmp_path / "source.ipynb"),
    ]:  # fmt: skip
        assert run.main([str(given), str(out)]) == 1
        assert re.search(r"out must (end in .ipynb|not replace)", capsys.readouterr().err)
    assert run.main([str(tmp_path / "source.failed.ipynb"), str(tmp_path / "source.ipynb")]) == 1
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_an_executed_notebook_may_be_run_again_but_not_onto_itself(source, tmp_path, capsys):
    executed = tmp_path / "out.ipynb"
    assert run.main([source(), str(executed)]) == 0
    before = executed.read_bytes()
    assert run.main([str(executed), str(executed)]) == 1
    assert "out must not replace" in capsys.readouterr().err
    assert executed.read_bytes() == before


def test_what_a_killed_run_left_is_replaced(source, tmp_path):
    (tmp_path / "out.failed.ipynb").write_text('{"cells": [')
    assert run.main([source(), str(tmp_path / "out.ipynb")]) == 0


def test_a_path_may_have_spaces_and_braces_and_lib_is_found_from_any_folder(tmp_path):
    folder = tmp_path / "my {own} folder"
    folder.mkdir()
    (folder / "chapter.py").write_text("import lib.masks\nprint(lib.masks.__name__)\n")
    words = [sys.executable, "-m", "lib.run", "chapter.py", "out.ipynb"]
    subprocess.run(words, cwd=folder, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert printed(folder / "out.ipynb") == "lib.masks"
    words = [sys.executable, "-m", "lib.run", str(folder / "chapter.py"), str(folder / "again.ipynb")]
    subprocess.run(words, cwd=folder, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert printed(folder / "again.ipynb") == "lib.masks"


def test_a_failed_run_leaves_its_notebook_under_another_name_and_no_older_result(source, tmp_path, capsys):
    out, failed = tmp_path / "out.ipynb", tmp_path / "out.failed.ipynb"
    assert run.main([source(), str(out)]) == 0
    assert run.main([source("raise KeyError('gone')"), str(out)]) == 1
    assert not out.exists()
    assert "KeyError: 'gone'" in capsys.readouterr().err.splitlines()[-1]
    assert nbformat.read(failed, 4).cells[-1].outputs[0].ename == "KeyError"
    assert run.main([source(), str(out)]) == 0
    assert out.exists()
    assert not failed.exists()


def test_an_output_that_cannot_be_written_is_one_line(source, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run.main([source(), str(tmp_path / "file" / "out.ipynb")]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "value", ["out.ipynb", "./out.failed.ipynb", "folder/../out.ipynb", "~/out.parquet", "~me/out.parquet"]
)
def test_no_parameter_is_a_file_that_the_run_itself_writes_or_begins_with_a_tilde(
    source, tmp_path, capsys, monkeypatch, value
):
    """The executed notebook would take the place of the records that it has written."""
    path = source()
    monkeypatch.chdir(tmp_path)
    assert run.main([path, "out.ipynb", "-p", "name", value]) == 1
    assert "parameter name must be" in capsys.readouterr().err
    assert run.main([path, "vehicle"]) == run.main([path, "~/out.ipynb"]) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["chapter.py"]


def test_a_default_may_not_be_the_executed_notebook_either(tmp_path, capsys):
    path = tmp_path / "chapter.py"
    path.write_text(f'# %% tags=["parameters"]\nout = {str(tmp_path / "out.ipynb")!r}\n')
    assert run.main([str(path), str(tmp_path / "out.ipynb")]) == 1
    assert "parameter out must be another file than the executed notebook" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("README.md", "# Title", "the notebook must end in .py or .ipynb"),
        ("mine.csv", "a,b", "the notebook must end in .py or .ipynb"),
        ("empty.py", "", "the notebook must have a cell of code, and there is none to run"),
        ("prose.py", "# %% [markdown]\n# # Title\n", "the notebook must have a cell of code, and there is none to run"),
    ],
)
def test_what_is_no_notebook_is_not_run(tmp_path, capsys, name, content, reason):
    (tmp_path / name).write_text(content)
    assert run.main([str(tmp_path / name), str(tmp_path / "out.ipynb")]) == 1
    assert capsys.readouterr().err.strip() == f"{tmp_path / name}: {reason}"
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_this_library_comes_before_another_of_its_name(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "masks.py").write_text("")
    (tmp_path / "chapter.py").write_text("import lib.masks\nprint(lib.masks.__file__)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert run.main([str(tmp_path / "chapter.py"), str(tmp_path / "out.ipynb")]) == 0
    assert printed(tmp_path / "out.ipynb") == str(ROOT / "lib" / "masks.py")

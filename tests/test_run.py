"""The notebook runner takes known parameters of the right type, and leaves nothing half-written."""

import nbformat
import pytest

from lib import run

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

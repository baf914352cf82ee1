"""The executed references that nbval compares with: in step with their sources, and sharp.

nbval runs tests/reference/*.ipynb itself, `pytest --nbval tests/reference`. `make reference` writes them anew.
"""

import re
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import jupytext
import nbformat
import pytest

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "tests" / "reference"
SHORT = (  # computed in double precision, or from nothing random: the same digits anywhere
    "03_hard_choice", "04_models", "05_gates", "06_objective", "07_methods", "08_choosing", "09_explaining",
    "12_insertion_deletion", "13_soft_masks", "14_regularizers", "15_explainers", "16_gradcam",
    "17_stability_fidelity", "18_measuring", "31_paper_and_code",
)  # fmt: skip
SVG = "application/papermill.record/image/svg+xml", "image/svg+xml"


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def stripped(notebook):
    """Code and outputs alone, with `SVG` for each figure: nbval compares no images."""
    cells = []
    for number, cell in enumerate(code(deepcopy(notebook))):
        for output in cell.outputs:
            output.get("data", {}).update({kind: "SVG" for kind in SVG if kind in output.get("data", {})})
        tags = {"tags": cell.metadata.tags} if cell.metadata.get("tags") else {}
        cells.append(nbformat.v4.new_code_cell(cell.source, id=f"cell-{number}", metadata=tags, outputs=cell.outputs))
        cells[-1].execution_count = cell.execution_count  # nbval checks no cell without it
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


def regenerate():
    REFERENCE.mkdir(exist_ok=True)
    for name in SHORT:
        executed = nbformat.read(ROOT / "book" / "notebooks" / f"{name}.ipynb", as_version=4)
        nbformat.write(stripped(executed), REFERENCE / f"{name}.ipynb")


def test_every_short_chapter_has_a_reference_and_no_other():
    assert sorted(path.stem for path in REFERENCE.glob("*.ipynb")) == sorted(SHORT)


@pytest.mark.parametrize("name", SHORT)
def test_reference_has_the_code_of_its_source(name):
    source = jupytext.read(ROOT / "notebooks" / f"{name}.py")
    reference = nbformat.read(REFERENCE / f"{name}.ipynb", as_version=4)
    assert [cell.source for cell in code(reference)] == [cell.source for cell in code(source)], "make reference"


@pytest.mark.parametrize("name", SHORT)
def test_reference_holds_outputs_and_no_image(name):
    text = (REFERENCE / f"{name}.ipynb").read_text()
    assert '"execution_count": 1' in text
    assert '"outputs": [\n' in text
    assert "<svg" not in text
    assert "image/png" not in text  # figures are drawn as vector graphics
    assert str(ROOT) not in text


def with_one_number_changed(notebook):
    """The notebook up to its first printed number, and that number one too large in its last compared digit."""
    for place, cell in enumerate(notebook.cells):
        for output in cell.outputs:
            number = re.search(r"\d+\.\d{1,4}", output.get("text", ""))
            if number:
                digit = str((int(number[0][-1]) + 1) % 10)
                output.text = output.text[: number.end() - 1] + digit + output.text[number.end() :]
                return nbformat.v4.new_notebook(cells=notebook.cells[: place + 1], metadata=notebook.metadata)
    raise LookupError("no cell prints a number")


def test_a_changed_number_fails(tmp_path):
    reference = nbformat.read(REFERENCE / f"{SHORT[0]}.ipynb", as_version=4)
    nbformat.write(with_one_number_changed(reference), tmp_path / "changed.ipynb")
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "no:cacheprovider", "--nbval"]
    result = subprocess.run([*command, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "mismatch 'stdout'" in result.stdout
    assert re.search(r"\b1 failed", result.stdout)


if __name__ == "__main__":
    regenerate()

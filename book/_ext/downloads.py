"""Sphinx extension: a notebook that is downloaded says in its first cell what it needs to run."""

import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from workflow.needs import needs  # noqa: E402

CELL = """\
> **To run this notebook** you need the project that it comes from: its library `lib`, in an environment with Python
> 3.11 to 3.13. `make book` in the project's folder makes that environment in `.venv`, whose kernels find `lib` from
> anywhere. Run it from the project's folder{reads}.
>
> Data sets that are not shipped are read from the folder that the variable `DATA_DIR` names, by default `data` in the
> project's folder. Tables and images that are missing there are fetched where they can be."""


def needed(chapter: str) -> str:
    """The first cell of a chapter's download."""
    folders = sorted({"/".join(file.split("/")[:2]) for file in needs(chapter) if file.startswith("results/")})
    return CELL.format(reads=f", as it reads {', '.join(f'`{folder}`' for folder in folders)}" if folders else "")


def say(app, error):
    for path in Path(app.outdir).glob("_sources/notebooks/*.ipynb") if not error else ():
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell(needed(path.stem), id="needed"))
        notebook.metadata.pop("papermill", None)
        nbformat.write(notebook, path)


def setup(app):
    app.connect("build-finished", say)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

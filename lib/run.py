"""Run a text notebook with your own parameters: papermill, loud about mistakes.

    python -m lib.run notebooks/02_gates.py out.ipynb -p sigma 0.3 -p etas "[0, 1e-4]"

Only names that the notebook's `parameters` cell assigns are taken, and only values of the type found there. OUT appears
once the whole notebook has run. A run that fails, or is killed, leaves OUT's name ending in `.failed.ipynb` instead.
"""

import argparse
import ast
import os
import sys
from pathlib import Path

import jupytext
import nbformat
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook


def defaults(notebook) -> dict:
    """The names and values that the notebook's `parameters` cell assigns.

    Raises ValueError where such a value is computed, since it then has no type to convert a given one to.
    """
    values = {}
    for cell in notebook.cells:
        if "parameters" not in cell.metadata.get("tags", []):
            continue
        for statement in ast.parse(cell.source).body:
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
                try:
                    values[target.id] = ast.literal_eval(statement.value)
                except ValueError:
                    raise ValueError(f"parameters cell: {ast.unparse(statement)} is not a plain value") from None
    return values


def convert(name: str, text: str, default):
    """The value written in `text`, of the type of `default`; None as default takes any plain value.

    Lists are written `[0, 1e-4]` or `0,1e-4`. Raises ValueError naming the parameter, what it got and what it takes.
    """
    try:
        return _like(default, text.strip())
    except (ValueError, KeyError):
        takes = f"{type(default).__name__}, as in {default!r}"
        raise ValueError(f"parameter {name} takes {takes}, got {text!r}") from None


def _like(default, text: str):
    if isinstance(default, list | tuple):
        kinds = {type(item) for item in default}
        item = 0.0 if kinds == {int, float} else default[0] if len(kinds) == 1 else None
        return [_like(item, word.strip(" '\"")) for word in text.strip("[]()").split(",") if word.strip()]
    if isinstance(default, bool):
        return {"true": True, "false": False}[text.lower()]
    if default is not None:
        return type(default)(text)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def run(source: str, out: str, given: dict[str, str]) -> Path:
    """Execute the notebook `source` with the parameters `given` as text, and return the path of the executed one.

    Raises ValueError for an unknown parameter or a value of the wrong type, before anything is run or written, and
    PapermillExecutionError where a cell fails.
    """
    notebook = jupytext.read(source)
    known = defaults(notebook)
    for name in given:
        if name not in known:
            raise ValueError(f"unknown parameter {name}, known are: {', '.join(known) or 'none'}")
    values = {name: convert(name, text, known[name]) for name, text in given.items()}
    notebook = load_notebook_node(notebook)
    notebook = parameterize_notebook(notebook, values, kernel_name="python3", language="python") if values else notebook
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # jupytext and papermill draw new ones each time

    done, running = Path(out), Path(out).with_suffix(".failed.ipynb")
    running.parent.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    nbformat.write(notebook, running)
    notebook = execute_notebook(
        running,
        running,
        kernel_name="python3",
        progress_bar=sys.stderr.isatty(),
        stderr_file=sys.stderr,  # a training's own progress
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
    )
    notebook.metadata.papermill.update(input_path=str(source), output_path=str(out))
    nbformat.write(notebook, running)
    running.rename(done)
    return done


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lib.run", description="Run a notebook on parameters of your own.")
    parser.add_argument("notebook", help="a notebook as text (.py) or .ipynb")
    parser.add_argument("out", help="the executed notebook, .ipynb")
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="a parameter")
    options = parser.parse_args(arguments)
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")])
    )
    try:
        run(options.notebook, options.out, dict(options.p))
    except PapermillExecutionError as error:
        failed = Path(options.out).with_suffix(".failed.ipynb")
        reason = f"cell {error.exec_count}: {error.ename}: {error.evalue}".splitlines()[0] + f" (see {failed})"
    except (ValueError, OSError) as error:
        reason = str(error)
    else:
        return 0
    print(f"{options.notebook}: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

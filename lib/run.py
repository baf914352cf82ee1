"""Run a text notebook with your own parameters: papermill, loud about mistakes.

    python -m lib.run notebooks/05_gates.py out.ipynb -p sigma 0.3 -p etas "[0, 1e-4]"

Only names that the notebook's `parameters` cell assigns are taken, and only values of the type found there. OUT appears
once the whole notebook has run. A run that fails, or is killed, leaves OUT's name ending in `.failed.ipynb` instead.
Nothing but what a run wrote is ever replaced, and no two runs make one OUT at once.
"""

import argparse
import ast
import logging
import os
import re
import signal
import sys
from pathlib import Path

import jupytext
import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillException, PapermillExecutionError
from papermill.execute import execute_notebook
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from lib.writing import check_home, held

ROOT = Path(__file__).parents[1]
MAGIC = re.compile(r"^[%!].*$", re.MULTILINE)  # IPython's own lines, which assign no parameter


# --- Parameters ------------------------------------------------------------------------------------------------------


def defaults(notebook) -> dict:
    """The names and values that the notebook's `parameters` cell assigns.

    Raises ValueError where it assigns anything but plain values to plain names, since such a value has no type to
    convert a given one to.
    """
    values = {}
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            try:
                statements = ast.parse(MAGIC.sub("", cell.source)).body
            except SyntaxError as error:
                raise ValueError(f"parameters cell: {(error.text or '').strip()!r} is not Python") from None
            for statement in statements:
                if isinstance(statement, ast.Assign | ast.AnnAssign):
                    values |= _assigned(statement)
    return values


def _assigned(statement: ast.Assign | ast.AnnAssign) -> dict:
    """{name: value} of one assignment."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if not all(isinstance(target, ast.Name) for target in targets):
        raise ValueError(f"parameters cell: {ast.unparse(statement)} must be written as one `name = value` each")
    try:
        return dict.fromkeys((ast.unparse(target) for target in targets), ast.literal_eval(statement.value))
    except (ValueError, TypeError):
        raise ValueError(f"parameters cell: {ast.unparse(statement)} is not a plain value") from None


def convert(name: str, text: str, default):
    """The value written in `text`, of the type of `default`; None as default takes any plain value.

    Lists are written `[0, 1e-4]` or `0,1e-4`; what holds a comma or is itself a list needs Python's quotes and
    brackets. Raises ValueError naming the parameter, what it got and what it takes.
    """
    try:
        return _like(default, text.strip())
    except (ValueError, KeyError, SyntaxError, TypeError):
        takes = f"{type(default).__name__}, as in {default!r}"
        raise ValueError(f"parameter {name} takes {takes}, got {text!r}") from None


def _like(default, text: str):
    if isinstance(default, list | tuple):
        item = _item(default)
        return [_like(item, word) for word in _words(text, item)]
    if isinstance(default, bool):
        return {"true": True, "false": False}[text.lower()]
    if isinstance(default, str):
        if text == "None":
            raise ValueError  # nothing is written as the default is
        return text
    if isinstance(default, int | float):
        return type(default)(text)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if default is not None and type(value) is not type(default):
        raise ValueError
    return value


def _item(default: list | tuple):
    """What an item of such a list is like; None where its items differ."""
    kinds = {type(item) for item in default}
    if kinds and kinds <= {list, tuple}:
        return [item for items in default for item in items]
    return 0.0 if kinds == {int, float} else default[0] if len(kinds) == 1 else None


def _words(text: str, item) -> list[str]:
    """The items of a list as text, however it is written, each to be read like `item`."""
    inner = text[1:-1] if text[:1] + text[-1:] in ("[]", "()") else text
    if isinstance(item, list) or re.search(r"[\[\](){}'\"]", inner):  # nested or quoted: Python's own notation, whole
        value = ast.literal_eval(text)
        values = value if isinstance(value, list | tuple) else [value]
        if isinstance(item, list) and not all(isinstance(value, list | tuple) for value in values):
            raise ValueError
        return [value if isinstance(item, str) and isinstance(value, str) else repr(value) for value in values]
    words = [word.strip() for word in inner.split(",")]
    if text in ("[]", "()") or (len(words) > 1 and not words[-1]):
        words.pop()  # nothing, or a last comma
    if "" in words:
        raise ValueError
    return words


def lists(**values) -> list:
    """Values that must be lists, read from text where they are: plain papermill gives -p splits "[0]" as text.

    Raises ValueError naming the first that is no list, or has a value twice.
    """
    read = []
    for name, value in values.items():
        if isinstance(value, str):
            value = convert(name, value, [])
        if not isinstance(value, list | tuple | range):
            raise ValueError(f"{name} takes a list, as in [0, 1], got {value!r}")
        if len(set(map(str, value))) < len(value):
            raise ValueError(f"{name} must be different values, got {list(value)}")
        read.append(list(value))
    return read


# --- Running ---------------------------------------------------------------------------------------------------------


class Manager(AsyncKernelManager):
    """Ends a kernel without the interrupt that Jupyter sends first, unless the run is to stop.

    It would reach the processes that the notebook has started and left, too, and each would report it as an error, when
    all has gone well; so would a kernel that is late with its last message, which papermill does not wait for.
    """

    stopped = False

    async def _async_interrupt_kernel(self) -> None:
        if Manager.stopped:
            await super()._async_interrupt_kernel()


def _stop(number: int, frame) -> None:
    """A person's Ctrl-C, or a cluster's time limit: the cell that is running is interrupted, too."""
    Manager.stopped = True
    logging.disable()  # of what the stop breaks off
    signal.default_int_handler(number, frame)


def run(source: str, out: str, given: dict[str, str]) -> Path:
    """Execute the notebook `source` with the parameters `given` as text, and return the path of the executed one.

    Raises ValueError for an unknown parameter, a value of the wrong type or a file that is not to be replaced, before
    anything is run or written, and PapermillExecutionError where a cell fails.
    """
    notebook = opened(source)
    known = defaults(notebook)
    for name in given:
        if name not in known:
            raise ValueError(f"unknown parameter {name}, known are: {', '.join(known) or 'none'}")
    values = {name: convert(name, text, known[name]) for name, text in given.items()}
    done, running = Path(out), failed(out)
    for path in (done, running):
        check_out(path, source)
    check_files(known | values, done, running)
    notebook = load_notebook_node(notebook)
    notebook = parameterize_notebook(notebook, values, kernel_name="python3", language="python") if values else notebook
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # jupytext and papermill draw new ones each time

    busy = f"out is being made by another run, which holds {running}: wait for it, or give another name"
    with held(running, busy):
        done.unlink(missing_ok=True)
        nbformat.write(notebook, running)
        place = str(running).replace("{", "{{").replace("}", "}}")  # papermill fills braces in
        notebook = execute_notebook(
            place,
            place,
            kernel_name="python3",
            progress_bar=sys.stderr.isatty(),
            stderr_file=sys.stderr,  # a training's own progress
            coalesce_streams=True,
            extra_arguments=["--log-level=CRITICAL"],  # a kernel that is stopped finds its sockets closed, and says so
            kernel_manager_class=Manager,
        )
        notebook.metadata.papermill.update(input_path=str(source), output_path=str(out))
        nbformat.write(notebook, running)
        running.rename(done)
    return done


def opened(source: str) -> nbformat.NotebookNode:
    """The notebook in a file; ValueError unless it is a .py or .ipynb with something to run."""
    if Path(source).suffix not in (".py", ".ipynb"):
        raise ValueError("the notebook must end in .py or .ipynb")
    notebook = jupytext.read(source)
    if not any(cell.cell_type == "code" and cell.source.strip() for cell in notebook.cells):
        raise ValueError("the notebook must have a cell of code, and there is none to run")
    return notebook


def failed(out: str | Path) -> Path:
    """Where a run writes until it is done."""
    return Path(out).with_suffix(".failed.ipynb")


def check_out(path: Path, source: str) -> None:
    """ValueError unless `path` is free for a run: a name ending in .ipynb, of no file or of one that a run wrote."""
    check_home("out", path)
    if path.suffix != ".ipynb":
        raise ValueError(f"out must end in .ipynb, got {path}")
    if not path.exists():
        return
    try:
        ours = "papermill" in nbformat.read(path, nbformat.NO_CONVERT).metadata
    except (OSError, ValueError, AttributeError):
        ours = path == failed(path.with_suffix("").with_suffix(".ipynb"))  # a run that was killed while writing
    if not ours or path.samefile(source):
        raise ValueError(f"out must not replace {path}, which no run has written: give another name, or delete it")


def check_files(values: dict, *places: Path) -> None:
    """ValueError if a parameter is one of these files, which the run itself writes, or begins with ~."""
    for name, value in values.items():
        if isinstance(value, str) and value:
            check_home(f"parameter {name}", value)
            if Path(value).resolve() in [place.resolve() for place in places]:
                raise ValueError(f"parameter {name} must be another file than the executed notebook, got {value}")


def cell_of(notebook: Path) -> int:
    """The number of the code cell that was running last."""
    cells = [cell for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]
    return sum(cell.metadata.get("papermill", {}).get("start_time") is not None for cell in cells)


def main(arguments=None) -> int:
    """`run` from the command line: 0, or 1 and the reason in one line."""
    parser = argparse.ArgumentParser(prog="python -m lib.run", description="Run a notebook on parameters of your own.")
    parser.add_argument("notebook", help="a notebook as text (.py) or .ipynb")
    parser.add_argument("out", help="the executed notebook, .ipynb")
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="a parameter")
    options = parser.parse_args(arguments)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        if twice := {name for name, _ in options.p if [n for n, _ in options.p].count(name) > 1}:
            raise ValueError(f"parameter {', '.join(sorted(twice))} is given more than once")
        run(options.notebook, options.out, dict(options.p))
    except PapermillExecutionError as error:
        reason = f"cell {error.exec_count}: {error.ename}: {error.evalue}".splitlines()[0] + _see(options.out)
    except DeadKernelError:
        reason = (
            f"cell {cell_of(failed(options.out))}: the kernel died, most often for want of memory{_see(options.out)}"
        )
    except KeyboardInterrupt:
        reason = f"stopped before it was done{_see(options.out)}"
    except NoSuchKernel:
        reason = "there is no kernel python3: install requirements.lock (ipykernel brings it)"
    except (ValueError, OSError, PapermillException) as error:
        reason = str(error)
    else:
        return 0
    print(f"{options.notebook}: {reason}", file=sys.stderr)
    return 1


def _see(out: str) -> str:
    return f" (see {failed(out)})"


if __name__ == "__main__":
    sys.exit(main())

"""Run a text notebook with your own parameters: papermill, loud about mistakes.

    python -m lib.run notebooks/05_gates.py out.ipynb -p sigma 0.3 -p etas "[0, 1e-4]"

Only names that the notebook's `parameters` cell assigns are taken, and only values of the type found there. OUT appears
once the whole notebook has run. A run that fails, or is killed, leaves OUT's name ending in `.failed.ipynb` instead.
Nothing but what a run wrote is ever replaced, and no two runs make one OUT at once.
"""

import argparse
import logging
import os
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

from lib.parameters import convert, defaults
from lib.writing import check_home, held

ROOT = Path(__file__).parents[1]
START = 600  # seconds that a kernel may take to start, beside others on a busy machine, or from a network's disk


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
            start_timeout=START,
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
    except RuntimeError as error:  # jupyter_client's, of a kernel that died or was late before the first cell
        reason = f"the kernel did not start: {error}{_see(options.out)}"
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

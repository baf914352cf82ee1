"""Make each wrong change alone, in a temporary copy, and run the tests there until one fails.

    python -m tests.mutations              # all of them: an hour or so of one core
    python -m tests.mutations masks SGD    # those whose module or name contains one of these words

Prints `caught` and the test that noticed, or `MISSED`, a line each; the exit code is 1 if any was missed.
"""

import importlib
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.mutations import ROOT, every

READ = ("lib", "tests", "notebooks", "book", "workflow")  # by the tests that run here
# what is not about lib: the built book, its build, its pages, the environment, this list; and a GPU
LEFT_OUT = (
    "test_book", "test_references", "test_workflow", "test_docs", "test_environment", "test_mutations", "test_gpu",
)  # fmt: skip


def copy(folder: Path) -> None:
    """Everything that those tests read, in a folder of its own."""
    for part in READ:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
    (folder / "results").symlink_to(ROOT / "results")


def in_order(folder: Path, module: str) -> list[str]:
    """The test files, the one named after the module first, then those that speak of it most."""
    word = [part for part in Path(module).parts if part != "__init__"][-1]

    def distance(path: Path) -> tuple:
        return path.stem != f"test_{word}", -path.read_text().count(word), path

    files = [path for path in (folder / "tests").rglob("test_*.py") if path.stem not in LEFT_OUT]
    return [str(path) for path in sorted(files, key=distance)]


def run_tests(folder: Path, module: str) -> None:
    """In a process of its own: forget this checkout, then run the copy's tests."""
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1), os.dup2(log, 2)
    os.chdir(folder)
    sys.path[:] = [str(folder), *(p for p in sys.path if Path(p).resolve() != ROOT)]
    for name in [n for n in sys.modules if n.split(".")[0] in ("tests", "lib", "book")]:
        del sys.modules[name]
    options = [
        "-x",
        "-q",
        "--tb=no",
        "--no-header",
        "--rootdir",
        str(folder),
        "-p",
        "no:cacheprovider",
        "-p",
        "no:nbval",
    ]
    os._exit(pytest.main([*options, *in_order(folder, module)]))


def noticed(folder: Path, module: str) -> str | None:
    """The first test that fails there, or None."""
    child = os.fork()  # this process has imported what takes long
    if child == 0:
        run_tests(folder, module)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        return None
    log = (folder / "log").read_text()
    failed = re.search(r"^(?:FAILED|ERROR) (?:\S*tests/)?([\w./:]+)", log, re.MULTILINE)
    if not failed:
        raise SystemExit(f"the tests did not run:\n{log[-3000:]}")
    return failed[1]


def chosen(words: list[str]) -> list:
    """The changes whose module or name contains one of the words; all without words."""
    return [m for m in every() if not words or any(word in f"{m.module} {m.name}" for word in words)]


def main(words: list[str]) -> int:
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    for slow in ("torch", "scipy.stats", "sklearn.metrics", "pandas", "hypothesis", "jupytext", "torch._dynamo"):
        importlib.import_module(slow)
    changes, missed = chosen(words), []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        copy(folder)
        if failed := noticed(folder, "gates"):
            print(f"the tests fail without any change: {failed}")
            return 1
        for m in changes:
            path, started = folder / m.path, time.monotonic()
            right = path.read_text()
            path.write_text(m.applied(right))
            failed = noticed(folder, m.module)
            path.write_text(right)
            missed += [] if failed else [m.name]
            seconds = f"({time.monotonic() - started:.0f} s)"
            print(f"caught  {m.name}: {failed} {seconds}" if failed else f"MISSED  {m.name} {seconds}", flush=True)
    print(f"{len(changes) - len(missed)} of {len(changes)} caught" + "".join(f"\n  missed: {name}" for name in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

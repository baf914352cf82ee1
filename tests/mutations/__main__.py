"""Make each wrong change alone, in a temporary copy, and run the tests of its module there until one fails.

    python -m tests.mutations              # all of them: half an hour or so of one core
    python -m tests.mutations masks SGD    # those whose module or name contains one of these words
    python -m tests.mutations --all masks  # what the module's own tests let pass is tried with all other tests, too

A module's own tests lie at its own path: those of lib/training/engine.py in tests/training/test_engine.py, and in
test_engine_*.py beside it. They run once without a change, which tells what each takes; from then on the quickest come
first. Prints `caught` and the test that noticed, or `MISSED`, a line each; the exit code is 1 if any was missed.
"""

import argparse
import contextlib
import gc
import importlib
import json
import math
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest

from tests.mutations import ROOT, Mutation, every, own_tests

READ = ("lib", "tests", "notebooks", "book", "workflow")  # by the tests that run here
# what is not about lib: the built book, its build, its pages, the environment, this list; a GPU; and what takes minutes
LEFT_OUT = (
    "test_book", "test_references", "test_workflow", "test_docs", "test_environment", "test_mutations", "test_gpu",
    "test_faults_of_a_run", "test_faults_of_the_grid", "test_faults_of_records", "test_own_notebooks",
)  # fmt: skip
SLOW = (  # to import, and so imported once
    "torch", "torch._dynamo", "torchvision.models", "captum.attr", "pandas", "scipy.stats", "sklearn.metrics",
    "matplotlib.pyplot", "hypothesis", "jupytext",
)  # fmt: skip
LIMIT = 900  # seconds; a change may leave a loop without an end
OPTIONS = [
    "-x", "-q", "--tb=no", "--no-header", "--import-mode=importlib", "--assert=plain", "-p", "no:cacheprovider",
    "-p", "no:unraisableexception",  # collects garbage at its end, which takes longer than many a test
]  # fmt: skip


def copy(folder: Path) -> None:
    """Everything that those tests read, in a folder of its own."""
    for part in READ:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
    (folder / "results").symlink_to(ROOT / "results")


def others(module: str, root: Path) -> list[Path]:
    """All other tests of lib, those that speak most of the module first."""
    word = Path(module).name
    files = [path for path in (root / "tests").rglob("test_*.py") if path.stem not in LEFT_OUT]
    files = [path for path in files if path not in own_tests(module, root)]
    return sorted(files, key=lambda path: (-path.read_text().count(word), path))


class QuickestFirst:
    """A plugin of pytest that orders tests by what they took in an earlier run, which the file `path` tells."""

    def __init__(self, path: Path):
        self.path, self.seconds = path, Counter()
        self.known = json.loads(path.read_text()) if path.exists() else {}

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: self.known.get(item.nodeid, math.inf))

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self):
        self.path.write_text(json.dumps(dict(self.seconds) | self.known))


def run_tests(folder: Path, files: Sequence[Path]) -> None:
    """In a process of its own, and a group for what it starts: forget this checkout, then run the copy's tests."""
    os.setpgrp()
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1), os.dup2(log, 2)
    gc.freeze()  # what is imported already is no garbage
    os.chdir(folder)
    sys.path[:] = [str(folder), *(p for p in sys.path if Path(p).resolve() != ROOT)]
    for name in [n for n in sys.modules if n.split(".")[0] in ("tests", "lib", "book")]:
        del sys.modules[name]
    signal.alarm(LIMIT)
    os._exit(pytest.main([*OPTIONS, "--rootdir", str(folder), *map(str, files)], [QuickestFirst(folder / "seconds")]))


def noticed(folder: Path, files: Sequence[Path]) -> str | None:
    """The first test that fails there, or None."""
    child = os.fork()  # this process has imported what takes long
    if child == 0:
        run_tests(folder, files)
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # what its tests left running
    if code == 0:
        return None
    if code == -signal.SIGALRM:
        return f"no end after {LIMIT} s"
    log = (folder / "log").read_text()
    failed = re.search(r"^(?:FAILED|ERROR) (?:\S*tests/)?([\w./:]+)", log, re.MULTILINE)
    if not failed:
        raise SystemExit(f"the tests did not run:\n{log[-3000:]}")
    return failed[1]


def tried(change: Mutation, folder: Path, files: Sequence[Path]) -> bool:
    """Make one change, run these tests, print what came out: whether one noticed."""
    path, started = folder / change.path, time.monotonic()
    right = path.read_text()
    path.write_text(change.applied(right))
    failed = noticed(folder, files)
    path.write_text(right)
    result = f"caught  {change.name}: {failed}" if failed else f"MISSED  {change.name}"
    print(f"{result} ({time.monotonic() - started:.0f} s)", flush=True)
    return failed is not None


def main(words: Sequence[str], everything: bool) -> int:
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    sys.dont_write_bytecode = True
    for slow in SLOW:
        importlib.import_module(slow)
    changes = [m for m in every() if not words or any(word in f"{m.module} {m.name}" for word in words)]
    missed = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        copy(folder)
        for module, of_module in groupby(changes, lambda m: m.module):
            files = own_tests(module, folder)
            if failed := noticed(folder, files):
                print(f"{module}: a test fails without any change: {failed}")
                return 1
            files += others(module, folder) if everything else []
            missed += [m.name for m in of_module if not tried(m, folder, files)]
    print(f"{len(changes) - len(missed)} of {len(changes)} caught" + "".join(f"\n  missed: {name}" for name in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="parts of modules' and changes' names")
    parser.add_argument("--all", action="store_true", help="after the module's own tests all others, too")
    options = parser.parse_args()
    sys.exit(main(options.words, options.all))

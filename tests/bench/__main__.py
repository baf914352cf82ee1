"""`make bench`: see tests/bench/__init__.py."""

import argparse
import inspect
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from pathlib import Path

from lib.study import ratios
from lib.study.provenance import made_by
from tests.bench import DEVICE, Ratio, compared, fe, grid, id, images, many, memory, timed

ROOT = Path(__file__).parents[2]
PAIRS = {
    pair.__name__: pair
    for pair in (
        fe.fe_vehicle_60_runs, fe.fe_segment_10_runs, fe.fe_open_rows,
        id.id_lime_captum, id.id_metrics_loop, id.id_tabular_40_runs, id.id_mixed,
        images.id_gradcam_step, images.id_gradcam_exact, images.id_lime_step, images.id_image_metrics,
    )
}  # fmt: skip
OTHERS = {
    other.__name__: other for other in (memory.id_lime_memory, many.fe_rows_1e6, grid.grid_overhead, grid.resume_loss)
}
ON_A_GPU = {f"fe_{name}_model_epochs_per_second": name for name in ("glass", "vehicle", "segment")}


def against_plain(name: str, path: Path = ratios.FILE) -> str:
    """The line of a measure of this checkout, which is kept at `path`."""
    row = of_pairs(name) if name in PAIRS else {"value": round(one_number(name), 4)}
    act = PAIRS.get(name) or OTHERS.get(name) or fe.epochs_per_second
    about = {"label": " ".join(inspect.getdoc(act).split("\n\n")[0].split()), "date": date.today().isoformat()}
    ratios.keep({"measure": name} | row | about | made_by(DEVICE), path)
    return str(Ratio(row["low"], row["value"], row["high"])) if "low" in row else f"{row['value']:.2f}"


def of_pairs(name: str) -> dict:
    """The ratio of a pair, and what goes with it into a record."""
    pair = PAIRS[name]()
    low, value, high = (round(number, 4) for number in pair.ratio())
    threads = dict(zip(("plain_threads", "lib_threads"), pair.threads))
    return {"value": value, "low": low, "high": high, "floor": pair.floor} | threads


def one_number(name: str) -> float:
    return OTHERS[name]() if name in OTHERS else fe.epochs_per_second(ON_A_GPU[name])


# --- Before and after ------------------------------------------------------------------------------------------------


def serve(name: str) -> None:
    """Time lib's piece of work once for each line that is read, and print the seconds."""
    pair = PAIRS[name]()
    for _ in sys.stdin:
        print(timed(pair.lib, pair.threads[1]), flush=True)


@contextmanager
def served(name: str, root: Path) -> Iterator[Callable[[], float]]:
    """Seconds of lib's piece of work in a process of its own, of the checkout at `root`."""
    there = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "tests.bench", "--serve", name]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=root, env=there, **pipes) as process:

        def seconds() -> float:
            print(file=process.stdin, flush=True)
            return float(process.stdout.readline())

        try:
            yield seconds
        finally:
            process.stdin.close()


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A commit's files in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", commit, "lib", "tests", "notebooks"], cwd=ROOT, capture_output=True, check=True
        )
        subprocess.run(["tar", "--extract", "--directory", folder], input=archive.stdout, check=True)
        (Path(folder) / "lib" / "__init__.py").touch()  # or folders of another checkout on the path would join this lib
        yield Path(folder)


def against_before(name: str, before: Path) -> str:
    """How many times as fast lib does its piece of work now."""
    with served(name, before) as old, served(name, ROOT) as new:
        try:
            return str(compared(old, new))
        except (ValueError, BrokenPipeError):  # a process that ended has said why
            return "not measured: one of the two commits has no such piece of work, or it failed"


def main() -> None:
    parser = argparse.ArgumentParser(description="Time lib.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--before", default="")
    parser.add_argument("--serve", default="")
    given = parser.parse_args()
    if given.serve:
        return serve(given.serve)
    known = [*PAIRS] if given.before else [*PAIRS, *OTHERS, *(ON_A_GPU if DEVICE == "cuda" else ())]
    if unknown := set(given.names) - set(known):
        parser.error(f"ONLY must name measures among {', '.join(known)}, got {', '.join(unknown)}")
    print(f"device {DEVICE}", file=sys.stderr)
    with checkout(given.before) if given.before else nullcontext() as before:
        for name in given.names or known:
            line = against_before(name, before) if before else against_plain(name)
            print(f"{name:<22} {line}", flush=True)


if __name__ == "__main__":
    main()

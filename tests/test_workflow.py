"""The book's build: a page is made again when anything that it reads has changed, and for nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from workflow.needs import ROOT, chapters, needs

SNAKEMAKE = Path(sys.executable).with_name("snakemake")


def chapter(part):
    """The name of the chapter whose title ends in `part`, whatever its number."""
    return next(name for name in chapters() if name.endswith(part))


@pytest.mark.parametrize("name", chapters())
def test_what_a_chapter_needs_is_there(name):
    files = needs(name)
    assert {f"notebooks/{name}.py", "lib/run.py"} <= set(files)
    assert all((ROOT / file).is_file() for file in files)


@pytest.mark.parametrize(
    ("part", "needed"),
    [
        ("speed", "tests/plain.py"),
        ("speed", f"notebooks/{chapter('_explainers')}.py"),
        ("your_network", "notebooks/experiments/fewer_examples.py"),
        ("readings", "notebooks/experiments/readings.py"),
        ("readings", "results/readings/glass.parquet"),
        ("tables", "results/single/collins.parquet"),
        ("claims", "results/id/collins/CE-only.parquet"),
        ("claims", "results/images/CE-only-A.parquet"),
        ("22_images", "results/images/copies-A.parquet"),
        ("22_images", "workflow/grid.yaml"),
        ("speed_id", "results/bench/ratios.csv"),
        ("models", "lib/nets/__init__.py"),
        ("models", "lib/data/shipped/glass.csv"),
    ],
)
def test_a_page_needs_all_that_it_reads(part, needed):
    assert needed in needs(chapter(part))


def test_a_page_needs_no_records_that_it_does_not_name():
    assert not any(file.startswith("results") for file in needs(chapter("gates")))
    assert not any(file.startswith("results/readings") for file in needs(chapter("_tables")))


@pytest.mark.parametrize("file", ["Snakefile", "experiments.smk"])
def test_snakemake_reads_the_workflow(file, tmp_path):
    command = [SNAKEMAKE, "--snakefile", ROOT / "workflow" / file, "--cores", "1", "--dry-run", "--quiet", "all"]
    done = subprocess.run([*command, "--nolock"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

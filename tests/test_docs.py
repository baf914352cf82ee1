"""What the prose pages name exists: files, folders, make targets."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *ROOT.glob("*.md"),
    *(page for page in (ROOT / "book").glob("*.md") if page.stem not in ("equations", "status")),
]
FOLDERS = ("lib", "tests", "book", "workflow", "notebooks", "results")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page):
    named = re.findall(rf"(?<![\w/])(?:{'|'.join(FOLDERS)})/[\w/.-]*\w", page.read_text())
    named = [name for name in named if not name.startswith(("book/notebooks", "notebooks/NN_name"))]
    assert not [name for name in named if not (ROOT / name).exists() and not (ROOT / name).with_suffix(".py").exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_that_a_page_names_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z]+)", page.read_text(), re.MULTILINE)) <= targets

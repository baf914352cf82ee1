"""What the prose pages name exists: files, folders, make targets; chapters keep their shape and lose no text."""

import re
from pathlib import Path

import jupytext
import pytest

from book import pages

ROOT = Path(__file__).parents[1]
PAGES = [
    *ROOT.glob("*.md"),
    *(page for page in (ROOT / "book").glob("*.md") if page.stem not in ("equations", "faults", "status")),
]
FOLDERS = ("lib", "tests", "book", "workflow", "notebooks", "results")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page):
    named = re.findall(rf"(?<![\w/])(?:{'|'.join(FOLDERS)})/[\w/.-]*\w", page.read_text())
    named = [name for name in named if not name.startswith(("book/notebooks", "notebooks/NN_name"))]
    assert not [name for name in named if not (ROOT / name).exists() and not (ROOT / name).with_suffix(".py").exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_that_a_page_names_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z-]+)", page.read_text(), re.MULTILINE)) <= targets


def test_the_table_of_faults_has_a_row_for_each_test():
    rows = pages.faults().splitlines()[2:]
    tests = [name for path in (ROOT / "tests" / "faults").glob("test_*.py")
             for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)]  # fmt: skip
    names = [f"test_{row.split('|')[3].strip().replace(' ', '_')}" for row in rows]
    assert sorted(names) == sorted(tests)
    assert all(row.count("|") == 4 for row in rows)


TEACHING = sorted(path for path in (ROOT / "notebooks").glob("[01]?_*.py") if 3 <= int(path.name[:2]) != 11)


@pytest.mark.parametrize("page", TEACHING, ids=lambda page: page.stem)
def test_a_chapter_opens_with_its_symbols_and_closes_with_what_was_learned(page):
    opening, *rest = page.read_text().split('# %% tags=["parameters"]')
    assert re.search(
        r"^# \| symbol \| \| shape \|\n# \| --- \| --- \| --- \|\n(# \|.*\|.*\|.*\|\n){3,}", opening, re.MULTILINE
    )
    assert "".join(rest).count("\n# ## What was learned\n") == 1


@pytest.mark.parametrize("page", TEACHING, ids=lambda page: page.stem)
def test_a_chapter_folds_its_imports_away(page):
    assert not re.findall(r"^# %%\n(?=import |from )", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", sorted((ROOT / "notebooks").rglob("*.py")), ids=lambda path: path.stem)
def test_no_text_is_lost_on_the_line_that_opens_a_cell(page):
    """What stands behind `# %% [markdown]` there is the cell's title, which no page shows."""
    assert [cell.metadata["title"] for cell in jupytext.read(page).cells if "title" in cell.metadata] == []

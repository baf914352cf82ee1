"""What the book's extensions add: excerpts of a search without a server, notebooks that say what they need, links."""

import re

import nbformat
import pandas as pd
import pytest
from docutils import nodes

from book._ext import downloads, excerpts, repository
from tests.test_book import HTML, browser  # noqa: F401
from workflow.needs import chapters


def test_the_text_of_a_page_leaves_out_what_is_not_read():
    page = nodes.section("", nodes.paragraph("", "a gate\nis shut"), nodes.raw("", "[1, 2]", format="html"))
    assert excerpts.text_of(page) == "a gate is shut"


@pytest.mark.parametrize("name", chapters())
def test_a_notebook_says_what_it_needs(name):
    assert all(word in downloads.needed(name) for word in ("`lib`", "`DATA_DIR`", "`make book`"))


def test_a_notebook_says_which_records_it_reads():
    gates, claims = (next(name for name in chapters() if name.endswith(part)) for part in ("_gates", "_claims"))
    assert "results" not in downloads.needed(gates)
    assert "as it reads `results/fe`, `results/fewer`, `results/forms`, `results/id`" in downloads.needed(claims)


def test_downloads_begin_with_what_they_need():
    files = sorted((HTML / "_sources" / "notebooks").glob("*.ipynb"))
    if not files:
        pytest.skip("no book to test: make book")
    for path in files:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert notebook.cells[0].source == downloads.needed(path.stem)
        assert "papermill" not in notebook.metadata


@pytest.mark.parametrize("name", ["00_findings", "01_claims", "11_results", "20_what_works", "21_tables", "22_images"])
def test_what_figures_were_drawn_from_lies_beside_them(name):
    """Each figure of a page of records links to its rows, and the file can be read."""
    path = HTML / "notebooks" / f"{name}.html"
    if not path.exists():
        pytest.skip("no book to test: make book")
    figures = re.findall(r"<figure.*?</figure>", path.read_text(), re.S)
    assert figures
    for figure in figures:
        (link,) = re.findall(r'href="([^"]+\.csv)"', figure)
        assert len(pd.read_csv(path.parent / link))


def test_a_search_from_a_disk_shows_excerpts(browser):  # noqa: F811
    """The page is opened as a file, where no other page can be read."""
    tab = browser.new_page()
    failed = []
    tab.on("console", lambda message: message.type == "error" and failed.append(message.text))
    tab.goto((HTML / "search.html").as_uri() + "?q=missingness")
    tab.locator("#search-results p.context").first.wait_for()
    found = tab.locator("#search-results p.context").all_inner_texts()
    tab.close()
    assert any("missingness" in text.lower() for text in found)
    assert not failed


def test_pages_link_to_their_sources_where_there_is_an_address(monkeypatch):
    address, context = "https://github.com/owner/name", {"theme_extra_footer": "<p>Built.</p>"}
    monkeypatch.delenv("BOOK_REPOSITORY", raising=False)
    repository.add(None, "notation", "page.html", context, None)
    assert context == {"theme_extra_footer": "<p>Built.</p>"}
    monkeypatch.setenv("BOOK_REPOSITORY", address + "/")
    repository.add(None, "notation", "page.html", context, None)
    assert context["theme_extra_footer"].startswith(
        f'<p>Built.</p><p>Source: <a href="{address}/blob/main/book/notation.md">'
    )
    assert "Binder" not in context["theme_extra_footer"]
    chapter = repository.links(f"notebooks/{chapters()[0]}", address)
    assert f"/blob/main/notebooks/{chapters()[0]}.py" in chapter
    assert f"mybinder.org/v2/gh/owner/name/main?urlpath=lab%2Ftree%2Fnotebooks%2F{chapters()[0]}.py" in chapter
    assert repository.links("equations", address) == repository.links("search", address) == ""

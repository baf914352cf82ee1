"""The book on paper: one PDF with an outline of all headings, from a page without its buttons."""

import re
from pathlib import Path

import pytest
from pypdf import PdfReader

from book import pdf
from tests.test_book import unavailable

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "_build" / "book.pdf"
PAGE = """<!doctype html><title>A book</title><h1>Masks and gates</h1><p class="headerlink">do not print</p>
<div class="toctree-wrapper"><section><h2>Gates</h2><p>A choice.</p><h3>One draw</h3></section>
<section><h2>Masks</h2><p>Another one.</p>
<details class="sd-dropdown"><summary>More</summary><p>Unfolded.</p></details>
<details class="above-input"><summary>Code</summary><p>Left folded.</p></details></section></div>"""


def letters(text):
    """A heading that was wrapped loses the blank there."""
    return re.sub(r"\W", "", text)


def outline(reader):
    """The titles of all headings, whatever their depth."""
    found, left = [], list(reader.outline)
    while left:
        entry = left.pop(0)
        if isinstance(entry, list):
            left = entry + left
        else:
            found.append(" ".join(entry.title.split()))
    return found


def test_a_page_becomes_a_pdf_with_its_headings(tmp_path):
    try:
        pdf.browser()
    except ValueError as error:
        unavailable(str(error))
    (tmp_path / "page.html").write_text(PAGE)
    reader = PdfReader(pdf.write(tmp_path / "page.html", tmp_path / "out.pdf"))
    assert outline(reader) == ["Masks and gates", "Gates", "One draw", "Masks"]
    texts = [page.extract_text() for page in reader.pages]
    assert len(texts) == 3  # each chapter begins a page
    assert "A choice." in texts[1]
    assert "Another one." in texts[2]
    assert "Unfolded." in texts[2]
    for hidden in ("do not print", "Left folded."):
        assert hidden not in "".join(texts)


def test_without_a_browser_it_says_so(monkeypatch):
    monkeypatch.setattr(pdf, "BROWSERS", ("no-such-browser",))
    with pytest.raises(ValueError, match="needs Chromium"):
        pdf.browser()


def test_the_whole_book_lies_where_its_figures_are(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "first.html").write_text(PAGE)
    (tmp_path / "toc.yml").write_text("root: notebooks/first")
    page = pdf.whole(tmp_path, tmp_path / "toc.yml")
    assert page.parent == tmp_path
    assert page.read_text() == PAGE


@pytest.mark.skipif(not BOOK.exists(), reason="no PDF to test: make pdf")
def test_the_pdf_holds_all_chapters():
    found = " ".join(outline(PdfReader(BOOK)))
    for path in (ROOT / "notebooks").glob("[0-9]*.py"):
        title = re.search(r"^# # (.+)$", path.read_text(), re.MULTILINE)[1]
        assert letters(title) in letters(found), title

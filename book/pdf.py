"""The book as one PDF, `make pdf`: Chromium prints the single page that Sphinx makes of all chapters."""

import shutil
import sys
from pathlib import Path

import yaml
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu"]
PRINT = """
.bd-header, .bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .bd-footer, .prev-next-footer,
#jb-print-docs-body, .records, .headerlink, .copybtn { display: none !important; }
body, pre, code { font-size: 10pt; }
.toctree-wrapper > section { break-before: page; }
figure, table, .math { break-inside: avoid; }
.bd-main .bd-content .bd-article h1:first-of-type { display: block; } /* which the theme replaces by its own */
div.pst-scrollable-table-container, div.math mjx-container, figure { background: none; } /* no cue to scroll */
mjx-container svg * { stroke: none; } /* a line of width 0 is printed as the thinnest that there is */
.cell_output, .cell_input pre, .math { overflow: hidden; white-space: pre-wrap; }
"""
UNFOLD = "document.querySelectorAll('details.sd-dropdown').forEach((e) => { e.open = true; })"  # code stays folded


def browser() -> str:
    """Chromium's path. ValueError where there is none."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise ValueError("a PDF needs Chromium: install it (on Debian: apt install chromium)")


def write(page: Path, out: Path, *, minutes: float = 10) -> Path:
    """Print an HTML page as a PDF with an outline of its headings, once its formulas are drawn."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=FLAGS)
        tab = chromium.new_context(offline=True, color_scheme="light").new_page()
        tab.set_default_timeout(60_000 * minutes)
        tab.goto(page.absolute().as_uri())
        tab.add_style_tag(content=PRINT)
        tab.evaluate(UNFOLD)
        tab.evaluate("async () => { await window.MathJax?.startup?.promise; await document.fonts.ready; }")
        margin = dict.fromkeys(("top", "bottom", "left", "right"), "18mm")
        tab.pdf(path=out, format="A4", margin=margin, outline=True, tagged=True, print_background=True)
        chromium.close()
    return out


def whole(folder: Path, toc: Path = ROOT / "book" / "_toc.yml") -> Path:
    """The single page that Sphinx made, where its links to styles and figures lead: at the folder's root."""
    first = yaml.safe_load(toc.read_text())["root"]
    return Path(shutil.copy(folder / f"{first}.html", folder / "book.html"))


if __name__ == "__main__":
    print(write(whole(Path(sys.argv[1])), Path(sys.argv[2])))

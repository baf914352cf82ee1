"""The built book in a real browser, with no network: formulas, links, figures, and the rules of `view.js`.

`make test` builds the book first. Where there is no Chromium these tests are skipped; with CI=true they fail.
"""

import math
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from playwright.sync_api import sync_playwright
from scipy.stats import norm

from book import pages as generated

HTML = Path(__file__).parents[1] / "_build" / "html"
VIEWS = [(width, theme) for width in (1280, 390) for theme in ("light", "dark")]  # a desk and a phone
RULES = (Path(__file__).parent / "view.js").read_text()
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]

SETTLE = """async () => {
  if (window.MathJax?.startup) await MathJax.startup.promise.catch(() => 0);
  await document.fonts.ready;
}"""
THEME = """(theme) => {
  document.documentElement.dataset.theme = theme;
  document.querySelectorAll("details").forEach((e) => { e.open = true; });
  document.getAnimations().forEach((a) => a.finish());
}"""
FACTS = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  return {
    math: all('.math').length,
    drawn: all('.math mjx-container svg').length,
    wrong: all('[data-mml-node=merror]').map((e) => e.textContent),
    text: document.querySelector('main').innerText,
    ids: all('[id]').map((e) => e.id),
    links: all('a[href]').map((e) => e.href),
    images: all('main img').map((e) => [e.src, e.alt, e.naturalWidth]),
    number: all('.math .eqno').map((e) => e.textContent),
  };
}"""


def unavailable(reason):
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium with a profile of its own and no network."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        unavailable("no browser: install Chromium (on Debian: apt install chromium) to test the built book")
    if not (HTML / "index.html").exists():
        unavailable("no book to test: make book")
    with sync_playwright() as playwright:
        profile = tmp_path_factory.mktemp("profile")
        browser = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=FLAGS, offline=True
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def book(browser):
    """What each page of the book shows and asks for: {page: facts}, pages named by their path. Each is loaded once."""
    written = [path for path in HTML.rglob("*.html") if "_static" not in path.parts]
    return {path: visit(browser, path) for path in sorted(written) if path.name != "index.html"}


def visit(browser, path):
    tab = browser.new_page()
    asked, failed, errors = [], [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("requestfailed", lambda request: failed.append(request.url))
    tab.on("console", lambda message: message.type == "error" and errors.append(message.text))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(path.as_uri())
    tab.evaluate(SETTLE)
    facts = tab.evaluate(FACTS)
    broken = {view: seen(tab, *view) for view in VIEWS}
    tab.close()
    return facts | {"asked": asked, "failed": failed, "errors": errors, "broken": broken}


def seen(tab, width, theme):
    """{rule: what breaks it} at this width in this theme."""
    tab.set_viewport_size({"width": width, "height": 844})
    tab.evaluate(THEME, theme)
    return {rule: found for rule, found in tab.evaluate(RULES).items() if found}


def problems(book, find):
    """{page: what `find` finds wrong with it}, for pages where it finds anything."""
    found = {path.relative_to(HTML).as_posix(): find(path, facts) for path, facts in book.items()}
    return {page: wrong for page, wrong in found.items() if wrong}


def test_every_formula_is_drawn(book):
    def undrawn(path, facts):
        written = len(re.findall(r"\bmath notranslate", path.read_text()))
        return facts["drawn"] != written and f"{facts['drawn']} of {written} formulas drawn"

    assert problems(book, undrawn) == {}
    assert problems(book, lambda _, facts: facts["wrong"]) == {}
    assert problems(book, lambda _, facts: re.findall(r"\\[(\[]|\\[a-zA-Z]+\{|\$\$", facts["text"])) == {}
    assert sum(facts["drawn"] for facts in book.values()) > len(generated.LABELS)


def test_every_equation_shows_the_papers_number_once(book):
    numbers = [number.strip("#").strip("()") for facts in book.values() for number in facts["number"]]
    assert sorted(numbers) == sorted(generated.LABELS)


def test_no_page_asks_the_network_for_anything(book):
    def outside(_, facts):
        return [url for url in facts["asked"] if not url.startswith(("file:", "data:"))] + facts["failed"]

    assert problems(book, outside) == {}


def test_no_page_logs_an_error(book):
    assert problems(book, lambda _, facts: facts["errors"]) == {}


def test_every_local_link_leads_somewhere(book):
    def dead(_, facts):
        for link in set(facts["links"]):
            url, anchor = urldefrag(link)
            target = Path(unquote(url.removeprefix("file://")))
            if url.startswith("file:") and not target.is_file():
                yield link
            elif target in book and anchor and unquote(anchor) not in book[target]["ids"]:
                yield link

    assert problems(book, lambda path, facts: list(dead(path, facts))) == {}


def test_every_figure_is_loaded_and_described(book):
    def undescribed(_, facts):
        return [
            (source, alt)
            for source, alt, width in facts["images"]
            if not width or len(alt) < 10 or alt.endswith((".png", ".svg"))
        ]

    assert problems(book, undescribed) == {}


def test_every_table_is_shown_whole(book):
    """pandas leaves out rows beyond a number of them, and says how many there are."""
    left_out = re.compile(r"\d+ rows × \d+ columns")
    assert problems(book, lambda path, _: left_out.findall(path.read_text())) == {}


@pytest.mark.parametrize(("width", "theme"), VIEWS)
def test_every_page_keeps_the_rules(book, width, theme):
    assert problems(book, lambda _, facts: facts["broken"][width, theme]) == {}


def test_the_two_knobs_of_softness_move_by_keyboard(browser):
    """One step each: the noise's spread and the temperature change, and with them what is said and drawn."""
    tab = browser.new_page()
    tab.goto((HTML / "notebooks" / "03_hard_choice.html").as_uri())
    gate, soft = tab.locator("#choice-player figure").all()
    for figure, before, after, says in (
        (gate, "σ = 0.5", "σ = 0.75", f"Exactly 0 in {100 * norm.cdf(0.25 / 0.75):.0f}% of draws"),
        (soft, "T = 4", "T = 8", f"{1 / (1 + math.exp(8 * 0.5)):.3f} is let in"),
    ):
        slider, drawn = figure.locator("input"), figure.locator(".curve").get_attribute("d")
        assert figure.locator("output").inner_text() == before
        slider.focus()
        slider.press("ArrowRight")
        assert figure.locator("output").inner_text() == slider.get_attribute("aria-valuetext") == after
        assert says in figure.locator(".says").inner_text()
        assert figure.locator(".curve").get_attribute("d") != drawn
    tab.close()

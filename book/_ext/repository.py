"""Sphinx extension: with an address in BOOK_REPOSITORY, pages link to their sources and chapters to Binder.

    BOOK_REPOSITORY=https://github.com/OWNER/NAME make book

Binder installs environment.yml and opens the text notebook in JupyterLab. Without an address there are no such links.
"""

import os
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).parents[2]
BRANCH = "main"
GENERATED = ("equations", "status")


def source(pagename: str) -> str:
    """The file that a page was made from, from the project's folder; nothing for those that are generated."""
    places = (f"{pagename}.py", f"book/{pagename}.md") if pagename not in GENERATED else ()
    return next((place for place in places if (ROOT / place).is_file()), "")


def links(pagename: str, repository: str) -> str:
    """A paragraph for the foot of a page."""
    if not (place := source(pagename)):
        return ""
    said = f'Source: <a href="{repository}/blob/{BRANCH}/{place}">{place}</a>.'
    owner_and_name = repository.partition("github.com/")[2]
    if place.endswith(".py") and owner_and_name:
        url = f"https://mybinder.org/v2/gh/{owner_and_name}/{BRANCH}?urlpath={quote(f'lab/tree/{place}', safe='')}"
        said += f' <a href="{url}">Run it on Binder</a>.'
    return f"<p>{said}</p>"


def add(app, pagename, templatename, context, doctree):
    if repository := os.environ.get("BOOK_REPOSITORY", "").rstrip("/"):
        context["theme_extra_footer"] = context.get("theme_extra_footer", "") + links(pagename, repository)


def setup(app):
    app.connect("html-page-context", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Sphinx extension: search results with excerpts also where a page may not read other pages, as from file://.

Sphinx' search fetches each page that it found, to cut an excerpt out of it. A browser forbids that to a page that was
opened from a disk. So the texts of all pages lie in one script, which the search page alone loads.
"""

import json
from html import escape
from pathlib import Path

from docutils import nodes

FILE = "excerpts.js"
SCRIPT = """\
// The text of each page, for the excerpts of a search that was opened from a disk, where pages cannot be fetched.
if (location.protocol === "file:") {
  const texts = %s;
  const root = new URL(".", location.href).href;
  const page = (url) => new URL(url, location.href).href.replace(root, "").split("#")[0];
  window.fetch = async (url) => new Response(texts[page(url)] || "");
}
"""


def text_of(doctree) -> str:
    """What a reader sees of a page: all its text but raw elements, such as the data of players."""
    seen = (node for node in doctree.findall(nodes.Text) if not isinstance(node.parent, nodes.raw))
    return " ".join(" ".join(str(node) for node in seen).split())


def remember(app, pagename, templatename, context, doctree):
    if pagename == "search":
        app.add_js_file(FILE)
    elif doctree:
        app.excerpts[pagename + ".html"] = f'<div role="main">{escape(text_of(doctree), quote=False)}</div>'


def write(app, error):
    if not error and app.excerpts:
        found = json.dumps(app.excerpts, ensure_ascii=False, separators=(",", ":"))
        (Path(app.outdir) / "_static" / FILE).write_text(SCRIPT % found, encoding="utf-8")


def setup(app):
    app.excerpts = {}
    app.connect("html-page-context", remember)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": False}

"""Sphinx extension: equations numbered by their own tag, and MathJax taken from a package instead of a network host."""

import re
from importlib.resources import files

from docutils import nodes

TAG = re.compile(r"\s*\\tag\{([^}]+)\}")


def number_by_tag(app, doctree):
    r"""A labelled equation with a `\tag{FE-8}` is (FE-8) beside it and in every reference to it."""
    equations = app.env.get_domain("math").equations
    for block in doctree.findall(nodes.math_block):
        tag = TAG.search(block.astext())
        if tag and block["label"]:
            block["number"] = tag[1]
            equations[block["label"]] = (app.env.docname, tag[1])
            block.children[:] = [nodes.Text(TAG.sub("", block.astext()))]


def bring_mathjax(app, config):
    config.html_extra_path.append(str(files("sphinx-mathjax-offline") / "static" / "mathjax" / "tex-svg-full.js"))
    config.mathjax_path = "../tex-svg-full.js"  # from _static, where scripts are looked for


def setup(app):
    app.connect("config-inited", bring_mathjax, priority=400)
    app.connect("doctree-read", number_by_tag)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The book's figures follow its theme: each SVG that matplotlib drew gets its colours for a dark page."""

from pathlib import Path

from lib.study.figures import themed


def setup(app):
    app.connect("build-finished", follow)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def follow(app, error):
    for path in Path(app.outdir).glob("_images/*.svg") if not error else []:
        path.write_text(themed(path.read_text()))

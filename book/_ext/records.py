"""Sphinx extension: below a figure that was drawn from records, a link to its rows as CSV.

The notebook holds them beside the figure (`lib.study.gluing.keep`), so that they are what was drawn.
"""

from pathlib import Path

from docutils import nodes
from myst_nb.core.variables import RetrievalError
from myst_nb.ext.glue.directives import PasteFigureDirective
from myst_nb.ext.glue.utils import retrieve_glue_data

FOLDER = "records"  # of the built book


class FigureWithRecords(PasteFigureDirective):
    """`{glue:figure}`, with the rows that were kept under the figure's name."""

    def run(self):
        found = super().run()
        key, env = self.arguments[0], self.document.settings.env
        try:
            rows = retrieve_glue_data(self.document, f"{key}-rows").data["text/csv"]
        except RetrievalError:
            return found
        file = Path(env.app.outdir, FOLDER, f"{key}.csv")
        file.parent.mkdir(exist_ok=True)
        file.write_text(rows, encoding="utf-8")
        place = f"{'../' * env.docname.count('/')}{FOLDER}/{file.name}"
        link = nodes.reference("", "The numbers drawn, as CSV", refuri=place, internal=True)
        found[0] += nodes.legend("", nodes.paragraph("", "", link, classes=["records"]))
        return found


def setup(app):
    app.add_directive_to_domain("glue", "figure", FigureWithRecords, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

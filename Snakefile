"""Each chapter executed once, then the book around them: `make book`."""

import ast
import sys
from glob import glob
from pathlib import Path

PYTHON = sys.executable
JUPYTER_BOOK = Path(PYTHON).parent / "jupyter-book"
CHAPTERS = sorted(path.stem for path in Path("notebooks").glob("[0-9]*.py"))
EXECUTED = expand("book/notebooks/{name}.ipynb", name=CHAPTERS)
PROSE = [path for path in glob("book/*.md") if path not in ("book/equations.md", "book/status.md")]


def imports(path):
    """The files of lib that a chapter or a file of lib imports."""
    for node in ast.walk(ast.parse(Path(path).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "lib":
            yield from (f"lib/{name.name}.py" for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lib."):
            yield node.module.replace(".", "/") + ".py"


def needs(chapter):
    """What a chapter is executed again for: its source, the lib that it uses, and results where it reads records."""
    files, todo = {"lib/run.py"}, [f"notebooks/{chapter.name}.py"]
    while todo:
        path = todo.pop()
        if path not in files:
            files.add(path)
            todo += imports(path)
    tables = glob("lib/tables/*") if "lib/data.py" in files else []
    results = glob("results/**/*.*", recursive=True) if "lib/records.py" in files else []
    return sorted(files) + tables + results


rule book:
    input:
        EXECUTED,
        PROSE,
        "book/equations.md",
        "book/status.md",
        "_config.yml",
        glob("book/_*/*") + glob("book/*.yml") + glob("book/*.bib"),
    output:
        "_build/html/index.html",
    log:
        "_build/book.log",
    # from scratch each time: pages that Sphinx does not read again would keep their warnings to themselves
    shell:
        "rm -rf _build/html _build/.doctrees && {JUPYTER_BOOK} build book"
        " --path-output . -W --keep-going -n > {log} 2>&1"


rule chapter:
    input:
        needs,
    output:
        "book/notebooks/{name}.ipynb",
    log:
        "_build/logs/{name}.log",
    shell:
        "OMP_NUM_THREADS=1 {PYTHON} -m lib.run notebooks/{wildcards.name}.py {output} 2> {log}"


rule equations:
    input:
        glob("notebooks/*.py") + glob("lib/*.py") + glob("tests/test_*.py"),
        "book/pages.py",
    output:
        "book/equations.md",
    shell:
        "{PYTHON} -m book.pages equations > {output}"


rule status:
    input:
        EXECUTED,
        "book/pages.py",
    output:
        "book/status.md",
    shell:
        "{PYTHON} -m book.pages status > {output}"

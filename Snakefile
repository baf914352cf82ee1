"""Each chapter executed once, then the book around them: `make book`."""

import ast
import re
import sys
from glob import glob
from pathlib import Path

PYTHON = sys.executable
JUPYTER_BOOK = Path(PYTHON).parent / "jupyter-book"
CHAPTERS = sorted(path.stem for path in Path("notebooks").glob("[0-9]*.py"))
EXECUTED = expand("book/notebooks/{name}.ipynb", name=CHAPTERS)
CODE = glob("lib/*.py") + glob("tests/test_*.py")
GENERATED = ["book/equations.md", "book/status.md"]
PROSE = sorted(set(glob("book/*.md")) - set(GENERATED))


def imports(path):
    """The files of lib that a chapter or a file of lib imports."""
    for node in ast.walk(ast.parse(Path(path).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "lib":
            yield from (f"lib/{name.name}.py" for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lib."):
            yield node.module.replace(".", "/") + ".py"


def needs(chapter):
    """What a chapter is executed again for: its source, the lib that it uses, and the folders of records it names."""
    files, todo = {"lib/run.py"}, [f"notebooks/{chapter.name}.py"]
    while todo:
        path = todo.pop()
        if path not in files:
            files.add(path)
            todo += imports(path)
    tables = glob("lib/tables/*") if "lib/data.py" in files else []
    folders = re.findall(r'"(results/\w+)"', Path(f"notebooks/{chapter.name}.py").read_text())
    return sorted(files) + tables + [path for folder in folders for path in glob(f"{folder}/**/*.*", recursive=True)]


# every product by name: Snakemake makes a missing one again only if it is asked for it
rule all:
    input:
        EXECUTED,
        GENERATED,
        "_build/html/index.html",


rule book:
    input:
        EXECUTED,
        GENERATED,
        PROSE,
        ["_config.yml", "book/_toc.yml", "book/references.bib"],
        glob("book/_ext/*.py") + glob("book/_static/*"),
        CODE,  # the equation index quotes it
    output:
        "_build/html/index.html",
    log:
        "_build/book.log",
    # from scratch each time: pages that Sphinx does not read again would keep their warnings to themselves
    shell:
        "echo 'Building the book' && rm -rf _build/html _build/.doctrees && "
        "{JUPYTER_BOOK} build book --path-output . -W --keep-going -n > {log} 2>&1 || "
        "{{ grep --extended-regexp 'WARNING|ERROR|Error' {log}; echo 'The book was not built: see {log}'; exit 1; }}"


rule chapter:
    input:
        needs,
    output:
        "book/notebooks/{name}.ipynb",
    shell:
        "echo 'Executing notebooks/{wildcards.name}.py' && "
        "OMP_NUM_THREADS=1 {PYTHON} -m lib.run notebooks/{wildcards.name}.py {output}"


rule equations:
    input:
        expand("notebooks/{name}.py", name=CHAPTERS),
        CODE,
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

"""The pages of the book that are generated: `python -m book.pages equations`, `status`, `faults`, or the `times`."""

import ast
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from lib.study.inventory import inventory

ROOT = Path(__file__).parents[1]
NUMBERS = {"FE-": range(1, 23), "ID-": range(1, 16), "ID-A": range(1, 6)}
LABELS = [f"{paper}{n}" for paper, numbers in NUMBERS.items() for n in numbers]
LABEL = r"(?:FE-|ID-A?)\d+"
TAGGED = re.compile(r"\\tag\{([^}]+)\}\s*?\n#? *\$\$ *\(([\w-]+)\)")
OWNERS = re.compile(r"\b(?:captum|torch|softmax|lime|library|paper|scikit-learn)s\b|\b(?!its\b)\w+s(?= own\b)")
PACKAGES = "torch numpy pandas scikit-learn matplotlib papermill jupytext jupyter-book sphinx".split()


class Place(NamedTuple):
    """Where an equation is met: a chapter and the label there, or a file and the function or test in it."""

    path: str  # from the root of the repository
    name: str

    @property
    def title(self):
        return f"{Path(self.path).stem}.{self.name}"

    @property
    def claim(self):
        """The name of a test as a sentence, with the apostrophes that a name in code cannot have."""
        words = self.name.split(".")[-1].removeprefix("test_").replace("_", " ").replace("scikit learn", "scikit-learn")
        return OWNERS.sub(lambda owner: f"{owner[0][:-1]}'s", words)

    @property
    def anchor(self):
        return re.sub(r"[\W_]+", "-", self.title).lower()


# --- The equation index ----------------------------------------------------------------------------------------------


def cited(docstring: str) -> list[str]:
    """The labels that close a docstring's first line: `... (FE-8).`, `... (FE-6, FE-12 to FE-17)`."""
    closing = re.search(rf"\(((?:{LABEL}(?:, | to |\)\.?$))+)", docstring.strip().split("\n")[0])
    labels = []
    for part in closing[1].rstrip(").").split(", ") if closing else []:
        paper = re.match(r"\D+", part)[0]
        first, last = (int(label.removeprefix(paper)) for label in (part.split(" to ") * 2)[:2])
        labels += [f"{paper}{n}" for n in range(first, last + 1)]
    return labels


def tags(root=ROOT) -> dict[str, list[Place]]:
    """For each tag, the chapters that show its equation and the label it bears there."""
    found = defaultdict(list)
    for path in sorted(root.glob("notebooks/*.py")):
        for tag, label in TAGGED.findall(path.read_text()):
            found[tag].append(Place(path.relative_to(root).as_posix(), label))
    return found


def definitions(pattern: str, root=ROOT) -> dict[str, list[Place]]:
    """For each equation, the functions and classes in the files of `pattern` that cite it.

    They do so at the end of their docstring's first line, or in their name: `test_fe8_stays_in_the_unit_interval`.
    """
    found = defaultdict(list)
    for path in sorted(root.glob(pattern)):
        place = path.relative_to(root).as_posix()
        for name, node in _named(ast.parse(path.read_text())):
            named = [f"{p}-{n}".upper() for p, n in re.findall(r"(?<![a-z])(fe|id)_?(a?\d+)", name)]
            for label in dict.fromkeys(named + cited(ast.get_docstring(node) or "")):
                found[label].append(Place(place, name))
    return found


def _named(node, prefix=""):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield prefix + child.name, child
            yield from _named(child, f"{prefix}{child.name}.")


def equations() -> str:
    """The index: each equation with its place in the book, its functions and its tests, and their code below."""
    places, functions, tests = tags(), definitions("lib/**/*.py"), definitions("tests/**/test_*.py")
    rows, held = [], []
    for label in LABELS:
        equation = ", ".join(f"{{eq}}`{p.name}`" for p in places[label]) or label
        chapters = ", ".join(f"[](notebooks/{Path(p.path).stem})" for p in places[label])
        links = ", ".join(f"[`{p.title}`](#{p.anchor})" for p in functions[label])
        rows.append(f"| {equation} | {chapters} | {links} | [{len(tests[label])}](#tests-{label.lower()}) |")
        held += [
            f"(tests-{label.lower()})=",
            f"### {label}",
            "",
            *(f"- [{p.claim}](#{p.anchor})" for p in tests[label]),
            "",
        ]
    return "\n".join(
        [
            "# Equations, functions and tests",
            "",
            "Where each equation stands in the book, the functions that compute it and the tests that hold them to it,",
            "with their code below.",
            "",
            "| equation | chapter | functions | tests |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            "## What the tests hold each equation to",
            "",
            *held,
            "## The code of the functions",
            "",
            *_code(functions),
            "## The code of the tests",
            "",
            *_code(tests),
        ]
    )


def _code(found):
    shown = defaultdict(list)
    for label in LABELS:
        for place in found[label]:
            shown[place].append(label)
    for place, labels in sorted(shown.items()):
        title = place.claim if place.path.startswith("tests/") else place.title
        yield f"""````{{dropdown}} {title} ({", ".join(labels)})
:name: {place.anchor}

In {place.path}:

```{{literalinclude}} ../{place.path}
:pyobject: {place.name}
:lineno-match:
```
````
"""


# --- The faults tried ------------------------------------------------------------------------------------------------


def faults(root=ROOT) -> str:
    """A table for the page on trust: of each test of a fault, what was done and what is seen, from its docstring."""
    rows = []
    for path in sorted(root.glob("tests/faults/test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                done, seen = ast.get_docstring(node).split("Seen:")
                cells = [" ".join(cell.split()) for cell in (done, seen)]
                name = node.name.removeprefix("test_").replace("_", " ")  # words, which break where a page is narrow
                rows.append(f"| {cells[0]} | {cells[1][0].upper()}{cells[1][1:]} | {name} |")
    return "\n".join(["| what was done | what is seen | the test in tests/faults |", "| --- | --- | --- |", *rows, ""])


# --- The status page -------------------------------------------------------------------------------------------------


def runs() -> dict[str, dict]:
    """What papermill noted of each executed chapter: duration in seconds, end_time, and more."""
    executed = sorted((ROOT / "book" / "notebooks").glob("*.ipynb"))
    notes = {path.stem: json.loads(path.read_text())["metadata"]["papermill"] for path in executed}
    return {name: note for name, note in notes.items() if (ROOT / "notebooks" / f"{name}.py").is_file()}


def times() -> str:
    lines = [f"  {name:<16} {note['duration']:6.1f} s" for name, note in runs().items()]
    return "\n".join(["Chapters, and how long each took:", *lines, "The book: _build/html/index.html"])


def status() -> str:
    """The page on what this copy of the book was built with, and how long its chapters took."""
    rows = [
        f"| [](notebooks/{name}) | {note['duration']:.1f} | {note['end_time'][:16].replace('T', ' ')} |"
        for name, note in runs().items()
    ]
    facts = {"machine": hardware(), "Python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    return "\n".join(
        [
            "# How this copy was made",
            "",
            "Each chapter was executed from its source, two at a time, on this machine and with these versions.",
            "",
            "| chapter | seconds | finished (UTC) |",
            "| --- | ---: | --- |",
            *rows,
            "",
            "| made with | |",
            "| --- | --- |",
            *(f"| {name} | {value} |" for name, value in facts.items()),
            "",
            "## The runs behind the figures",
            "",
            "A row for each grid in `workflow/grid.yaml`. It says what the grid is for, how many of its runs are made,",
            "the hours of training in their records, the core hours that the missing runs would take, where runs were",
            "made, and with which torch.",
            "",
            "| for | grid | made | hours | to come | on | torch |",
            "| --- | --- | ---: | ---: | ---: | --- | --- |",
            *(f"| {row['for']} | {row['grid']} | {row['made']} of {row['runs']} | {row['spent']:.1f} | "
              f"{row['to come']:.1f} | {row['machines']} | {row['torch']} |" for _, row in inventory().iterrows()),
            "",
            *slurm(),
        ]
    )  # fmt: skip


def slurm(root=ROOT) -> list[str]:
    """What `make test-slurm` showed when it was last called."""
    path = root / "workflow" / "profiles" / "slurm" / "tried.json"
    if not path.is_file():
        return []
    found = json.loads(path.read_text())
    return [
        "## The grid on Slurm",
        "",
        f"Tried by `make test-slurm` on {found['on']} with {found['version']} on one node, in {found['seconds']} s.",
        "",
        "| what was done | what was seen |",
        "| --- | --- |",
        *(f"| {done} | {seen} |" for done, seen in found["seen"].items()),
        "",
    ]


def hardware() -> str:
    """Processor, cores, memory, and the GPU if there is one."""
    cpuinfo = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [*models[:1], f"{os.cpu_count()} cores", f"{memory:.0f} GiB of memory", platform.system()]
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        parts += subprocess.run(query, capture_output=True, text=True, check=False).stdout.split("\n")[:1]
    return ", ".join(parts)


if __name__ == "__main__":
    print({"equations": equations, "faults": faults, "status": status, "times": times}[sys.argv[1]]())

"""What a chapter reads: its source, the modules behind it, notebooks and records that they name. The Snakefile asks."""

import ast
import re
from collections.abc import Iterator
from glob import glob
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNNER = "lib/run.py"
PACKAGES = ("lib", "tests")  # of this project
# what a module reads that it does not name as a text of its own
BESIDE = {"lib/data/": "lib/data/shipped/*", "lib/study/grid.py": "workflow/grid.yaml"}


def chapters() -> list[str]:
    """Names of all chapters, in order."""
    return sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.py"))


def needs(chapter: str) -> list[str]:
    """The files, from the project's folder, that the chapter has to be executed again for."""
    files, left = {RUNNER}, {f"notebooks/{chapter}.py"}
    while left:
        path = left.pop()
        files.add(path)
        if path.endswith(".py"):
            left |= set(reads(path)) - files
    beside = {pattern for path in files for start, pattern in BESIDE.items() if path.startswith(start)}
    return sorted(files | {file for pattern in beside for file in glob(pattern, root_dir=ROOT)})


def reads(path: str) -> Iterator[str]:
    """The files that one source imports or names: modules, notebooks by path or chapter, records by their folder."""
    tree = ast.parse((ROOT / path).read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    texts = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from modules(node.module or "", [name.name for name in node.names])
        elif isinstance(node, ast.Import):
            yield from (file for name in node.names for file in modules(name.name, []))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            texts.add(node.value)
    yield from (file for text in texts for file in named(text))
    for folder in (ROOT / "results").iterdir():
        if f"results/{folder.name}" in texts or {"results", folder.name} <= texts:
            yield from glob(f"results/{folder.name}/**/*.*", root_dir=ROOT, recursive=True)


def modules(module: str, names: list[str]) -> Iterator[str]:
    """The project's files behind `from module import names`: the module, and those of its names that are modules."""
    if module.split(".")[0] in PACKAGES:
        folder = Path(module.replace(".", "/"))
        for place in (folder, *(folder / name for name in names)):
            files = (place.with_suffix(".py"), place / "__init__.py")
            yield from (str(file) for file in files if (ROOT / file).is_file())


def named(text: str) -> Iterator[str]:
    """The notebook that a text is the path or the chapter's name of."""
    if re.fullmatch(r"[\w/]+\.py", text) and (ROOT / text).is_file():
        yield text
    if re.fullmatch(r"\d\d_\w+", text) and (ROOT / "notebooks" / f"{text}.py").is_file():
        yield f"notebooks/{text}.py"

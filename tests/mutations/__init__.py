"""Small wrong changes to lib, each of which a test must notice: one file for each module, at the same path.

A change is its name, what is there (`-`) and what replaces it (`+`, or nothing); a blank line ends it:

    gate: noise subtracted
    - (mu + eps).clamp(0, 1)
    + (mu - eps).clamp(0, 1)

What is there must occur once in the module, compared without white space and without the commas that a formatter adds,
so that a line that is only wrapped anew breaks nothing. `python -m tests.mutations` makes them one by one.
"""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent


class Mutation(NamedTuple):
    """One wrong change: `old`, which occurs once in lib/{module}.py, becomes `new`."""

    module: str
    name: str
    old: str
    new: str

    @property
    def path(self) -> Path:
        return Path("lib", f"{self.module}.py")

    def applied(self, text: str) -> str:
        """The module's text with the change made; ValueError unless there is one place for it."""
        found = list(re.finditer(_pattern(self.old), text))
        if len(found) != 1:
            raise ValueError(f"{self.path}: {self.name!r} must occur once, got {len(found)} times: {self.old!r}")
        return text[: found[0].start()] + self.new + text[found[0].end() :]


def _pattern(old: str) -> str:
    """A regular expression for `old` with any white space, and a comma or none before each closing bracket."""
    tokens = re.findall(r"\w+|[^\w\s]", old)
    return r"\s*".join((r"(?:,\s*)?" if token in ")]}" else "") + re.escape(token) for token in tokens)


def read(path: Path) -> list[Mutation]:
    """The changes that one file lists."""
    module = path.relative_to(FOLDER).with_suffix("").as_posix()
    changes = []
    for block in re.split(r"\n\s*\n", path.read_text().strip()):
        name, *lines = block.splitlines()
        old, new = ("\n".join(line[2:] for line in lines if line[0] == sign) for sign in "-+")
        changes.append(Mutation(module, name, old, new))
    return changes


def own_tests(module: str, root: Path = ROOT) -> list[Path]:
    """A module's own test files, at its own path: of training/engine tests/training/test_engine.py, test_engine_*.py.

    What begins with the name of another module beside it is that one's: test_fewer_fitted.py is not of training/fewer.
    """
    place = Path(module)
    own, modules = place.name.strip("_"), (root / "lib" / place.parent).glob("*.py")
    longer = [f"test_{name}" for name in (path.stem.strip("_") for path in modules) if name.startswith(f"{own}_")]
    files = sorted((root / "tests" / place.parent).glob("test_*.py"))
    files = [path for path in files if path.stem == f"test_{own}" or path.stem.startswith(f"test_{own}_")]
    return [path for path in files if not path.stem.startswith(tuple(longer))]


def every() -> list[Mutation]:
    """All changes, file by file."""
    return [change for path in sorted(FOLDER.rglob("*.diff")) for change in read(path)]

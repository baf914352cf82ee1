"""The list of wrong changes is in step with lib: each has its one place, and what it leaves is still Python."""

import ast

import pytest

from tests import mutations

CHANGES = mutations.every()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.module}-{change.name}")
def test_a_change_has_one_place_and_leaves_python(change):
    text = (mutations.ROOT / change.path).read_text()
    wrong = change.applied(text)
    assert ast.dump(ast.parse(wrong)) != ast.dump(ast.parse(text))


def test_a_wrapped_line_is_still_found():
    change = mutations.Mutation("gates", "", "f(a, b[0])", "f(b)")
    assert change.applied("x = f(\n    a,\n    b[0],\n)\n") == "x = f(b)\n"
    with pytest.raises(ValueError, match="once, got 2"):
        change.applied("f(a, b[0]) + f(a, b[0])")


@pytest.mark.parametrize("module", sorted({change.module for change in CHANGES}))
def test_a_module_has_tests_at_its_own_path(module):
    assert mutations.own_tests(module)


def test_a_test_file_is_of_one_module(tmp_path):
    for name in (
        "lib/a.py",
        "lib/a_b.py",
        "tests/test_a.py",
        "tests/test_a_c.py",
        "tests/test_a_b.py",
        "tests/test_ab.py",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.stem for path in mutations.own_tests("a", tmp_path)] == ["test_a", "test_a_c"]
    assert [path.stem for path in mutations.own_tests("a_b", tmp_path)] == ["test_a_b"]


def test_names_are_their_own_and_none_was_lost():
    assert len({change.name for change in CHANGES}) == len(CHANGES) >= 244

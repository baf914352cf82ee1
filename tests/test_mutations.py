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


def test_names_are_their_own_and_none_was_lost():
    assert len({change.name for change in CHANGES}) == len(CHANGES) >= 244

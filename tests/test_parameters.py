"""Values that come as text are read whole, by the type of the default, or refused by name."""

import jupytext
import pytest

from lib import parameters


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        ([[0, 1], [2]], "[[0, 1], [2]]", [[0, 1], [2]]),
        ([[0, 1], [2]], "[0, 1], [2, 3]", [[0, 1], [2, 3]]),
        (["a"], "['b, c', \"d\"]", ["b, c", "d"]),
        (["a"], "b, c d", ["b", "c d"]),
        (["a"], "[b,c,]", ["b", "c"]),
        (["a"], "1,2", ["1", "2"]),
        (["a"], "'b, c'", ["b, c"]),
        ([["a, b"]], "[['c, d', 'e']]", [["c, d", "e"]]),
        ([5, "all"], "5,all", [5, "all"]),
        ([5, "all"], "['5', 7]", ["5", 7]),
        ([0, 0.5], "(1, 2e-1)", [1.0, 0.2]),
        ([1], "[]", []),
        ({"a": 1}, "{'b': [1, 2]}", {"b": [1, 2]}),
        (None, "None", None),
        (None, "[1, [2]]", [1, [2]]),
        (None, "cuda:0", "cuda:0"),
        ("", "a, [b", "a, [b"),
    ],
)
def test_values_are_read_whole(default, text, value):
    found = parameters.convert("name", text, default)
    assert found == value
    assert repr(found) == repr(value)


@pytest.mark.parametrize(
    ("default", "text"),
    [
        ([1], "[True]"), ([1], "[None]"), ([1], "[[1], [2]]"), ([1], "1,,2"), ([1], ""), ([1], "[1, 2"), ([1], "['5']"),
        ([0.5], "True"),
        ([[0, 1]], "[0, 1]"), ([[0, 1]], "[[0, a]]"),
        (["a"], "None"), (["a"], "it's, b"), (["a"], "b,,c"), (["a"], ""), ({"a": 1}, "[1]"),
        ({"a": 1}, "b"), (1, "True"), (0.5, "None"), (True, "1"), ("", "None"), (True, "None"),
    ],
)  # fmt: skip
def test_values_of_another_kind_are_refused_not_bent(default, text):
    with pytest.raises(ValueError, match=f"parameter name takes {type(default).__name__}"):
        parameters.convert("name", text, default)


def test_lists_that_came_as_text_are_lists():
    assert parameters.lists(splits="[0, 2]", etas="0, 1e-3", names="all", kept=(1, 2), more=range(2)) == [
        [0, 2], [0, 0.001], ["all"], [1, 2], [0, 1]
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"splits takes a list, as in \[0, 1\], got 3"):
        parameters.lists(splits=3)
    with pytest.raises(ValueError, match=r"splits must be different values, got \[0, 1, 0\]"):
        parameters.lists(splits="0,1,0")
    with pytest.raises(ValueError, match="splits takes list"):
        parameters.lists(splits="[0, 1")


def test_a_list_alone_may_repeat_a_value():
    assert parameters.vectors(mean="0.5,0.5") == parameters.vectors(mean=(0.5, 0.5)) == [[0.5, 0.5]]
    with pytest.raises(ValueError, match="mean takes a list"):
        parameters.vectors(mean=0.5)


def test_a_text_that_looks_like_a_list_is_refused_with_how_it_is_written():
    for default in ([], ["a"], [5, "all"]):
        with pytest.raises(
            ValueError, match=r"""got 'a \(cm\)': a text of brackets or quotes is written "\['a \(cm\)'\]"$"""
        ):
            parameters.convert("drop", "a (cm)", default)
        assert parameters.convert("drop", "['a (cm)']", default) == ["a (cm)"]
    for default, text in (([1], "a (cm)"), ([], "[1, 2")):  # numbers alone, or meant as a list
        with pytest.raises(ValueError, match=r"got '[^']*'$"):
            parameters.convert("drop", text, default)


def test_what_a_parameters_cell_assigns_is_read_past_magics_and_from_chains():
    text = '# %% tags=["parameters"]\n%matplotlib inline\na = b = 1\nc: list = [2]\n# %%\nd = 3\n'
    assert parameters.defaults(jupytext.reads(text, fmt="py:percent")) == {"a": 1, "b": 1, "c": [2]}

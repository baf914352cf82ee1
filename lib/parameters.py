"""Parameters of notebooks: what a notebook's cell assigns, and values for it that come as text. Needs no Jupyter."""

import ast
import re

MAGIC = re.compile(r"^[%!].*$", re.MULTILINE)  # IPython's own lines, which assign no parameter


def defaults(notebook) -> dict:
    """The names and values that the notebook's `parameters` cell assigns.

    Raises ValueError where it assigns anything but plain values to plain names, since such a value has no type to
    convert a given one to.
    """
    values = {}
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            try:
                statements = ast.parse(MAGIC.sub("", cell.source)).body
            except SyntaxError as error:
                raise ValueError(f"parameters cell: {(error.text or '').strip()!r} is not Python") from None
            for statement in statements:
                if isinstance(statement, ast.Assign | ast.AnnAssign):
                    values |= _assigned(statement)
    return values


def _assigned(statement: ast.Assign | ast.AnnAssign) -> dict:
    """{name: value} of one assignment."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if not all(isinstance(target, ast.Name) for target in targets):
        raise ValueError(f"parameters cell: {ast.unparse(statement)} must be written as one `name = value` each")
    try:
        return dict.fromkeys((ast.unparse(target) for target in targets), ast.literal_eval(statement.value))
    except (ValueError, TypeError):
        raise ValueError(f"parameters cell: {ast.unparse(statement)} is not a plain value") from None


def convert(name: str, text: str, default):
    """The value written in `text`, of the type of `default`; None as default takes any plain value.

    Lists are written `[0, 1e-4]` or `0,1e-4`; what holds a comma or is itself a list needs Python's quotes and
    brackets. Raises ValueError naming the parameter, what it got and what it takes.
    """
    try:
        return _like(default, text.strip())
    except (ValueError, KeyError, SyntaxError, TypeError):
        takes = f"{type(default).__name__}, as in {default!r}"
        quoted = isinstance(default, list | tuple) and isinstance(_item(default), str | None) and text[:1] not in "[("
        how = f": a text of brackets or quotes is written {str([text])!r}" if quoted else ""
        raise ValueError(f"parameter {name} takes {takes}, got {text!r}{how}") from None


def _like(default, text: str):
    if isinstance(default, list | tuple):
        item = _item(default)
        return [_like(item, word) for word in _words(text, item)]
    if isinstance(default, bool):
        return {"true": True, "false": False}[text.lower()]
    if isinstance(default, str):
        if text == "None":
            raise ValueError  # nothing is written as the default is
        return text
    if isinstance(default, int | float):
        return type(default)(text)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if default is not None and type(value) is not type(default):
        raise ValueError
    return value


def _item(default: list | tuple):
    """What an item of such a list is like; None where its items differ."""
    kinds = {type(item) for item in default}
    if kinds and kinds <= {list, tuple}:
        return [item for items in default for item in items]
    return 0.0 if kinds == {int, float} else default[0] if len(kinds) == 1 else None


def _words(text: str, item) -> list[str]:
    """The items of a list as text, however it is written, each to be read like `item`."""
    inner = text[1:-1] if text[:1] + text[-1:] in ("[]", "()") else text
    if isinstance(item, list) or re.search(r"[\[\](){}'\"]", inner):  # nested or quoted: Python's own notation, whole
        value = ast.literal_eval(text)
        values = value if isinstance(value, list | tuple) else [value]
        if isinstance(item, list) and not all(isinstance(value, list | tuple) for value in values):
            raise ValueError
        return [value if isinstance(item, str) and isinstance(value, str) else repr(value) for value in values]
    words = [word.strip() for word in inner.split(",")]
    if text in ("[]", "()") or (len(words) > 1 and not words[-1]):
        words.pop()  # nothing, or a last comma
    if "" in words:
        raise ValueError
    return words


def lists(**values) -> list:
    """Values that must be lists, read from text where they are: plain papermill gives -p splits "[0]" as text.

    Raises ValueError naming the first that is no list, or has a value twice.
    """
    read = vectors(**values)
    for name, value in zip(values, read):
        if len(set(map(str, value))) < len(value):
            raise ValueError(f"{name} must be different values, got {value}")
    return read


def vectors(**values) -> list:
    """The same of lists whose values may be equal."""
    return [_as_list(name, value) for name, value in values.items()]


def _as_list(name: str, value) -> list:
    if isinstance(value, str):
        value = convert(name, value, [])
    if not isinstance(value, list | tuple | range):
        raise ValueError(f"{name} takes a list, as in [0, 1], got {value!r}")
    return list(value)

"""Whoever calls a function reads in its docstring which of our errors may come out of it."""

import ast
from collections.abc import Iterator, Mapping

from tests.source_trees import functions, trees

PACKAGES = ("detectors", "streams")
# Their docstrings are what `--help` prints; what they raise, the command line says and ends.
COMMANDS = "streams/cli/"
ROOT_ERROR = "HeadgateError"


def own_errors() -> frozenset[str]:
    """Return the names of all errors of ours."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for _, tree in trees(*PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    errors = {ROOT_ERROR}
    while more := {name for name, parents in bases.items() if parents & errors} - errors:
        errors |= more
    return frozenset(errors)


def makers(errors: frozenset[str]) -> Mapping[str, str]:
    """Return the error that each function returns which makes one to be raised."""
    return {
        function.name: function.returns.id
        for _, tree in trees(*PACKAGES)
        for function in functions(tree)
        if isinstance(function.returns, ast.Name) and function.returns.id in errors
    }


def name_of(node: ast.expr | None) -> str:
    """Return the last name in `Name`, `a.Name` or `Name(...)`."""
    if isinstance(node, ast.Call):
        return name_of(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def raised(node: ast.AST, caught: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield what a node raises itself and does not catch; functions within it are not entered."""
    if isinstance(node, ast.Raise) and (name := name_of(node.exc)) not in caught:
        yield name
    inside = caught
    if isinstance(node, ast.Try):
        kinds = (inner for handler in node.handlers if handler.type for inner in ast.walk(handler))
        inside |= {kind.id for kind in kinds if isinstance(kind, ast.Name)}
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from raised(child, inside)


def is_public(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether others call it: by its name, by making an object, or by `with`."""
    return not function.name.startswith("_") or function.name.startswith("__")


def test_a_public_function_says_which_of_our_errors_it_raises() -> None:
    """In a section `Raises:`, by their names."""
    errors = own_errors()
    made_by = makers(errors)
    silent = [
        f"{name}:{function.lineno} {function.name} raises {error}"
        for name, tree in trees(*PACKAGES)
        if not name.startswith(COMMANDS)
        for function in functions(tree)
        if is_public(function)
        for error in {made_by.get(each, each) for part in function.body for each in raised(part)}
        if error in errors and not says(function, error)
    ]
    assert silent == []


def says(function: ast.FunctionDef | ast.AsyncFunctionDef, error: str) -> bool:
    """Tell whether a docstring has the error among those that it raises."""
    _, section, raises = (ast.get_docstring(function) or "").partition("Raises:\n")
    return bool(section) and error in raises


def test_an_error_of_ours_is_seen_wherever_it_is_raised() -> None:
    """A search that finds none would prove nothing."""
    function = "def f():\n try:\n  raise A\n except A:\n  raise pkg.B('x')\n raise c()\n"
    tree = ast.parse(function)
    assert list(raised(next(functions(tree)))) == ["B", "c"]

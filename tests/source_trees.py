"""The files of the project as paths, syntax trees and tokens, for tests about the code itself."""

import ast
import functools
import gc
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OFF_THE_WAY = (0, 0)


def sources(*packages: str) -> list[Path]:
    """Return the Python files below `packages`."""
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def trees(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield each file's name and syntax tree."""
    for path in sources(*packages):
        yield str(path.relative_to(ROOT)), parsed(path)


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file.

    Garbage is left lying meanwhile: asyncio logs a forgotten failure when its future is collected,
    the traceback of that log is parsed too, and the parser of Python 3.11 may not be entered twice
    (CPython issue 106905).
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        if collecting:
            gc.enable()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def identifiers(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every name in a file: not its strings, not its comments."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.NAME:
                yield token.start[0], token.string


def step_said(tree: ast.Module) -> tuple[int, int]:
    """Return the first and the last step that a module's docstring begins with."""
    first_line = re.match(r"Steps? (\d)(?: to (\d))? of 7\b", ast.get_docstring(tree) or "")
    return (int(first_line[1]), int(first_line[2] or first_line[1])) if first_line else OFF_THE_WAY

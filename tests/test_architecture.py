"""What no linter says: the core knows no clock and no machine, and every file stays small."""

import ast
import functools
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("detectors", "streams")
SHIPPED = (*PACKAGES, "benchmarks")
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50
NESTING_MAX = 3

# Whoever imports one of these can see the time, the machine or another process.
WORLDLY_MODULES = frozenset(
    [
        "asyncio",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "platform",
        "secrets",
        "shutil",
        "signal",
        "socket",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
    ]
)
WORLDLY_CALLS = frozenset({"open", "print", "input", "hash", "id", "breakpoint", "exec", "eval"})
# What these give depends on when or where they are called, or on a state that all share.
WORLDLY_ATTRIBUTES = frozenset(
    {
        ("datetime", "now"),
        ("datetime", "today"),
        ("datetime", "utcnow"),
        ("date", "today"),
        ("random", "seed"),
        ("random", "random"),
        ("random", "choice"),
        ("random", "choices"),
        ("random", "gauss"),
        ("random", "randint"),
        ("random", "randrange"),
        ("random", "sample"),
        ("random", "shuffle"),
        ("random", "uniform"),
        ("random", "SystemRandom"),
    }
)
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)


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


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the first part of the name of every import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module.split(".")[0]


def worldly(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what in a module reaches beyond its arguments."""
    yield from ((line, name) for line, name in imported(tree) if name in WORLDLY_MODULES)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in WORLDLY_CALLS:
                yield node.lineno, f"{node.func.id}()"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in WORLDLY_ATTRIBUTES:
                yield node.lineno, f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "random":
            yield from ((node.lineno, a.name) for a in node.names if a.name != "Random")


def nesting(node: ast.AST, *, is_elif: bool = False) -> int:
    """Return how many branches and loops stand in one another; an elif stands beside its if."""
    # A try without handlers only tidies up, as a with does.
    tidies = isinstance(node, ast.Try) and not node.handlers
    own = int(isinstance(node, BRANCHES) and not is_elif and not tidies)
    inner = 0
    for name, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        chained = isinstance(node, ast.If) and name == "orelse" and len(children) == 1
        for child in children:
            if isinstance(child, ast.AST) and not isinstance(
                child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
            ):
                inner = max(inner, nesting(child, is_elif=chained and isinstance(child, ast.If)))
    return own + inner


def test_the_core_sees_no_clock_and_no_machine() -> None:
    """The same events give the same verdicts: so nothing but events may come in."""
    found = [
        f"{name}:{line}: {what}"
        for name, tree in trees("detectors")
        for line, what in worldly(tree)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from os.path import join",
        "import random\nrandom.random()",
        "from random import choice",
        "from datetime import datetime\ndatetime.now()",
        "open('x')",
        "hash('x')",
    ],
)
def test_a_worldly_module_is_recognised(source: str) -> None:
    """The rule above bites."""
    assert list(worldly(ast.parse(source))) != []


def test_a_seeded_generator_is_no_worldly_thing() -> None:
    """A generator that is made from a seed depends on nothing else."""
    assert list(worldly(ast.parse("import random\nrandom.Random(7).random()"))) == []


def test_no_file_is_long() -> None:
    """A file holds one concept."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in sources(*SHIPPED)
    }
    assert {name: length for name, length in lengths.items() if length > FILE_LINES_MAX} == {}


def test_no_function_is_long() -> None:
    """A function fits on a screen."""
    found = [
        f"{name}:{node.lineno}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for name, tree in trees(*SHIPPED)
        for node in functions(tree)
        if node.end_lineno is not None and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert found == []


def test_nothing_is_nested_deeply() -> None:
    """Ifs are pushed up and loops down."""
    found = [
        f"{name}:{node.lineno}: {node.name} nests {depth} deep"
        for name, tree in trees(*PACKAGES)
        for node in functions(tree)
        if (depth := max((nesting(child) for child in node.body), default=0)) > NESTING_MAX
    ]
    assert found == []


def test_every_module_says_what_it_is() -> None:
    """A reader learns from the first line whether this is the file they need."""
    assert [name for name, tree in trees(*SHIPPED) if not ast.get_docstring(tree)] == []


def test_every_test_says_what_it_shows() -> None:
    """A test's docstring is the sentence of the specification that it stands for."""
    found = [
        f"{name}:{node.lineno}: {node.name}"
        for name, tree in trees("tests")
        for node in functions(tree)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert found == []

"""What no linter says: the core knows no clock, no machine, and no chance of its own."""

import ast
from collections.abc import Iterator

import pytest

from tests.source_trees import trees

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


def test_the_core_sees_no_clock_and_no_machine() -> None:
    """The same events give the same verdicts: so nothing but events may come in."""
    problems = [
        f"{name}:{line}: {what}"
        for name, tree in trees("detectors")
        for line, what in worldly(tree)
    ]
    assert problems == []


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

"""The shape of the code in figures, for one checkout of the project or for two side by side.

    python -m benchmarks.structure [DIRECTORY [DIRECTORY]]

Nothing outside of the repository is used to count, so that any checkout is measured alike, the
one from before the rooms too. Modules and processor time are those of `headgate suspensions list`,
run to its end by the interpreter that runs this, in a process of its own and without a broker.
"""

import ast
import json
import os
import re
import statistics
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.old_words import EMPTY_NAMES, OLD_WORDS
from tests.source_trees import functions, identifiers

PACKAGES: Final = ("detectors", "streams")
# So many lines that stand twice are one thought written twice.
WINDOW_LINES: Final = 6
RUNS_COUNT: Final = 5
# Nothing listens there: what the command loads is measured, not Kafka.
_NOT_A_BROKER: Final = "127.0.0.1:1"
# A line on stderr, among what the command and its libraries have to say.
_PROGRAM: Final = """
import atexit, json, sys, time
def tell():
    file = sys.modules["streams"].__file__
    print(json.dumps([file, len(sys.modules), time.process_time()]), file=sys.stderr)
atexit.register(tell)
from streams.cli import main
main()
"""


def contracts(root: Path) -> list[dict[str, Any]]:
    """Return the contracts of the layering, as pyproject.toml declares them."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    declared: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return declared


def floors(root: Path, package: str) -> set[str]:
    """Return the members of `package` that the layers name."""
    return {
        member
        for contract in contracts(root)
        if contract["type"] == "layers" and contract.get("containers") == [package]
        for layer in contract["layers"]
        for member in re.split(r"\s*[|:]\s*", layer)
    }


def without_floor(folder: Path, named: set[str], prefix: str = "") -> list[str]:
    """Return the modules below `folder` of which neither they nor a folder around them is named."""
    missing = []
    for path in entries(folder):
        name = f"{prefix}{path.stem}"
        if name in named or path.name.startswith("__"):
            continue
        if path.is_dir():
            missing += without_floor(path, named, f"{name}.")
        elif path.suffix == ".py":
            missing.append(name)
    return missing


def entries(folder: Path) -> list[Path]:
    """Return what `ls` shows of a folder, but for what Python leaves there."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.name != "__pycache__" and not path.name.startswith(".")
    )


def repeated_lines_count(paths: Sequence[Path]) -> int:
    """Return how many lines lie in a run of six that stands elsewhere too.

    Layout, comments, docstrings and imports are left out.
    """
    files = [_plain_lines(path) for path in paths]
    windows = Counter(window for lines in files for _, window in _windows(lines))
    return sum(
        len(
            {
                start + line
                for start, window in _windows(lines)
                if windows[window] > 1
                for line in range(WINDOW_LINES)
            }
        )
        for lines in files
    )


def _plain_lines(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_left_out(part)] or [ast.Pass()]  # type: ignore[attr-defined]
    return [line.strip() for line in ast.unparse(tree).splitlines() if line.strip()]


def _is_left_out(node: ast.AST) -> bool:
    is_text = (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
    return is_text or isinstance(node, ast.Import | ast.ImportFrom)


def _windows(lines: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    for start in range(len(lines) - WINDOW_LINES + 1):
        yield start, tuple(lines[start : start + WINDOW_LINES])


def loaded(root: Path) -> tuple[int, float]:
    """Return how many modules an operator's command loads, and in how many processor seconds.

    The least of a few runs: the first one compiles, and a busy machine only ever adds.

    Raises:
        RuntimeError: another checkout was imported, or none.
    """
    runs = []
    for _ in range(RUNS_COUNT):
        ended = subprocess.run(
            [sys.executable, "-c", _PROGRAM, "suspensions", "list"],
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(root), "HEADGATE_KAFKA_BOOTSTRAP": _NOT_A_BROKER},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        figures = [line for line in ended.stderr.splitlines() if line.startswith('["')]
        if not figures:
            raise RuntimeError(ended.stderr)
        file, modules_count, processor_seconds = json.loads(figures[-1])
        if not Path(file).is_relative_to(root):
            problem = f"{file} was imported instead of {root}"
            raise RuntimeError(problem)
        runs.append((modules_count, processor_seconds))
    return min(runs, key=lambda run: run[1])


def measure(root: Path) -> dict[str, str]:
    """Return every figure of a checkout, by what it counts."""
    sources = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    tests = sorted((root / "tests").rglob("*.py"))
    lines = [_lines_count(path) for path in sources]
    test_lines = sum(_lines_count(path) for path in tests)
    lengths = [length for path in sources for length in _function_lengths(path)]
    names = Counter(name for path in [*sources, *tests] for _, name in identifiers(path))
    modules_count, processor_seconds = loaded(root)
    figures: dict[str, int | float] = {
        "files of detectors/ and streams/": len(sources),
        "lines": sum(lines),
        "longest file, lines": max(lines),
        "functions": len(lengths),
        "function: median lines": statistics.median(lengths),
        "function: lines of nine in ten at most": sorted(lengths)[len(lengths) * 9 // 10],
        "function: longest, lines": max(lengths),
        "entries of streams/": len(entries(root / "streams")),
        "modules without a floor": sum(
            len(without_floor(root / package, floors(root, package))) for package in PACKAGES
        ),
        "modules that `headgate suspensions list` loads": modules_count,
        "its processor seconds": round(processor_seconds, 2),
        "lines that stand twice, six in a row": repeated_lines_count(sources),
        "identifiers of the old list, tests too": sum(names[name] for name in OLD_WORDS),
        "names that say nothing (found, one, told, ...)": sum(names[name] for name in EMPTY_NAMES),
        "files of tests": len(tests),
        "lines of tests": test_lines,
        "lines of tests to lines of source": round(test_lines / sum(lines), 2),
    }
    return {name: f"{figure:,.10g}" for name, figure in figures.items()}


def _lines_count(path: Path) -> int:
    return len(path.read_text().splitlines())


def _function_lengths(path: Path) -> list[int]:
    tree = ast.parse(path.read_text())
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions(tree)]


def table(roots: Sequence[Path]) -> str:
    """Return the figures of one or two checkouts as a table in Markdown."""
    measured = [measure(root.resolve()) for root in roots]
    heads = ["now"] if len(roots) == 1 else ["before", "after"]
    rows = [["figure", *heads], ["---", *("--:" for _ in heads)]]
    rows += [[name, *(figures[name] for figures in measured)] for name in measured[0]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    print(table([Path(argument) for argument in sys.argv[1:3]] or [Path.cwd()]))

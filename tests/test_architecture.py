"""The shape of the code: small files and folders, a floor for every module, a step on the way."""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from benchmarks.structure import contracts, entries, floors, without_floor
from tests.source_trees import OFF_THE_WAY, ROOT, functions, sources, step_said, trees

PACKAGES = ("detectors", "streams")
SHIPPED = (*PACKAGES, "benchmarks", "grafana")
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50
NESTING_MAX = 3
FOLDER_ENTRIES_MAX = 26
# One file for each way to spoil a configuration: a table, not a folder that is read.
TABLES = frozenset({"tests/config_bad"})
TOP_LEVEL = {
    "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "benchmarks",
    "detectors", "docker", "docs", "findings", "grafana", "mkdocs.yml", "pyproject.toml", "streams",
    "tests",
}  # fmt: skip

# The way of an event, the first and the last step of a file or of all files below a folder. The
# longest path counts. What is not on the way says no step.
WAY: Final[Mapping[str, tuple[int, int]]] = {
    "streams/kafka/records.py": (1, 7),
    "streams/faust_driver/transport.py": (1, 1),
    "streams/ingest/": (1, 1),
    "streams/ingest/directory.py": (2, 2),
    "streams/kafka/placement.py": (2, 2),
    "streams/kafka/bounded_batches.py": (1, 1),
    "streams/kafka/codecs.py": (1, 1),
    "streams/control/addressing.py": (2, 2),
    "streams/control/rekeyed.py": (2, 2),
    "streams/replay/topic_events.py": (2, 2),
    "streams/replay/inputs.py": (1, 1),
    "streams/replay/reading.py": (1, 1),
    "streams/replay/files.py": (1, 1),
    "streams/replay/time_order.py": (1, 1),
    "streams/replay/recorded_references.py": (5, 5),
    "streams/replay/blindness.py": (7, 7),
    "streams/replay/response.py": (7, 7),
    "streams/worker/judge_agent.py": (1, 7),
    "streams/worker/batch_run.py": (1, 7),
    "streams/worker/rejected_records.py": (1, 7),
    "streams/worker/batch_judging.py": (1, 7),
    "streams/worker/partition_days.py": (3, 6),
    "streams/worker/rekey_agent.py": (2, 2),
    "detectors/event.py": (2, 2),
    "detectors/response/decoding.py": OFF_THE_WAY,
    "detectors/pipeline.py": (3, 6),
    "detectors/profile.py": (3, 6),
    "detectors/profile_state.py": (3, 3),
    "detectors/day_rollover.py": (3, 6),
    "detectors/features/": (3, 3),
    "detectors/registry.py": (4, 4),
    "detectors/detector.py": (4, 4),
    "detectors/models/": (4, 4),
    "detectors/models/collusion/": OFF_THE_WAY,
    "detectors/calibration/": (5, 5),
    "detectors/peers/": (5, 5),
    "detectors/policy/": (6, 6),
    "detectors/policy/evaluate.py": (4, 6),
    "detectors/incident.py": (6, 6),
    "detectors/verdict.py": (6, 6),
    "detectors/response/": (7, 7),
    "streams/worker/effect_sender.py": (7, 7),
    "streams/worker/kafka_sinks.py": (7, 7),
    "streams/worker/metrics_watcher.py": (7, 7),
    "streams/sinks/": (7, 7),
    "streams/kafka/producer.py": (7, 7),
    "streams/metrics/": (7, 7),
    "streams/response/": (7, 7),
    "streams/response/control_messages.py": OFF_THE_WAY,
    "streams/texts/": (7, 7),
    "streams/hooks/": (7, 7),
}

BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)


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


def test_no_file_is_long() -> None:
    """A file holds one concept."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in sources(*SHIPPED, "tests")
    }
    assert {name: length for name, length in lengths.items() if length > FILE_LINES_MAX} == {}


def test_no_function_is_long() -> None:
    """A function fits on a screen."""
    problems = [
        f"{name}:{node.lineno}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for name, tree in trees(*SHIPPED)
        for node in functions(tree)
        if node.end_lineno is not None and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert problems == []


def test_nothing_is_nested_deeply() -> None:
    """Ifs are pushed up and loops down."""
    problems = [
        f"{name}:{node.lineno}: {node.name} nests {depth} deep"
        for name, tree in trees(*PACKAGES)
        for node in functions(tree)
        if (depth := max((nesting(child) for child in node.body), default=0)) > NESTING_MAX
    ]
    assert problems == []


def test_every_module_says_what_it_is() -> None:
    """A reader learns from the first line whether this is the file they need."""
    assert [name for name, tree in trees(*SHIPPED) if not ast.get_docstring(tree)] == []


def test_every_test_says_what_it_shows() -> None:
    """A test's docstring is the sentence of the specification that it stands for."""
    problems = [
        f"{name}:{node.lineno}: {node.name}"
        for name, tree in trees("tests")
        for node in functions(tree)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert problems == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_stands_on_a_floor(package: str) -> None:
    """A new module has its place among the layers before it is imported anywhere."""
    assert without_floor(ROOT / package, floors(ROOT, package)) == []


def test_a_module_without_a_floor_is_seen(tmp_path: Path) -> None:
    """Beside the rooms, and inside a folder of which only parts have a floor."""
    for path in ("clock.py", "policy/decide.py", "policy/guess.py", "cellar.py", "attic/dust.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    named = {"clock", "policy.decide"}
    assert without_floor(tmp_path, named) == ["attic.dust", "cellar", "policy.guess"]


def test_imports_keep_to_the_layers() -> None:
    """Every contract holds, the two exhaustive ones among them."""
    exhaustive = [c["containers"] for c in contracts(ROOT) if c.get("exhaustive")]
    assert sorted(exhaustive) == [["detectors"], ["streams"]]
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def test_no_folder_is_a_cellar() -> None:
    """A folder whose entries no longer fit one look is two folders."""
    folders = {path.parent for path in sources(*SHIPPED, "tests")}
    sizes = {
        name: len(entries(folder))
        for folder in folders
        if (name := str(folder.relative_to(ROOT))) not in TABLES
    }
    assert {name: size for name, size in sizes.items() if size > FOLDER_ENTRIES_MAX} == {}


def test_the_top_level_stays_as_it_is() -> None:
    """`ls` shows the project, and nothing that a tool or a habit has left there."""
    listed = subprocess.run(
        ["git", "ls-files"],  # noqa: S607 - the repository's own tool, from PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if listed.returncode:
        pytest.skip("no git repository")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top - TOP_LEVEL if not name.startswith(".")} == set()


def step_expected(name: str) -> tuple[int, int]:
    """Return the first and the last step of a file, by the longest path in the table."""
    paths = [path for path in WAY if name == path or (path.endswith("/") and name.startswith(path))]
    return WAY[max(paths, key=len)] if paths else OFF_THE_WAY


def test_every_module_of_the_way_says_its_step() -> None:
    """And the number is that of its room; a module off the way says none."""
    wrong = {
        name: (steps, expected)
        for name, tree in trees(*PACKAGES)
        if (steps := step_said(tree)) != (expected := step_expected(name))
    }
    assert wrong == {}


def test_the_way_names_only_what_is_there() -> None:
    """A room or a file that was moved takes its row along."""
    assert [path for path in WAY if not (ROOT / path).exists()] == []

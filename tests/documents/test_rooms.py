"""The page of the rooms: every file is there, calls go the way it says, steps are the modules'."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from tests.source_trees import OFF_THE_WAY, ROOT, parsed, step_said

PAGE = (ROOT / "docs" / "rooms.md").read_text()
ROW = re.compile(r"^\| (?P<step>[\d to]*?) ?\| `(?P<path>[\w/.]+)` \| (?P<says>.+) \|$")
NOT_ROOMS = {"__init__.py", "__pycache__", "py.typed"}


class Stop(Struct, frozen=True):
    """One row of a walk: a file, and the steps that it says it takes."""

    path: str
    steps: tuple[int, int]


def tables(text: str) -> Iterator[list[Stop]]:
    """Yield each table of files, from the first to the last."""
    stops: list[Stop] = []
    for line in text.splitlines():
        row = ROW.match(line)
        if row:
            steps = [int(number) for number in re.findall(r"\d+", row["step"])]
            stops.append(Stop(row["path"], (steps[0], steps[-1]) if steps else OFF_THE_WAY))
        elif stops and not line.startswith("|"):
            yield stops
            stops = []
    if stops:
        yield stops


ROOMS, *WALKS = tables(PAGE)


def imported(path: Path) -> set[str]:
    """Return the files of ours that a file imports, by their path from the root."""
    named = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {f"{name.replace('.', '/')}.py" for name in named}


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk[0].path)
def test_each_file_is_called_from_one_above_it(walk: list[Stop]) -> None:
    """So that a reader can follow the imports from the top of a table to its end."""
    reached = {walk[0].path}
    for stop in walk:
        assert (ROOT / stop.path).exists(), stop.path
        assert stop.path in reached, f"no file above imports {stop.path}"
        reached |= imported(ROOT / stop.path)


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk[0].path)
def test_each_file_says_the_step_that_the_page_says(walk: list[Stop]) -> None:
    """None of both, where it is not on the event's way."""
    steps = {stop.path: step_said(parsed(ROOT / stop.path)) for stop in walk}
    assert steps == {stop.path: stop.steps for stop in walk}


def test_an_event_meets_every_step() -> None:
    """From the first to the last, and a file never comes before the steps it begins with."""
    (event,) = re.findall(r"^## One event\n(.*?)^## ", PAGE, flags=re.DOTALL | re.MULTILINE)
    stops = [stop for walk in tables(event) for stop in walk]
    assert {step for stop in stops for step in stop.steps if stop.steps[0] == stop.steps[1]} >= {
        1, 2, 3, 4, 5, 6, 7,
    }  # fmt: skip
    assert stops[0].steps == (1, 1)
    latest = 0
    for first, last in (stop.steps for stop in stops):
        # Features are asked for by the evaluation too, in the middle of steps 4 to 6.
        assert last == 0 or last >= latest - 1
        latest = max(latest, first)


def test_every_room_is_on_the_page_and_on_its_floor() -> None:
    """In the order of the layering contract, and nothing that is no longer there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers,) = (
        contract["layers"]
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == ["streams"]
    )
    floors = {
        member: number
        for number, layer in enumerate(layers, start=1)
        for member in re.split(r"\s*[|:]\s*", layer)
    }
    steps = [(Path(room.path).stem, room.steps[0]) for room in ROOMS]
    assert dict(steps) == floors
    assert [number for _, number in steps] == sorted(number for _, number in steps)
    rooms = {entry.name for entry in (ROOT / "streams").iterdir()} - NOT_ROOMS
    assert {Path(room.path).name for room in ROOMS} == rooms

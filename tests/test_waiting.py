"""Tests wait for what they wait for: a sleep is too short on a slow machine, and too long here."""

import ast
import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.waiting import others_run, until, wait_until

TESTS: Final = Path(__file__).parent
# Who may sleep, and why.
SLEEPERS: Final = {
    "waiting.py": "looks again and again, for everybody",
    "faults/fault_harness.py": "restarts workers while it looks, and lets faults last",
    "faults/fork_server.py": "reaps as `subprocess` does; must start fast, so imports nothing more",
    "faults/proxy.py": "the fault is a slow network",
    "faults/schedule.py": "the fault is a worker that sleeps for longer than its session",
    "faults/source.py": "sends at a given rate",
    "faults/worker_under_test.py": "stands for closing so many judges that a checkpoint is due",
    "faults/test_kill_recorder.py": "spreads what is read over many transactions, to die in each",
    "streams/replay/test_one_log_at_any_speed.py": "sends bit by bit, and waits longer than others",
    "faults/test_schedules.py": "the fault is a worker that sleeps for longer than its session",
}


def sleeps(path: Path) -> bool:
    """Tell whether a file calls `time.sleep`, `asyncio.sleep`, or either by a name of its own."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    calls = [node.func for node in nodes if isinstance(node, ast.Call)]
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    return any(
        isinstance(call, ast.Attribute)
        and call.attr == "sleep"
        and isinstance(call.value, ast.Name)
        and call.value.id in {"asyncio", "time"}
        for call in calls
    ) or any(
        alias.name == "sleep" and line.module in {"asyncio", "time"}
        for line in imports
        for alias in line.names
    )


def test_nobody_sleeps_without_a_reason() -> None:
    """Each file that sleeps is named above, and each that is named sleeps."""
    sleepers = {str(path.relative_to(TESTS)) for path in TESTS.rglob("*.py") if sleeps(path)}
    assert sleepers == set(SLEEPERS)


def test_waiting_ends_as_soon_as_it_is_so() -> None:
    """Whether the answer is there at once, later, or has to be awaited."""
    answers = [False, True, False, True]
    wait_until(lambda: answers.pop(0))

    async def is_so() -> bool:
        return answers.pop(0)

    asyncio.run(until(is_so))
    assert answers == []


def test_waiting_for_what_cannot_come_ends_at_once() -> None:
    """Where a process that was to bring it has ended, its own error is told."""

    def ended() -> None:
        raise ChildProcessError

    with pytest.raises(ChildProcessError):
        wait_until(lambda: False, check=ended)
    with pytest.raises(ChildProcessError):
        asyncio.run(until(lambda: False, check=ended))


def test_others_run_as_often_as_asked() -> None:
    """A task that is ready makes one step in each turn."""

    async def scenario() -> int:
        steps = 0

        async def walk() -> None:
            nonlocal steps
            while True:
                steps += 1
                await others_run()

        walking = asyncio.create_task(walk())
        await others_run(3)
        walking.cancel()
        return steps

    assert asyncio.run(scenario()) == 3

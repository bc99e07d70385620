"""A worker that can be told where to die.

    python -m tests.faults.worker_under_test POINT COUNT RULE ...

It is the worker as people run it, except that its session is shorter than a config may ask for,
and that it ends itself by SIGKILL the COUNT-th time that it comes to POINT: a phase of a
checkpoint, before which it dies, or `recovery`, in the middle of which it does, or `closing`, when
a checkpoint has saved some of the institutions whose days are being closed. At the point
`clock` it lives on, but its time of day jumps by two days every second; at `deaf` it lives on too,
but from its COUNT-th fetch it gets nothing, as when a fetch is never answered. At `patient` nothing
happens to it, and its session is as long as that of people. RULE is the rule of
the protocol that it breaks (`tests.faults.broken`), or none. What follows are a worker's options.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from faust.types import TP

import streams.cli.worker
from streams.faust_driver.transport import ConsumerThread
from streams.kafka.producer import Durable, Outbox
from streams.settings.settings import Settings, load_settings
from streams.state.checkpoint import Checkpointer
from streams.state.phases import Checkpoint, Phase
from streams.worker import partition_days
from streams.worker.batch_run import BatchRun, ClosingDays
from streams.worker.lifecycle import WorkerLifecycle
from streams.worker.partition_days import PartitionDays
from tests.faults.broken import RULES

SESSION_SECONDS = 3.0
NOWHERE = "nowhere"
RECOVERY = "recovery"
CLOSING = "closing"
CLOCK = "clock"
DEAF = "deaf"
PATIENT = "patient"
DAY_SECONDS = 86_400
# So long each institution takes whose day is closed, where one dies between two of them.
CLOSING_SECONDS = 0.2
PHASES = (Phase.MAINS.value, Phase.PARTITION_RECORDS.value, Phase.COMMIT.value)


class Death:
    """Comes at the last of `count` visits."""

    def __init__(self, count: int) -> None:
        """Begin to count."""
        self._left = count

    def visit(self) -> None:
        """Count one visit."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def die_before(phase: str, death: Death) -> None:
    """Die before a phase of a checkpoint that commits something."""
    carry_out = Checkpointer._carry_out

    async def dying(
        self: Checkpointer[object], now: Phase, checkpoint: Checkpoint[Durable]
    ) -> None:
        if now == phase and checkpoint.commits:
            death.visit()
        await carry_out(self, now, checkpoint)

    Checkpointer._carry_out = dying  # type: ignore[assignment]


def die_in_recovery(death: Death) -> None:
    """Die while saved states are read back."""
    recovered = WorkerLifecycle.recovered

    def dying(
        self: WorkerLifecycle[object], partition: int, key: bytes, value: bytes | None
    ) -> None:
        death.visit()
        recovered(self, partition, key, value)

    WorkerLifecycle.recovered = dying  # type: ignore[assignment]


def die_in_closing(death: Death) -> None:
    """Die between the institutions whose days are closed, where a checkpoint lies between two."""
    close_some, carry_out = PartitionDays.close_some, Checkpointer._carry_out
    below = Outbox.below
    closing_now: ClosingDays | None = None
    saved: ClosingDays | None = None

    def dying(self: PartitionDays, batch_run: BatchRun, closing: ClosingDays) -> None:
        nonlocal closing_now
        if closing is saved:
            death.visit()
        close_some(self, batch_run, closing)
        closing_now = batch_run.closing

    async def slowly(self: Outbox, count: int) -> None:
        # As if there were so many institutions that a checkpoint becomes due among them.
        await asyncio.sleep(CLOSING_SECONDS if closing_now else 0)
        await below(self, count)

    async def watched(
        self: Checkpointer[object], now: Phase, checkpoint: Checkpoint[Durable]
    ) -> None:
        nonlocal saved
        before = closing_now
        await carry_out(self, now, checkpoint)
        if now is Phase.MAINS and checkpoint.writes[now] and before is closing_now:
            saved = before

    partition_days.CLOSED_IN_ONE_GO = 1  # type: ignore[misc]
    PartitionDays.close_some = dying  # type: ignore[method-assign]
    Outbox.below = slowly  # type: ignore[method-assign]
    Checkpointer._carry_out = watched  # type: ignore[assignment]


def jump_clock() -> None:
    """Let the time of day be a day ahead in every other second, and a day behind in between."""
    wall_ns, monotonic = time.time_ns, time.monotonic

    def jumping_ns() -> int:
        days = 1 if int(monotonic()) % 2 else -1
        return wall_ns() + days * DAY_SECONDS * 10**9

    time.time_ns = jumping_ns
    time.time = lambda: jumping_ns() / 1e9  # noqa: TID251 - it is replaced, not read


def go_deaf(count: int) -> None:
    """Fetch so often, and never again; heartbeats go on, and so does everything else."""
    drain = ConsumerThread._drain
    left = count

    async def deaf(self: ConsumerThread, *arguments: Any) -> dict[TP, Any]:  # noqa: ANN401 - as it is
        nonlocal left
        left -= 1
        return await drain(self, *arguments) if left > 0 else {}

    ConsumerThread._drain = deaf  # type: ignore[method-assign,assignment]


def with_short_session(path: Path | None = None) -> Settings:
    """Return the settings, with a session that others need not wait long for."""
    settings = load_settings(path)
    kafka = msgspec.structs.replace(settings.file.kafka, session_timeout_seconds=SESSION_SECONDS)
    file = msgspec.structs.replace(settings.file, kafka=kafka)
    return msgspec.structs.replace(settings, file=file)


def live(arguments: Sequence[str]) -> None:
    """Be the worker that these arguments ask for."""
    point, count, rule, *options = arguments
    RULES[rule]()
    if point == RECOVERY:
        die_in_recovery(Death(int(count)))
    elif point == CLOSING:
        die_in_closing(Death(int(count)))
    elif point == CLOCK:
        jump_clock()
    elif point == DEAF:
        go_deaf(int(count))
    elif point not in (NOWHERE, PATIENT):
        die_before(point, Death(int(count)))
    if point != PATIENT:
        streams.cli.worker.load_settings = with_short_session  # type: ignore[attr-defined,assignment]
    streams.cli.worker.command(options)


if __name__ == "__main__":
    live(sys.argv[1:])

"""A worker that can be told where to die: `python -m tests.faults.victim POINT COUNT --config F`.

It is the worker as people run it, except that its session is shorter than a config may ask for,
and that it ends itself by SIGKILL the COUNT-th time that it comes to POINT: a phase of a
checkpoint, before which it dies, or `recovery`, in the middle of which it does. At the point
`clock` it lives on, but its time of day jumps by two days every second.
"""

import os
import signal
import sys
import time
from pathlib import Path

import msgspec

import streams.cli.worker
from streams.checkpoint import Checkpointer
from streams.config import Settings, load_settings
from streams.protocol import Checkpoint, Phase
from streams.steward import Steward

SESSION_SECONDS = 3.0
NOWHERE = "nowhere"
RECOVERY = "recovery"
CLOCK = "clock"
DAY_SECONDS = 86_400
PHASES = (Phase.MAINS.value, Phase.BARRIERS.value, Phase.COMMIT.value)


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

    async def dying(self: Checkpointer[object], now: Phase, checkpoint: Checkpoint) -> None:
        if now == phase and checkpoint.commits:
            death.visit()
        await carry_out(self, now, checkpoint)

    Checkpointer._carry_out = dying  # type: ignore[assignment]


def die_in_recovery(death: Death) -> None:
    """Die while saved states are read back."""
    recovered = Steward.recovered

    def dying(self: Steward[object], partition: int, key: bytes, value: bytes | None) -> None:
        death.visit()
        recovered(self, partition, key, value)

    Steward.recovered = dying  # type: ignore[assignment]


def jump_clock() -> None:
    """Let the time of day be a day ahead in every other second, and a day behind in between."""
    wall_ns, monotonic = time.time_ns, time.monotonic

    def jumping_ns() -> int:
        days = 1 if int(monotonic()) % 2 else -1
        return wall_ns() + days * DAY_SECONDS * 10**9

    time.time_ns = jumping_ns
    time.time = lambda: jumping_ns() / 1e9  # noqa: TID251 - it is replaced, not read


def with_short_session(path: Path | None = None) -> Settings:
    """Return the settings, with a session that others need not wait long for."""
    settings = load_settings(path)
    kafka = msgspec.structs.replace(settings.kafka, session_timeout_seconds=SESSION_SECONDS)
    return msgspec.structs.replace(settings, kafka=kafka)


if __name__ == "__main__":
    point, count = sys.argv[1], int(sys.argv[2])
    del sys.argv[1:3]
    if point == RECOVERY:
        die_in_recovery(Death(count))
    elif point == CLOCK:
        jump_clock()
    elif point != NOWHERE:
        die_before(point, Death(count))
    streams.cli.worker.load_settings = with_short_session  # type: ignore[attr-defined,assignment]
    streams.cli.worker.command()

"""Who is the recorder: whoever of the workers holds the one partition of the decisions.

The group only chooses. That there is never more than one who writes is certain by the recorder's
transactional id, not by the group: one that lost the role in its sleep is fenced out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiokafka.errors import ProducerFenced

from streams.group import Group
from streams.steward import stop_for
from streams.transport import Batch

logger = logging.getLogger("headgate.recorder")

Run = Callable[[], Awaitable[None]]


class RecorderAgent:
    """Runs the recorder for as long as the role is ours."""

    __slots__ = ("_group", "_run", "_running", "_stop")

    def __init__(
        self, run: Run, *, group: Group, stop: Callable[[Exception], None] = stop_for
    ) -> None:
        """Keep what is run; `stop` is told of a failure after which nobody may go on."""
        self._run = run
        self._group = group
        self._stop = stop
        self._running: asyncio.Task[None] | None = None

    def revoked(self) -> None:
        """Go on meanwhile: most rebalances give the role back, and another would fence us out."""

    async def recovery_complete(self) -> None:
        """Begin or end, as the role is ours or not."""
        ours = bool(self._group.assigned())
        if self._running is not None and (self._running.done() or not ours):
            self._running.cancel()
            await asyncio.wait({self._running})
            self._running = None
        if ours and self._running is None:
            self._running = asyncio.create_task(self._record(), name="recorder")

    async def close(self) -> None:
        """End for good."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    async def handle(self, partition: int, batch: Batch) -> None:
        """Commit what the recorder reads by itself: in this group the topic only gives the role."""
        await self._group.commit({partition: batch.span.end})

    async def _record(self) -> None:
        try:
            await self._run()
        except ProducerFenced:
            logger.info("Another records now.")
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - every failure ends the process.
            self._stop(error)

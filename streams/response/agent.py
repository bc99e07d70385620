"""Step 7 of 7: which worker records: the one that holds the one partition of the decisions.

The group only chooses. That there is never more than one who writes is certain by the recorder's
transactional id, not by the group: one that lost the role in its sleep is fenced out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka.errors import ProducerFenced

from detectors.errors import StateError
from streams.faust_driver.group import Group
from streams.kafka.records import Batch, Offsets, Positions

logger = logging.getLogger("headgate.recorder")

# After being fenced out, or refused: a rebalance is through by then.
PATIENCE_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 5.0

RunRecorder = Callable[[], Awaitable[None]]


class RecorderAgent:
    """Runs the recorder for as long as the role is ours."""

    __slots__ = ("_group", "_patience_seconds", "_recorded", "_run", "_running", "_stop")

    def __init__(
        self,
        run: RunRecorder,
        *,
        recorded: Positions,
        group: Group,
        stop: Callable[[Exception], None],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Keep what is run, who tells how far it is, and whom a failure that ends all is told."""
        self._patience_seconds = patience_seconds
        self._run = run
        self._recorded = recorded
        self._group = group
        self._stop = stop
        self._running: asyncio.Task[None] | None = None

    def revoked(self) -> None:
        """Go on meanwhile: most rebalances give the role back, and another would fence us out."""

    async def recovery_complete(self) -> None:
        """Begin or end, as the role is ours or not."""
        ours = self._ours
        if self._running is not None and (self._running.done() or not ours):
            await self.close()
        if ours and self._running is None:
            self._running = asyncio.create_task(self._record(), name="recorder")

    def positions(self) -> Offsets:
        """Return what the recorder has recorded; it tells nothing while it does not run."""
        return self._recorded()

    async def close(self) -> None:
        """End; what is not committed by then, another will fence out."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running}, timeout=_STOP_SECONDS)
            self._running = None

    async def handle(self, partition: int, batch: Batch) -> None:
        """Commit what the recorder reads by itself: in this group the topic only gives the role."""
        await self._group.commit({partition: batch.span.end})

    @property
    def _ours(self) -> bool:
        return bool(self._group.assigned())

    async def _record(self) -> None:
        while self._ours:
            try:
                await self._run()
            except ProducerFenced:
                # By another, to whom the group is about to give the role; or by the broker, since
                # we slept through a transaction.
                logger.warning("Fenced out: another records, or we slept too long.")
            except StateError as error:
                # A damaged record must not stop the judges, and no restart would heal it.
                logger.critical(
                    "The audit is refused, and nothing follows from alerts.",
                    extra={"detail": str(error)},
                )
            except Exception as error:  # noqa: BLE001 - every other failure ends the process.
                self._stop(error)
                return
            await asyncio.sleep(self._patience_seconds)

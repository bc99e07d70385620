"""Faust's recovery, without its pauses, and with an error where a step takes too long.

Faust waits for each step with a time-out. When that passes, it believes that the worker is being
stopped, and ends the task that reads states back, without a word. The process lives on, keeps its
partitions from others, and would wait at the next rebalance for ever.
"""

import asyncio

from faust.tables import TableManager
from faust.tables.recovery import Recovery
from mode.services import WaitArgT
from mode.utils.times import Seconds, want_seconds


class ImpatientRecovery(Recovery):
    """Crashes when a step takes too long, and with it the app, which ends the process."""

    async def _wait(
        self,
        coro: WaitArgT,
        timeout: Seconds | None = None,  # noqa: ASYNC109 - Faust's signature.
    ) -> None:
        limit_seconds = None if timeout is None else want_seconds(timeout)
        async with asyncio.timeout(limit_seconds):
            await super()._wait(coro)


class Tables(TableManager):
    """Faust's tables, read back at once and by an impatient recovery."""

    async def on_start(self) -> None:
        """Begin recovery without the second that Faust leaves for tables to be declared in."""
        # Our one table is known before the app starts.
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> Recovery:
        """Return the one recovery of the app."""
        if self._recovery is None:
            self._recovery = ImpatientRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

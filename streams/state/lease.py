"""The lease: a worker that slept too long may have been replaced, and must not write.

Nothing fences a write to the state topic, so a worker stops before writing when its own event
loop has not run for half a session: by then the group may have given its partitions away.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from detectors.errors import HeadgateError
from streams.clock import monotonic_seconds

STAMP_SECONDS: Final = 0.25
_SAFE_SESSION_RATIO: Final = 0.5


class LeaseLostError(HeadgateError):
    """The worker slept for longer than it may be sure of its partitions."""


class Lease:
    """Stamped by a task of the event loop; `check` before every write.

    >>> now = [0.0]
    >>> lease = Lease(session_seconds=10.0, now=lambda: now[0])
    >>> now[0] = 4.0
    >>> lease.check()
    >>> lease.stamp()
    >>> now[0] = 9.5
    >>> lease.check()
    Traceback (most recent call last):
    streams.state.lease.LeaseLostError: slept 5.5 s of a session of 10 s
    """

    __slots__ = ("_now", "_session_seconds", "_stamped_seconds")

    def __init__(
        self, *, session_seconds: float, now: Callable[[], float] = monotonic_seconds
    ) -> None:
        """Take the session's length."""
        self._session_seconds = session_seconds
        self._now = now
        self._stamped_seconds = now()

    def begin(self) -> None:
        """Begin awake, whatever was before: nothing is held yet."""
        self._stamped_seconds = self._now()

    def stamp(self) -> None:
        """Note that the event loop runs.

        Raises:
            LeaseLostError: it has not run for too long.
        """
        self.check()
        self._stamped_seconds = self._now()

    def check(self) -> None:
        """Look whether the last stamp is recent.

        Raises:
            LeaseLostError: it is too old.
        """
        slept_seconds = self._now() - self._stamped_seconds
        if slept_seconds > self._session_seconds * _SAFE_SESSION_RATIO:
            message = f"slept {slept_seconds:.1f} s of a session of {self._session_seconds:g} s"
            raise LeaseLostError(message)

    async def keep(self) -> None:
        """Begin awake, and stamp for ever."""
        self.begin()
        while True:
            self.stamp()
            await asyncio.sleep(STAMP_SECONDS)

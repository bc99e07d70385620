"""To wait for the world: look until it is so, and fail where it takes too long.

What happens in this process has an event to wait for. Another process, a broker or a file has
none: there somebody must look again and again, and only here.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

SECONDS_MAX = 60
LOOK_SECONDS = 0.1


def _nothing() -> None:
    """Look after nothing."""


def wait_until(
    is_so: Callable[[], bool], *, what: str = "", check: Callable[[], None] = _nothing
) -> None:
    """Look until it is so, for a minute at most; `check` raises where waiting has no sense."""
    end_seconds = time.monotonic() + SECONDS_MAX
    while not is_so():
        check()
        assert time.monotonic() < end_seconds, f"{what or is_so}: not in {SECONDS_MAX} s"
        time.sleep(LOOK_SECONDS)


async def until(
    is_so: Callable[[], bool | Awaitable[bool]],
    *,
    what: str = "",
    check: Callable[[], None] = _nothing,
    seconds_max: float = SECONDS_MAX,
) -> None:
    """Look until it is so, as `wait_until` does, while others run."""
    end_seconds = time.monotonic() + seconds_max
    while not (answer if isinstance(answer := is_so(), bool) else await answer):
        check()
        assert time.monotonic() < end_seconds, f"{what or is_so}: not in {seconds_max} s"
        await asyncio.sleep(LOOK_SECONDS)


async def others_run(turns_count: int = 1) -> None:
    """Let every task that is ready run on, once or more often; no time need pass."""
    for _ in range(turns_count):
        await asyncio.sleep(0)

"""The lease: who has slept for half a session may have been replaced, and writes nothing."""

import asyncio

import pytest

from streams.state.lease import STAMP_SECONDS, Lease, LeaseLostError
from tests.waiting import until


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.now_seconds = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_seconds


@pytest.mark.parametrize(("slept_seconds", "lost"), [(4.9, False), (5.0, False), (5.1, True)])
def test_half_a_session_may_be_slept(slept_seconds: float, *, lost: bool) -> None:
    """To the bound itself; a check changes nothing, so that many may ask."""
    clock = Clock()
    lease = Lease(session_seconds=10.0, now=clock)
    clock.now_seconds = slept_seconds
    for _ in range(2):
        if lost:
            with pytest.raises(LeaseLostError, match=r"slept 5\.1 s of a session of 10 s"):
                lease.check()
        else:
            lease.check()


def test_a_stamp_does_not_wake_whom_nobody_may_trust_any_more() -> None:
    """The first thing that runs after a sleep is often the stamp."""
    clock = Clock()
    lease = Lease(session_seconds=10.0, now=clock)
    clock.now_seconds = 6.0
    with pytest.raises(LeaseLostError):
        lease.stamp()
    with pytest.raises(LeaseLostError):
        lease.check()


def test_each_stamp_gives_half_a_session_more() -> None:
    """Whoever stamps often may go on for ever."""
    clock = Clock()
    lease = Lease(session_seconds=10.0, now=clock)
    for now_seconds in (4.0, 8.0, 12.0):
        clock.now_seconds = now_seconds
        lease.stamp()
    clock.now_seconds = 17.0
    lease.check()


def test_whoever_begins_is_awake() -> None:
    """Nothing is held yet, so what was slept before does not count."""
    clock = Clock()
    lease = Lease(session_seconds=10.0, now=clock)
    clock.now_seconds = 60.0
    lease.begin()
    clock.now_seconds = 65.0
    lease.check()


def test_the_task_of_the_lease_begins_stamps_and_ends_with_the_sleep() -> None:
    """It stamps again and again while the loop runs, and raises once it has not."""
    clock = Clock()
    lease = Lease(session_seconds=10.0, now=clock)
    clock.now_seconds = 100.0

    async def scenario() -> None:
        keeping = asyncio.create_task(lease.keep())

        def is_stamped() -> bool:
            return lease._stamped_seconds == clock.now_seconds

        await until(is_stamped)
        clock.now_seconds += STAMP_SECONDS
        await until(is_stamped)
        clock.now_seconds += 5.1
        with pytest.raises(LeaseLostError):
            await keeping

    asyncio.run(scenario())

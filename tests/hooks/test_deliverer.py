"""Many deliveries at once: in order for one institution, and nobody waits for another's."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from streams.hooks.config import HookConfig
from streams.hooks.deliverer import Deliverer
from streams.hooks.delivery import Delivery, PostOutcome
from streams.hooks.watch import HookWatch
from tests.waiting import others_run

Make = Callable[..., Delivery]
QUICK = HookConfig(backoff_seconds_min=0.001, backoff_seconds_max=0.002, concurrency_max=3)


class Bench:
    """A deliverer over a scripted post, and what it told."""

    def __init__(self, post: Callable[[Delivery], Awaitable[PostOutcome]]) -> None:
        """Note what ends."""
        self.ended: list[str] = []
        self.attempts: Counter[PostOutcome] = Counter()
        self.moved = asyncio.Event()
        self.deliverer = Deliverer(
            post,
            config=QUICK,
            attempted=lambda _delivery, outcome: self.attempts.update([outcome]),
            ended=self._end,
        )

    def _end(self, delivery: Delivery) -> None:
        self.ended.append(delivery.id)
        self.moved.set()

    async def until_ended(self, count: int) -> None:
        """Wait until `count` deliveries have ended."""
        async with asyncio.timeout(10):
            while len(self.ended) < count:
                self.moved.clear()
                await self.moved.wait()


def test_a_delivery_is_tried_until_it_is_acknowledged(delivery: Make) -> None:
    """Whatever went wrong before."""
    answers = iter(
        [*(outcome for outcome in PostOutcome if outcome is not PostOutcome.ACKNOWLEDGED)] * 2
    )

    async def post(_delivery: Delivery) -> PostOutcome:
        return next(answers, PostOutcome.ACKNOWLEDGED)

    async def run() -> Bench:
        bench = Bench(post)
        bench.deliverer.take(delivery())
        await bench.until_ended(1)
        return bench

    bench = asyncio.run(run())
    assert bench.ended == ["north.0"]
    assert bench.attempts[PostOutcome.ACKNOWLEDGED] == 1
    assert bench.attempts.total() == 2 * (len(PostOutcome) - 1) + 1


def test_one_institutions_deliveries_keep_their_order_through_failures(delivery: Make) -> None:
    """A release must not overtake its suspension, even if that had to be tried five times."""
    tries: Counter[str] = Counter()

    async def post(attempted: Delivery) -> PostOutcome:
        tries[attempted.id] += 1
        return (
            PostOutcome.ACKNOWLEDGED
            if tries[attempted.id] > attempted.offset % 5
            else PostOutcome.FAILED
        )

    async def run() -> list[str]:
        bench = Bench(post)
        for number in reversed(range(20)):
            bench.deliverer.take(delivery(number=number))
        await bench.until_ended(20)
        return bench.ended

    assert [f"north.{number}" for number in reversed(range(20))] == asyncio.run(run())


def test_an_institution_whose_deliveries_fail_or_hang_keeps_no_other_waiting(
    delivery: Make,
) -> None:
    """Two lanes are stuck, in two ways; the third slot serves all others."""

    async def post(attempted: Delivery) -> PostOutcome:
        if attempted.institution == "hangs":
            await asyncio.Event().wait()
        return PostOutcome.FAILED if attempted.institution == "fails" else PostOutcome.ACKNOWLEDGED

    async def run() -> tuple[list[str], int]:
        bench = Bench(post)
        for name in ("hangs", "fails", "a", "b", "c", "d"):
            bench.deliverer.take(delivery(name))
            bench.deliverer.take(delivery(name, 1))
        await bench.until_ended(8)
        waiting_count = bench.deliverer.waiting_count
        await bench.deliverer.forget()
        return bench.ended, waiting_count

    ended, waiting_count = asyncio.run(run())
    assert {f"{name}.{number}" for name in "abcd" for number in (0, 1)} == set(ended)
    assert waiting_count == 4


def test_no_more_requests_are_on_their_way_than_the_receiver_was_promised(delivery: Make) -> None:
    """However many institutions there are."""
    most = now = 0

    async def post(_delivery: Delivery) -> PostOutcome:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await others_run()
        now -= 1
        return PostOutcome.ACKNOWLEDGED

    async def run() -> None:
        bench = Bench(post)
        for number in range(50):
            bench.deliverer.take(delivery(f"i{number}"))
        await bench.until_ended(50)

    asyncio.run(run())
    assert most == QUICK.concurrency_max


def test_a_bug_in_a_lane_is_raised_and_not_lost(delivery: Make) -> None:
    """A task that died in silence would be an institution that nobody hears of."""

    async def post(_delivery: Delivery) -> PostOutcome:
        raise ZeroDivisionError

    async def run() -> None:
        bench = Bench(post)
        bench.deliverer.take(delivery())
        async with asyncio.timeout(5):
            while True:
                bench.deliverer.check()
                await others_run()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())


def test_a_hook_that_is_dead_is_a_metric_until_it_lives_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A rule can fire on it; the log says it once."""
    registry = CollectorRegistry()
    watch = HookWatch(registry, dead_after_seconds=300.0)
    states = []
    with caplog.at_level("INFO", "headgate.hook"):
        for waiting_count, tried_seconds in [
            (0, 0.0),
            (2, 299.0),
            (2, 301.0),
            (3, 400.0),
            (1, 0.2),
        ]:
            watch.looked(waiting_count=waiting_count, tried_seconds=tried_seconds)
            states.append(registry.get_sample_value("headgate_hook_dead"))
    assert states == [0.0, 0.0, 1.0, 1.0, 0.0]
    assert [record.getMessage() for record in caplog.records] == [
        "The hook is dead: a delivery has been tried for too long.",
        "The hook lives again.",
    ]


def test_every_outcome_has_its_series_from_the_start() -> None:
    """A series that is absent is a fault, never a zero."""
    registry = CollectorRegistry()
    HookWatch(registry, dead_after_seconds=300.0)
    name = "headgate_hook_attempts_total"
    values = {
        outcome: registry.get_sample_value(name, {"outcome": outcome.value})
        for outcome in PostOutcome
    }
    assert values == dict.fromkeys(PostOutcome, 0.0)


def test_what_fails_in_a_row_is_told_once_and_counted_each_time(
    delivery: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Another kind of failure is news, and so is the same one after a success."""
    registry = CollectorRegistry()
    watch = HookWatch(registry, dead_after_seconds=300.0)
    failed, refused, taken = PostOutcome.FAILED, PostOutcome.REFUSED, PostOutcome.ACKNOWLEDGED
    for outcome in (failed, failed, refused, refused, taken, refused):
        watch.attempted(delivery(), outcome)
    warnings = [line.__dict__["outcome"] for line in caplog.records]
    assert warnings == ["failed", "refused", "refused"]
    counts = [
        registry.get_sample_value("headgate_hook_attempts_total", {"outcome": outcome.value})
        for outcome in (failed, refused, taken)
    ]
    assert counts == [2.0, 3.0, 1.0]


def test_a_record_that_is_no_cloudevent_is_counted_and_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Somebody else has written to the topic: an error in the log, with its offset."""
    registry = CollectorRegistry()
    HookWatch(registry, dead_after_seconds=300.0).unreadable(17)
    assert registry.get_sample_value("headgate_hook_unreadable_total") == 1.0
    (line,) = caplog.records
    assert (line.levelname, line.__dict__["offset"]) == ("ERROR", 17)

"""Step 7 of 7: deliveries -> attempts, in order for one institution, side by side for many."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, retry_if_result, wait_random_exponential

from streams.clock import monotonic_seconds
from streams.hooks.config import HookConfig
from streams.hooks.delivery import Delivery, PostOutcome

Post = Callable[[Delivery], Awaitable[PostOutcome]]
Ended = Callable[[Delivery], None]
Attempted = Callable[[Delivery, PostOutcome], None]


class Deliverer:
    """One lane an institution: its deliveries one after the other, each until acknowledged.

    A lane that waits for another attempt holds no slot, so that an institution whose deliveries
    fail keeps nobody else waiting.
    """

    __slots__ = (
        "_attempted",
        "_begun_seconds",
        "_ended",
        "_lanes",
        "_post",
        "_retrying",
        "_slots",
        "_tasks",
    )

    def __init__(
        self, post: Post, *, config: HookConfig, attempted: Attempted, ended: Ended
    ) -> None:
        """Deliver by `post`; tell of each attempt, and of each delivery that has ended."""
        self._begun_seconds: dict[str, float] = {}
        self._post = post
        self._attempted = attempted
        self._ended = ended
        self._slots = asyncio.Semaphore(config.concurrency_max)
        self._lanes: dict[str, deque[Delivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._retrying = AsyncRetrying(
            retry=retry_if_result(_is_open),
            # Random, so that the institutions of a receiver that comes back don't come at once.
            wait=wait_random_exponential(
                multiplier=config.backoff_seconds_min,
                min=config.backoff_seconds_min,
                max=config.backoff_seconds_max,
            ),
        )

    @property
    def waiting_count(self) -> int:
        """Return how many deliveries are not acknowledged."""
        return sum(map(len, self._lanes.values()))

    @property
    def tried_seconds(self) -> float:
        """Return for how long the oldest of them has been tried; 0 where none waits."""
        now_seconds = monotonic_seconds()
        return now_seconds - min(self._begun_seconds.values(), default=now_seconds)

    def take(self, delivery: Delivery) -> None:
        """Deliver after all that was taken before for the same institution."""
        lane = self._lanes.get(delivery.institution)
        if lane is not None:
            lane.append(delivery)
            return
        self._lanes[delivery.institution] = deque([delivery])
        task = asyncio.create_task(self._serve(delivery.institution))
        self._tasks.add(task)

    def check(self) -> None:
        """Raise what ended a lane: only a bug can."""
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.discard(task)
            task.result()

    async def forget(self) -> None:
        """Stop at once; what was not acknowledged is still in the topic."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lanes.clear()
        self._begun_seconds.clear()

    async def _serve(self, institution: str) -> None:
        lane = self._lanes[institution]
        while lane:
            self._begun_seconds[institution] = monotonic_seconds()
            # A copy each: a retrying object remembers the attempt that it is at.
            await self._retrying.copy()(self._attempt, lane[0])
            self._ended(lane.popleft())
        del self._lanes[institution], self._begun_seconds[institution]

    async def _attempt(self, delivery: Delivery) -> PostOutcome:
        async with self._slots:
            outcome = await self._post(delivery)
        self._attempted(delivery, outcome)
        return outcome


def _is_open(outcome: PostOutcome) -> bool:
    return outcome is not PostOutcome.ACKNOWLEDGED

"""Step 7 of 7: what the deliverer does -> metrics and logs; a hook that is dead says so."""

import logging

from prometheus_client import CollectorRegistry, Counter, Gauge

from streams.hooks.delivery import Delivery, PostOutcome
from streams.metrics.hook_table import HOOK_ATTEMPTS, HOOK_DEAD, HOOK_UNREADABLE, HOOK_WAITING

logger = logging.getLogger("headgate.hook")


class HookWatch:
    """Knows whether the receiver lives, by how long the oldest delivery has been tried.

    >>> watch = HookWatch(CollectorRegistry(), dead_after_seconds=300.0)
    >>> watch.looked(waiting_count=1, tried_seconds=301.0)
    >>> watch.is_dead
    True
    """

    __slots__ = (
        "_attempts",
        "_dead",
        "_dead_after_seconds",
        "_failed",
        "_unreadable",
        "_waiting",
        "is_dead",
    )

    def __init__(self, registry: CollectorRegistry, *, dead_after_seconds: float) -> None:
        """Register everything, at zero."""
        self._attempts = Counter(
            HOOK_ATTEMPTS.name, HOOK_ATTEMPTS.meaning, HOOK_ATTEMPTS.labels, registry=registry
        )
        self._waiting = Gauge(HOOK_WAITING.name, HOOK_WAITING.meaning, registry=registry)
        self._dead = Gauge(HOOK_DEAD.name, HOOK_DEAD.meaning, registry=registry)
        self._unreadable = Counter(HOOK_UNREADABLE.name, HOOK_UNREADABLE.meaning, registry=registry)
        for outcome in PostOutcome:
            self._attempts.labels(outcome=outcome.value)
        self._dead_after_seconds = dead_after_seconds
        self._failed: PostOutcome | None = None
        self.is_dead = False

    def attempted(self, delivery: Delivery, outcome: PostOutcome) -> None:
        """Count an attempt; the log tells of the first of a kind in a row."""
        self._attempts.labels(outcome=outcome.value).inc()
        if outcome is PostOutcome.ACKNOWLEDGED:
            self._failed = None
            return
        if outcome is not self._failed:
            self._failed = outcome
            logger.warning(
                "A delivery was not acknowledged; it will be tried again.",
                extra={"delivery_id": delivery.id, "outcome": outcome.value},
            )

    def unreadable(self, offset: int) -> None:
        """Count a record that is no CloudEvent."""
        self._unreadable.inc()
        logger.error(
            "A record of the suspensions is no CloudEvent; it is passed over.",
            extra={"offset": offset},
        )

    def looked(self, *, waiting_count: int, tried_seconds: float) -> None:
        """Note what waits, and for how long the oldest of it has been tried."""
        self._waiting.set(waiting_count)
        is_dead = tried_seconds > self._dead_after_seconds
        if is_dead and not self.is_dead:
            logger.error(
                "The hook is dead: a delivery has been tried for too long.",
                extra={"tried_seconds": round(tried_seconds), "waiting_count": waiting_count},
            )
        elif self.is_dead and not is_dead:
            logger.info("The hook lives again.")
        self.is_dead = is_dead
        self._dead.set(is_dead)

"""Step 3 of 7: times of events -> how far the time of a log has come, and what is over.

Time is that of the events, never a clock's. A day is closed once the log is beyond its end by the
grace that late events are given; then it is summarised, and references may rest on it.
"""

from typing import Final

from msgspec import Struct

from detectors.instants import DAY_MS

# The furthest that one institution alone may carry the time of all: its clock may be wrong.
ALONE_DAYS_MAX: Final = 31


class EventTime(Struct, frozen=True, kw_only=True):
    """How far a log has come, in ms since the epoch, and who claims that it is later than that."""

    reached_ms: int = -1
    ahead_ms: int = -1
    ahead_institution: str = ""


class EventClock:
    """The time of one log; `due_ms` is the next moment at which something may be due.

    >>> clock = EventClock(grace_ms=DAY_MS // 2)
    >>> clock.reach("north", 40 * DAY_MS), clock.day, clock.last_closed_day
    (True, 40, 38)
    >>> clock.reach("north", 90 * DAY_MS), clock.reach("south", 80 * DAY_MS), clock.day
    (False, True, 80)
    """

    __slots__ = ("_alone_ms", "_grace_ms", "due_ms", "time")

    due_ms: int
    time: EventTime

    def __init__(
        self,
        *,
        grace_ms: int,
        alone_days_max: int = ALONE_DAYS_MAX,
        time: EventTime | None = None,
    ) -> None:
        """Begin at `time`, by default before any."""
        self._grace_ms = grace_ms
        self._alone_ms = alone_days_max * DAY_MS
        self._set(EventTime() if time is None else time)

    @property
    def day(self) -> int:
        """Return the day that the log has reached, since the epoch; -1 before any event."""
        return self.time.reached_ms // DAY_MS

    @property
    def last_closed_day(self) -> int:
        """Return the last day of which no event is waited for any more."""
        return (self.time.reached_ms - self._grace_ms) // DAY_MS - 1

    def reach(self, institution: str, at_ms: int, *, sure: bool = False) -> bool:
        """Note an event at `at_ms`; tell whether the time has moved by it.

        One far beyond the time so far is believed if it is `sure`, or once a second institution
        has come as far.
        """
        time = self.time
        if at_ms < self.due_ms:
            return False
        if sure or time.reached_ms < 0 or at_ms <= time.reached_ms + self._alone_ms:
            self._set(EventTime(reached_ms=at_ms))
            return True
        if time.ahead_institution in ("", institution):
            self.time = EventTime(
                reached_ms=time.reached_ms, ahead_ms=at_ms, ahead_institution=institution
            )
            return False
        self._set(EventTime(reached_ms=min(at_ms, time.ahead_ms)))
        return True

    def _set(self, time: EventTime) -> None:
        self.time = time
        if time.reached_ms < 0:
            self.due_ms = 0
            return
        day_ends_ms = (time.reached_ms // DAY_MS + 1) * DAY_MS
        # The grace ends at the same hour of each day.
        past_ms = (time.reached_ms - self._grace_ms) % DAY_MS
        self.due_ms = min(day_ends_ms, time.reached_ms - past_ms + DAY_MS)

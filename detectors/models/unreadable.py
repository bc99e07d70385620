"""Step 4 of 7: event -> score. Unreadable: too much of what an institution sends cannot be read.

Catches a producer that is broken for one institution, and an accused who spoils the records: what
cannot be read is judged by less than was taken, or not at all.
Misses a share of unreadable events that is no larger than allowed.

Source: none but our own cases; a watch that can be blinded must say when it sees little.
A rule: it bypasses calibration. It speaks in alerts of its own, apart from what was taken, for a
broken producer is no theft. Events judged in part and rejected ones count alike; days are UTC.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Final

from msgspec import Meta, Struct, field

from detectors.detector import DetectorMode
from detectors.features.windows import WEEK_DAYS

# Before an institution's first judged event its time is not known: what is rejected by then counts
# to the day of that event.
BEFORE_ANY_DAY: Final = 0
# The names of reasons are few; whoever invents some must not let the state grow.
_REASONS_MAX: Final = 64


class UnreadableConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune."""

    mode: DetectorMode = "on"
    allowed_ratio: Annotated[
        float, Meta(gt=0, le=1, description="of the events of 7 days that may be unreadable")
    ] = 0.01
    events_min: Annotated[
        int, Meta(ge=1, description="unreadable events in 7 days that are too few to matter")
    ] = 20
    harmless_repairs: Annotated[
        tuple[str, ...], Meta(description="repairs after which nothing is missing: not counted")
    ] = ("amount_rewritten", "id_missing", "name_cleaned", "value_unknown")


class UnreadDay(Struct, kw_only=True, array_like=True):
    """What could not be read on one day: events by what became of them, and why."""

    rejected: int = 0
    repaired: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


class UnreadableState(Struct, kw_only=True):
    """The days of the last week with unreadable events, and what was said of them."""

    days: dict[int, UnreadDay] = field(default_factory=dict)
    number: Annotated[int, Meta(description="of the alert that is open, or was last")] = 0
    revision: Annotated[int, Meta(description="of the open alert; 0: none is open")] = 0
    told_events: Annotated[int, Meta(description="unreadable ones when it was told last")] = 0


class UnreadWeek(Struct, frozen=True, kw_only=True):
    """Seven days together."""

    rejected: int
    repaired: int
    reasons: Counter[str]

    @property
    def events(self) -> int:
        """Return how many events could not be read as they were written."""
        return self.rejected + self.repaired


class Unreadable:
    """Counts what cannot be read, and tells when it is too much.

    >>> unreadable = Unreadable(UnreadableConfig(events_min=2), UnreadableState())
    >>> unreadable.count(7, ["text_cut"], rejected=False)
    >>> unreadable.is_too_much(unreadable.week(7), total=10)
    False
    >>> unreadable.count(8, ["not_json"], rejected=True)
    >>> unreadable.is_too_much(unreadable.week(8), total=10)
    True
    """

    __slots__ = ("config", "state")

    def __init__(self, config: UnreadableConfig, state: UnreadableState) -> None:
        """Keep the knobs and the days that survived."""
        self.config = config
        self.state = state

    def counts(self, repairs: Iterable[str]) -> bool:
        """Tell whether what was mended may have hidden something."""
        return any(repair not in self.config.harmless_repairs for repair in repairs)

    def count(
        self, day: int, reasons: Iterable[str], *, rejected: bool, first_day: int = -1
    ) -> None:
        """Count one event; days since the epoch, `first_day` that of the first judged one."""
        days = self.state.days
        today = days.setdefault(day, UnreadDay())
        for old in [each for each in days if not _is_of_week(each, day, first_day=first_day)]:
            del days[old]
        today.rejected += rejected
        today.repaired += not rejected
        for reason in reasons:
            if reason in today.reasons or len(today.reasons) < _REASONS_MAX:
                today.reasons[reason] = today.reasons.get(reason, 0) + 1

    def week(self, day: int, *, first_day: int = -1) -> UnreadWeek:
        """Return the seven days that end with `day`."""
        days = [
            unread
            for each, unread in self.state.days.items()
            if _is_of_week(each, day, first_day=first_day)
        ]
        reasons: Counter[str] = Counter()
        for unread in days:
            reasons.update(unread.reasons)
        return UnreadWeek(
            rejected=sum(unread.rejected for unread in days),
            repaired=sum(unread.repaired for unread in days),
            reasons=reasons,
        )

    def is_too_much(self, week: UnreadWeek, *, total: int) -> bool:
        """Tell whether so much of `total` events of these days is beyond what is allowed."""
        config = self.config
        return week.events >= config.events_min and week.events > config.allowed_ratio * total


def _is_of_week(each: int, day: int, *, first_day: int) -> bool:
    """Tell whether a day is one of the seven that end with `day`."""
    # No day is before the first one.
    return max(each, first_day) > day - WEEK_DAYS

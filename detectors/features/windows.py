"""Step 3 of 7: what was taken -> sliding sums over 5 min, 1 h, 1 d, 7 d and 30 d of event time.

    5 min   |#|                       the open bucket
    1 h     |###########|#|           and the eleven 5-minute buckets before it
    1 d     |.... 23 hours ....|##|   the open hour and the 23 before
    7 d, 30 d                         today and the 6 or 29 days before, UTC

What is taken goes from one to the next:

    open --(5 minutes end)--> buckets, unsettled --(the hour ends, or somebody looks)--> hours, days

Invariant, for each quantity: `buckets` and `open` add up to the hour; `hours`, unsettled and `open`
to the day; `days`, unsettled and `open` to the month. Unsettled are buckets of the open hour that
are closed, but in neither their hour nor their day yet.

All amounts are integers, so adding and later subtracting a bucket is exact. Each bucket stops at
`AMOUNT_MAX`, so that a month of absurd events still fits the 64-bit integers of a saved state.
"""

from collections.abc import Iterable
from enum import IntEnum
from operator import add, sub
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

BUCKET_MS: Final = 300_000
BUCKETS_PER_HOUR: Final = 12
BUCKETS_PER_DAY: Final = 288
HOURS_PER_DAY: Final = 24
# 30 days and the open bucket, each at this bound, add up to less than 2**63.
AMOUNT_MAX: Final = 2**58


class Window(IntEnum):
    """The sliding windows, from the shortest."""

    MINUTES_5 = 0
    HOUR = 1
    DAY = 2
    WEEK = 3
    MONTH = 4


WINDOW_SECONDS: Final = (300, 3_600, 86_400, 604_800, 2_592_000)
WEEK_DAYS: Final = 7
MONTH_DAYS: Final = 30


class Quantity(IntEnum):
    """What is added up; the value is the index into every amounts list."""

    REQUESTS = 0
    BYTES = 1
    ROWS = 2
    READ = 3  # participants read, repeats included
    NEW = 4  # participants never held before, approved exports left out
    DENIED = 5
    OFF_HOURS = 6  # new participants taken at night or at the weekend
    WALKED = 7  # new participants that continue an ascending walk through the ids
    GAINED = 8  # participants never held before, approved exports included
    SLICED = 9  # participants just taken, read once more by the same user for other fields
    FILES = 10


# Plain numbers: looking up an enum's member costs as much as the sum it is for.
_NEW: Final = int(Quantity.NEW)
_HOUR: Final = int(Window.HOUR)

QUANTITIES_COUNT: Final = len(Quantity)


def zeros() -> list[int]:
    """Return an amounts list of nothing."""
    return [0] * QUANTITIES_COUNT


class WindowsState(Struct, kw_only=True):
    """Closed buckets by index since the epoch, and the open one."""

    bucket: int = -1
    open: list[int] = field(default_factory=zeros)
    buckets: dict[int, list[int]] = field(default_factory=dict)
    hours: dict[int, list[int]] = field(default_factory=dict)
    days: dict[int, list[int]] = field(default_factory=dict)


def _add(into: list[int], amounts: list[int]) -> None:
    into[:] = map(add, into, amounts)


def bound(bucket: list[int]) -> None:
    """Let a bucket that has just grown stop at `AMOUNT_MAX`."""
    if max(bucket) > AMOUNT_MAX:
        bucket[:] = [min(amount, AMOUNT_MAX) for amount in bucket]


def _deposit(bucket: list[int], amounts: list[int]) -> list[int]:
    """Add to a closed bucket up to its bound, and return what it really grew by."""
    grown = list(map(add, bucket, amounts))
    if max(grown) > AMOUNT_MAX:
        bound(grown)
        amounts = list(map(sub, grown, bucket))
    bucket[:] = grown
    return amounts


def _sums(buckets: Iterable[list[int]]) -> list[int]:
    """Return what some buckets hold together, up to the bound."""
    return [min(sum(amounts), AMOUNT_MAX) for amounts in zip(*buckets, strict=True)]


class Windows:
    """Sliding sums of every `Quantity` over every `Window`.

    >>> windows = Windows(WindowsState())
    >>> amounts = zeros()
    >>> amounts[Quantity.NEW] = 5
    >>> windows.add(0, amounts)
    >>> windows.add(40 * 60_000, amounts)
    >>> [windows.total(window, Quantity.NEW) for window in Window]
    [5, 10, 10, 10, 10]
    """

    __slots__ = ("_day", "_new", "_unsettled", "begins_ms", "ends_ms", "state")

    def __init__(self, state: WindowsState) -> None:
        """Rebuild the sums of closed buckets from the state."""
        self.state = state
        self._unsettled: list[list[int]] = []
        self._add_up()
        self._note_bucket()

    def _add_up(self) -> None:
        """Add up what judgements ask for: who is new at every moment, the day when asked."""
        self._day = zeros()
        self._new = [0] * len(Window)
        for amounts in self.state.hours.values():
            _add(self._day, amounts)
        for window in (Window.HOUR, Window.WEEK, Window.MONTH):
            self._new[window] = self._sum(window, _NEW)
        self._new[Window.DAY] = self._day[_NEW]

    def snapshot(self) -> WindowsState:
        """Return the settled state, to be encoded before the next event; change nothing."""
        state = self.state
        hours, days = dict(state.hours), dict(state.days)
        if self._unsettled:
            hour, day = state.bucket // BUCKETS_PER_HOUR, state.bucket // BUCKETS_PER_DAY
            hours[hour] = _sums((*self._unsettled, hours.get(hour, zeros())))
            days[day] = _sums((*self._unsettled, days.get(day, zeros())))
        return replace(state, open=_sums((state.open,)), hours=hours, days=days)

    def total(self, window: Window, quantity: Quantity) -> int:
        """Return the amount of `quantity` within `window`, the open bucket included."""
        if quantity is Quantity.NEW:
            closed = self._new[window]
        else:
            self.settle()
            closed = self._day[quantity] if window is Window.DAY else self._sum(window, quantity)
        return closed + self.state.open[quantity]

    def _sum(self, window: Window, quantity: int) -> int:
        state = self.state
        if window is Window.MINUTES_5:
            return 0
        if window is Window.HOUR:
            return sum(amounts[quantity] for amounts in state.buckets.values())
        days = WEEK_DAYS if window is Window.WEEK else MONTH_DAYS
        first = state.bucket // BUCKETS_PER_DAY - days + 1
        return sum(amounts[quantity] for day, amounts in state.days.items() if day >= first)

    def closed_new(self) -> tuple[int, int, int, int]:
        """Return the new participants of 1 h, 1 d, 7 d and 30 d, the open bucket left out."""
        _, hour, day, week, month = self._new
        return (hour, day, week, month)

    def forget(self, quantities: tuple[Quantity, ...], *, last_day: int = AMOUNT_MAX) -> None:
        """Begin anew with some quantities, as if nothing of them had been taken until a day."""
        self.settle()
        state = self.state
        sums = ({state.bucket: state.open}, state.buckets, state.hours, state.days)
        per_day = (BUCKETS_PER_DAY, BUCKETS_PER_DAY, HOURS_PER_DAY, 1)
        for closed, unit in zip(sums, per_day, strict=True):
            for amounts in [closed[at] for at in closed if at // unit <= last_day]:
                for quantity in quantities:
                    amounts[quantity] = 0
        self._add_up()

    def advance(self, at_ms: int) -> None:
        """Close buckets so that the open one holds `at_ms`; time never turns back."""
        bucket = at_ms // BUCKET_MS
        state = self.state
        if bucket <= state.bucket:
            return
        if state.bucket >= 0:
            if any(state.open):
                self._close()
            self._evict(bucket)
        state.bucket = bucket
        self._note_bucket()

    def _note_bucket(self) -> None:
        # Every event asks whether it belongs to the open bucket.
        self.begins_ms = self.state.bucket * BUCKET_MS
        self.ends_ms = self.begins_ms + BUCKET_MS

    def add(self, at_ms: int, amounts: list[int]) -> None:
        """Count `amounts` at `at_ms`; a late one counts in its own bucket while that is kept."""
        self.advance(at_ms)
        bucket = at_ms // BUCKET_MS
        state = self.state
        oldest_day = state.bucket // BUCKETS_PER_DAY - MONTH_DAYS + 1
        if bucket == state.bucket or bucket // BUCKETS_PER_DAY < oldest_day:
            # Older than every window: it counts now, for no taking may go unseen.
            _add(state.open, amounts)
            bound(state.open)
        else:
            self._store(bucket, amounts)

    def settle(self) -> None:
        """Add what has closed to its hour and its day, for whoever looks at these.

        Most ends of 5 minutes interest nobody: to add up the buckets of an hour once is cheaper.
        What is open is bounded by then, which events do not wait for.
        """
        bound(self.state.open)
        if not self._unsettled:
            return
        amounts = list(map(sum, zip(*self._unsettled, strict=True)))
        self._unsettled = []
        self._add_to_hours_and_days(self.state.bucket, amounts, noted=amounts[_NEW])

    def _close(self) -> None:
        """Make the open bucket a closed one: it is the newest of every window."""
        state, amounts = self.state, self.state.open
        bound(amounts)
        state.open = zeros()
        state.buckets[state.bucket] = amounts
        self._unsettled.append(amounts)
        if new := amounts[_NEW]:
            _, hour, day, week, month = self._new
            self._new = [0, hour + new, day + new, week + new, month + new]
            if month + new > AMOUNT_MAX:
                # Only then can an hour or a day have reached its bound.
                self.settle()

    def _store(self, bucket: int, amounts: list[int]) -> None:
        """Add to a bucket that was closed before, where it is still kept."""
        # First, so that what is late comes later in the state too, whenever that is looked at.
        self.settle()
        state = self.state
        if bucket > state.bucket - BUCKETS_PER_HOUR:
            grown = _deposit(state.buckets.setdefault(bucket, zeros()), amounts)
            self._new[Window.HOUR] += grown[_NEW]
        self._add_to_hours_and_days(bucket, amounts, noted=0)

    def _add_to_hours_and_days(self, bucket: int, amounts: list[int], *, noted: int) -> None:
        """Add to the hour and the day of a bucket; `noted` are those already counted as new."""
        state = self.state
        hour, day = bucket // BUCKETS_PER_HOUR, bucket // BUCKETS_PER_DAY
        if hour > state.bucket // BUCKETS_PER_HOUR - HOURS_PER_DAY:
            grown = _deposit(state.hours.setdefault(hour, zeros()), amounts)
            _add(self._day, grown)
            self._new[Window.DAY] += grown[_NEW] - noted
        grown = _deposit(state.days.setdefault(day, zeros()), amounts)
        self._new[Window.MONTH] += grown[_NEW] - noted
        if day > state.bucket // BUCKETS_PER_DAY - WEEK_DAYS:
            self._new[Window.WEEK] += grown[_NEW] - noted

    def _evict(self, bucket: int) -> None:
        """Drop what falls out of each window when `bucket` becomes the open one."""
        state = self.state
        # Asked for one by one: mostly there is one, and to look through the kept ones costs more.
        oldest, newest = state.bucket - BUCKETS_PER_HOUR + 1, bucket - BUCKETS_PER_HOUR
        for old in range(oldest, min(newest, state.bucket) + 1):
            if gone := state.buckets.pop(old, None):
                self._new[_HOUR] -= gone[_NEW]
        if bucket // BUCKETS_PER_HOUR > state.bucket // BUCKETS_PER_HOUR:
            self.settle()
            self._evict_hours(bucket // BUCKETS_PER_HOUR)
            self._evict_days(bucket // BUCKETS_PER_DAY)

    def _evict_hours(self, hour: int) -> None:
        hours = self.state.hours
        for old in [key for key in hours if key <= hour - HOURS_PER_DAY]:
            amounts = hours.pop(old)
            self._day[:] = map(sub, self._day, amounts)
            self._new[Window.DAY] -= amounts[_NEW]

    def _evict_days(self, day: int) -> None:
        days, before = self.state.days, self.state.bucket // BUCKETS_PER_DAY
        if day == before:
            return
        for key, amounts in days.items():
            if before - WEEK_DAYS < key <= day - WEEK_DAYS:
                self._new[Window.WEEK] -= amounts[_NEW]
        for old in [key for key in days if key <= day - MONTH_DAYS]:
            self._new[Window.MONTH] -= days.pop(old)[_NEW]

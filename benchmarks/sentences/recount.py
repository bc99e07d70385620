"""What an institution took, recounted from its raw events by definition, with nothing kept.

Nothing here knows the core's windows, ledger or heavy hitters: only what an event says, and what
README and the pages say that the words mean.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Final

from msgspec import Meta, Struct
from pyroaring import BitMap, BitMap64

from detectors.config import CoreConfig
from detectors.event import AccessEvent, Participants, time_ms
from detectors.features.occupancy import PERSON_UNITS

MINUTES_5_MS: Final = 300_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
MONTH_SECONDS: Final = 2_592_000
# Of each window in seconds: its unit in ms, and how many units it has.
SPANS: Final = {
    300: (MINUTES_5_MS, 1),
    3_600: (MINUTES_5_MS, 12),
    86_400: (HOUR_MS, 24),
    604_800: (DAY_MS, 7),
    MONTH_SECONDS: (DAY_MS, 30),
}
SAMPLES_COUNT: Final = 3
_COVERED_DAYS: Final = 7


class Took(Struct, frozen=True, kw_only=True):
    """One delivered event, and who in it was never held before."""

    event: AccessEvent
    counted_ms: Annotated[
        int, Meta(description="its time; of what is older than all, when it came")
    ]
    came_ms: Annotated[int, Meta(description="the newest time of the institution by then")]
    late: bool
    new: int
    walked: int
    canaries: int


class Recount:
    """One institution: every delivered event, in the order in which they came."""

    def __init__(self, config: CoreConfig) -> None:
        """Begin with nothing."""
        self._config = config
        self._canaries = BitMap64(config.detectors.canary.participants)
        self._ids: set[str] = set()
        self._held: dict[str, BitMap64] = {}
        self._counted: Counter[str] = Counter()
        self._estimated = 0
        self._pages: dict[str | None, tuple[int, int]] = {}
        self.took: list[Took] = []
        self.now_ms = -1
        self._first_day = -1
        self._ages_from = -1
        self._active_day = -1
        # Without the first days, and without what people were told of in an incident that is over.
        self._evidence: list[Took] = []
        self._told_day = -1

    def add(self, event: AccessEvent) -> None:
        """Count an event, unless it is a repeat."""
        if event.id in self._ids:
            return
        self._ids.add(event.id)
        at_ms = time_ms(event)
        self._begin(max(self.now_ms, at_ms))
        if event.outcome in {"denied", "error"} and not event.rows:
            return
        people = self._people(event)
        new = self._new(event, people)
        oldest_ms = (self.now_ms // DAY_MS - 29) * DAY_MS
        took = Took(
            event=event,
            counted_ms=at_ms if at_ms >= oldest_ms else self.now_ms,
            came_ms=self.now_ms,
            late=at_ms < oldest_ms,
            new=new,
            walked=self._walked(event, people, new),
            canaries=len(people & self._canaries),
        )
        self.took.append(took)
        self._evidence.append(took)

    def tell(self, at_ms: int) -> None:
        """Note that people are told of all that was taken up to this day."""
        self._told_day = at_ms // DAY_MS

    def closed(self) -> None:
        """End the incident: what people were told of is evidence of nothing else."""
        self._evidence = [
            took for took in self._evidence if took.counted_ms // DAY_MS > self._told_day
        ]

    def _begin(self, now_ms: int) -> None:
        """Let time pass; what a settled institution took in its first days is no evidence."""
        day, before = now_ms // DAY_MS, self.now_ms // DAY_MS
        settling_days = self._config.baseline.settling_days
        if self._first_day < 0:
            self._first_day = self._ages_from = self._active_day = day
        elif day > before:
            self._pages.clear()
            if before < self._ages_from + settling_days <= day:
                self._evidence.clear()
            if self._active_day < self._ages_from + settling_days:
                # Of a young one only a week counts for each day on which it did anything.
                self._ages_from += max(0, day - self._active_day - _COVERED_DAYS)
            self._active_day = day
        self.now_ms = now_ms

    def _people(self, event: AccessEvent) -> BitMap64:
        named = event.participants or Participants()
        if named.ids is not None:
            return BitMap64(named.ids)
        if named.bitmap is not None:
            return BitMap64(BitMap.deserialize(named.bitmap))
        people = BitMap64()
        for first, last in named.ranges or ():
            people.add_range(first, last + 1)
        return people

    def _new(self, event: AccessEvent, people: BitMap64) -> int:
        if not people:
            counted = event.participants.count if event.participants is not None else None
            return self._count(event.dataset, min(self.cohort_size, counted or event.rows))
        before = self._everybody()
        self._held.setdefault(event.dataset, BitMap64()).update(people)
        return self._everybody() - before

    def _count(self, dataset: str, count: int) -> int:
        """Return how many of a count are new, drawn at random from the cohort."""
        self._counted[dataset] = min(self.cohort_size, self._counted[dataset] + count)
        before = self._everybody()
        unheld = max(0, (self.cohort_size - self._named()) * PERSON_UNITS - self._estimated)
        self._estimated += -(-count * unheld // self.cohort_size)
        return self._everybody() - before

    def _named(self) -> int:
        everybody = BitMap64()
        for held in self._held.values():
            everybody |= held
        return len(everybody)

    def _everybody(self) -> int:
        """Return how many are held of whom it is known, and of whom it is expected."""
        estimated = -(-self._estimated // PERSON_UNITS)
        return min(self.cohort_size, self._named() + estimated)

    def _walked(self, event: AccessEvent, people: BitMap64, new: int) -> int:
        """Return those who continue a walk: all lie behind the page that its user took before."""
        if not new or not people:
            return 0
        before = self._pages.get(event.user)
        self._pages[event.user] = (people.min(), people.max())
        return new if before is not None and people.min() > before[1] else 0

    @property
    def cohort_size(self) -> int:
        """Return how many people there are."""
        return self._config.cohort.size

    @property
    def first_ms(self) -> int:
        """Return when the first day began of which there is anything."""
        return self._first_day * DAY_MS

    def begins_ms(self, window_seconds: int) -> int:
        """Return when a window that ends now began."""
        unit_ms, length = SPANS[window_seconds]
        return (self.now_ms // unit_ms - length + 1) * unit_ms

    def within(self, window_seconds: int, *, evidence: bool = True) -> Iterator[Took]:
        """Yield what was taken in a window that ends now; as evidence, what is news of it."""
        begins_ms = self.begins_ms(window_seconds)
        for took in self._evidence if evidence else self.took:
            if took.counted_ms >= begins_ms:
                yield took

    def open_hour(self) -> Iterator[Took]:
        """Yield what is counted in the open hour of the clock, as it came."""
        hour = self.now_ms // HOUR_MS
        for took in self.took:
            if time_ms(took.event) // HOUR_MS == hour and took.came_ms // HOUR_MS == hour:
                yield took

    def new_by_user(self, window_seconds: int) -> Counter[str | None]:
        """Return the new participants of a window by user."""
        users: Counter[str | None] = Counter()
        for took in self.within(window_seconds):
            users[took.event.user] += took.new
        return users

    def held(self, dataset: str) -> int:
        """Return how many of a dataset are held, those who were only counted too."""
        named = len(self._held.get(dataset, ()))
        return min(self.cohort_size, named + self._counted[dataset])

    def full_days(self) -> float | None:
        """Return in how many days of the last one's pace everybody is held."""
        left = self.cohort_size - self._everybody()
        begins_ms = self.begins_ms(86_400)
        pace = sum(took.new for took in self.took if took.counted_ms >= begins_ms)
        return left / pace if left > 0 and pace else None

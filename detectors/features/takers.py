"""Step 3 of 7: event -> who took how much of each window's new participants.

The sums of `windows.py`, shared out: the same 5 minutes, hours and days, so that a share has
numerator and denominator of one window. Who bears no name is a taker like any other.

Exact where at most `TAKERS_MAX` took something new in a bucket. Of more, each bucket keeps the
heavy hitters: then a taker's amount is a lower bound, and what a window has beyond all known
amounts is nobody's in particular. No amount is too small by more than the ninth part of an hour's
sum, or the seventeenth of a day's.

Source: J. Misra and D. Gries (1982), "Finding Repeated Elements", Science of Computer Programming
2, 143-152; weights and merging as in P. Agarwal et al. (2012), "Mergeable Summaries", PODS.
"""

from typing import Annotated, Final, TypeVar

from msgspec import Meta, Struct, field

from detectors.features.samples import (
    SAMPLES_MAX,
    Name,
    Sample,
    TakenWithin,
    likeliest,
    with_sample,
)
from detectors.features.windows import (
    AMOUNT_MAX,
    BUCKET_MS,
    BUCKETS_PER_DAY,
    BUCKETS_PER_HOUR,
    HOURS_PER_DAY,
    MONTH_DAYS,
    WEEK_DAYS,
    Window,
)

# In 5 minutes, in an hour, in a day.
TAKERS_MAX: Final = (8, 8, 16)
# Names that nobody asks for are forgotten whenever so many have come.
_NAMES_STEP: Final = 32
# In place of a taker: what came too late for its own window, and was counted when it came.
_LATE: Final = -1

# By window: which sums it is made of, and of how many.
_LEVELS: Final = (0, 0, 1, 2, 2)
_SPANS: Final = (1, BUCKETS_PER_HOUR, HOURS_PER_DAY, WEEK_DAYS, MONTH_DAYS)

Taker = TypeVar("Taker", int, str)
TakerLevel = tuple[dict[int, dict[int, int]], int, int]


class TakersState(Struct, kw_only=True):
    """By bucket, hour and day since the epoch: new participants by the place of who took them."""

    names: Annotated[list[tuple[Name, Name]], Meta(description="user and project, by place")] = (
        field(default_factory=list)
    )
    buckets: dict[int, dict[int, int]] = field(default_factory=dict)
    hours: dict[int, dict[int, int]] = field(default_factory=dict)
    days: dict[int, dict[int, int]] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)


class Takings(Struct, frozen=True, kw_only=True):
    """Who took how many new participants within a window; each at least as many."""

    users: Annotated[dict[Name, int], Meta(description="None: events that name no user")]
    projects: dict[Name, int]
    late: Annotated[int, Meta(description="dated before every window, and counted as they came")]

    @property
    def known(self) -> int:
        """Return how many are known to be somebody's, or to be nobody's that is named."""
        return sum(self.users.values())


class Takers:
    """Heavy hitters over sliding windows.

    >>> takers = Takers(TakersState())
    >>> takers.add(100, open_bucket=100, user="ada", project=None, new=30, event_id="e-1")
    >>> takers.add(111, open_bucket=111, user=None, project=None, new=20, event_id="e-2")
    >>> takers.within(Window.HOUR, open_bucket=112).users
    {None: 20}
    >>> takers.within(Window.DAY, open_bucket=112).users
    {'ada': 30, None: 20}
    """

    __slots__ = ("_places", "state")

    def __init__(self, state: TakersState) -> None:
        """Restore which taker has which place."""
        self.state = state
        self._places = {name: place for place, name in enumerate(state.names)}

    def add(
        self, bucket: int, *, open_bucket: int, user: Name, project: Name, new: int, event_id: str
    ) -> None:
        """Count `new` participants in `bucket`; older than every window they count as open."""
        self._evict(open_bucket)
        taker = self._place((user, project))
        late = bucket // BUCKETS_PER_DAY <= open_bucket // BUCKETS_PER_DAY - MONTH_DAYS
        bucket = open_bucket if late else bucket
        for (sums, unit, span), takers_max in zip(self._levels(), TAKERS_MAX, strict=True):
            place = bucket // unit
            if place <= open_bucket // unit - span:
                continue
            takers = sums.setdefault(place, {})
            late_before = takers.pop(_LATE, 0)
            count_bounded(takers, taker, new, takers_max=takers_max)
            if late or late_before:
                takers[_LATE] = min(AMOUNT_MAX, late_before + late * new)
        sample = Sample(bucket=bucket, new=new, taker=taker, event_id=event_id)
        samples = with_sample(self.state.samples, sample)
        if len(samples) > SAMPLES_MAX:
            samples = self._bounded(samples, open_bucket)
        self.state.samples = samples

    def forget(self, *, last_day: int | None = None) -> None:
        """Begin anew, as if nothing had been taken up to a day; without one, at all."""
        if last_day is None:
            fresh = TakersState()
            for name in fresh.__struct_fields__:
                setattr(self.state, name, getattr(fresh, name))
            self._places.clear()
            return
        begins = (last_day + 1) * BUCKETS_PER_DAY
        for sums, unit, _ in self._levels():
            for place in [each for each in sums if each * unit < begins]:
                del sums[place]
        self.state.samples = [each for each in self.state.samples if each.bucket >= begins]

    def within(self, window: Window, *, open_bucket: int) -> Takings:
        """Return who took how much within a window that ends with the open bucket."""
        amounts: dict[int, int] = {}
        sums, first = self._levels()[_LEVELS[window]][0], self._first_of(window, open_bucket)
        for place, takers in sums.items():
            if place >= first:
                for taker, new in takers.items():
                    amounts[taker] = amounts.get(taker, 0) + new
        late = amounts.pop(_LATE, 0)
        users: dict[Name, int] = {}
        projects: dict[Name, int] = {}
        for taker, new in amounts.items():
            user, project = self.state.names[taker]
            users[user] = users.get(user, 0) + new
            projects[project] = projects.get(project, 0) + new
        return Takings(users=users, projects=projects, late=late)

    def samples(self, window: Window, *, open_bucket: int) -> list[tuple[Name, int, str]]:
        """Return user, new participants and id of the largest events, the largest first."""
        unit, first = self._unit_of(window), self._first_of(window, open_bucket)
        inside = [each for each in self.state.samples if each.bucket // unit >= first]
        inside.sort(key=lambda each: (-each.new, -each.bucket, each.event_id))
        return [(self.state.names[each.taker][0], each.new, each.event_id) for each in inside]

    def _levels(self) -> tuple[TakerLevel, TakerLevel, TakerLevel]:
        """Return the sums by 5 minutes, hour and day, each with its unit and how many are kept."""
        state = self.state
        return (
            (state.buckets, 1, BUCKETS_PER_HOUR),
            (state.hours, BUCKETS_PER_HOUR, HOURS_PER_DAY),
            (state.days, BUCKETS_PER_DAY, MONTH_DAYS),
        )

    def _evict(self, open_bucket: int) -> None:
        """Drop what is in no window any more."""
        state = self.state
        for sums, unit, span in self._levels():
            newest_gone = open_bucket // unit - span
            for old in [place for place in sums if place <= newest_gone]:
                del sums[old]
        oldest = (open_bucket // BUCKETS_PER_DAY - MONTH_DAYS + 1) * BUCKETS_PER_DAY
        if state.samples and state.samples[0].bucket < oldest:
            state.samples = [each for each in state.samples if each.bucket >= oldest]

    def _place(self, name: tuple[Name, Name]) -> int:
        place = self._places.get(name)
        if place is None:
            names = self.state.names
            if names and len(names) % _NAMES_STEP == 0:
                self._sort_out_names()
                names = self.state.names
            place = self._places[name] = len(names)
            names.append(name)
        return place

    def _sort_out_names(self) -> None:
        """Forget the names of whom nothing is known any more."""
        state = self.state
        sums = [*state.buckets.values(), *state.hours.values(), *state.days.values()]
        used = {taker for takers in sums for taker in takers} | {s.taker for s in state.samples}
        order = sorted(used - {_LATE})
        moved = {old: place for place, old in enumerate(order)} | {_LATE: _LATE}
        for takers in sums:
            amounts = {moved[taker]: new for taker, new in takers.items()}
            takers.clear()
            takers.update(amounts)
        for sample in state.samples:
            sample.taker = moved[sample.taker]
        state.names = [state.names[old] for old in order]
        self._places = {name: place for place, name in enumerate(state.names)}

    def _bounded(self, samples: list[Sample], open_bucket: int) -> list[Sample]:
        """Return the samples that are likeliest asked for, of too many."""
        windows = [
            TakenWithin(
                first=self._first_of(window, open_bucket),
                unit_buckets=self._unit_of(window),
                users=self.within(window, open_bucket=open_bucket).users,
            )
            for window in Window
        ]
        return likeliest(samples, windows, users=[user for user, _ in self.state.names])

    def _first_of(self, window: Window, open_bucket: int) -> int:
        """Return the first unit of a window that ends with the open bucket."""
        return open_bucket // self._unit_of(window) - _SPANS[window] + 1

    def _unit_of(self, window: Window) -> int:
        return self._levels()[_LEVELS[window]][1]


def begins_of(window: Window, open_bucket: int) -> int:
    """Return the event time in ms at which a window that ends with the open bucket begins.

    >>> begins_of(Window.DAY, 300) // 3_600_000
    2
    """
    unit = (1, BUCKETS_PER_HOUR, BUCKETS_PER_DAY)[_LEVELS[window]]
    return (open_bucket // unit - _SPANS[window] + 1) * unit * BUCKET_MS


def count_bounded(takers: dict[Taker, int], taker: Taker, amount: int, *, takers_max: int) -> None:
    """Add to a taker; beyond the bound all lose the same, and the smallest go.

    >>> takers = {"ada": 9, "ben": 2}
    >>> count_bounded(takers, "cleo", 3, takers_max=2)
    >>> takers
    {'ada': 7, 'cleo': 1}
    """
    if taker in takers or len(takers) < takers_max:
        takers[taker] = min(AMOUNT_MAX, takers.get(taker, 0) + amount)
        return
    lost = min(amount, *takers.values())
    remaining = {each: left - lost for each, left in takers.items() if left > lost}
    if amount > lost:
        remaining[taker] = amount - lost
    takers.clear()
    takers.update(remaining)

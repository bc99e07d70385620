"""Second stage: the judge of rings. What it catches and misses is said beside its configuration."""

from collections import deque

from msgspec.structs import replace
from pyroaring import BitMap64

from detectors.models.collusion.blocks import Blocks
from detectors.models.collusion.config import PROBATION_DAYS, RING_DAYS_MAX, CollusionConfig
from detectors.models.collusion.incident import RingContext, RingIncident, alert_of, opened, stated
from detectors.models.collusion.junctions import Borders
from detectors.models.collusion.recent import Holdings, Recent
from detectors.models.collusion.signs import Pairs, RingGroup, Signs
from detectors.verdict import NewHoldings, RaiseAlert


class CollusionJudge:
    """Looks for rings among the holdings of all institutions.

    >>> judge = CollusionJudge(
    ...     CollusionConfig(mode="on"), cohort_size=100_000, hashed=False, config_hash=""
    ... )
    >>> effects = ()
    >>> for number in range(3):
    ...     part = BitMap64(range(number, 100_000, 20))
    ...     effects = judge.add(
    ...         NewHoldings(
    ...             institution=f"i{number}", day=1, at_ms=86_400_000, participants=part.serialize()
    ...         )
    ...     )
    >>> [effect.alert.members for effect in effects]
    [('i0', 'i1', 'i2')]
    """

    __slots__ = (
        "_blocks",
        "_borders",
        "_context",
        "_first",
        "_first_seen",
        "_holdings",
        "_incidents",
        "_pairs",
        "_recents",
        "_ring_days",
        "_signs",
        "config",
    )

    def __init__(
        self, config: CollusionConfig, *, cohort_size: int, hashed: bool, config_hash: str
    ) -> None:
        """Start with nobody."""
        self.config = config
        self._context = RingContext(
            window_days=config.window_days, cohort_size=cohort_size, config_hash=config_hash
        )
        self._blocks = Blocks(cohort_size=cohort_size, hashed=hashed)
        self._pairs = Pairs(self._blocks)
        self._borders = Borders()
        self._signs = Signs(self._blocks, self._pairs, self._borders)
        self._holdings: dict[str, Holdings] = {}
        self._recents: dict[str, Recent] = {}
        self._incidents: list[RingIncident] = []
        self._ring_days: deque[int] = deque()
        self._first = 0
        self._first_seen: int | None = None

    @property
    def speaks(self) -> bool:
        """Tell whether a ring would be told now."""
        if self.config.mode != "auto":
            return self.config.mode == "on"
        newest = self._first + self.config.window_days - 1
        if self._first_seen is None or newest - self._first_seen < PROBATION_DAYS:
            return False
        return sum(day > newest - PROBATION_DAYS for day in self._ring_days) <= RING_DAYS_MAX

    @property
    def ring_days(self) -> int:
        """Return on how many days a ring was found or grew, of the last eight weeks."""
        return len(self._ring_days)

    def remember(self, holdings: NewHoldings) -> tuple[RaiseAlert, ...]:
        """Fold one institution's day without looking for the ring it may belong to."""
        return self._take(holdings)

    def add(self, holdings: NewHoldings) -> tuple[RaiseAlert, ...]:
        """Fold one institution's day; tell of the ring it now belongs to, and of what is over."""
        over = self._take(holdings)
        mine = self._recents.get(holdings.institution)
        if mine is None:
            return over
        others = [self._recents[name] for name in sorted(self._recents) if name != mine.institution]
        groups = self._signs.groups_of(mine, others)
        news = [group for group in groups if not self._is_known(group)]
        if not news:
            return over
        group = min(news, key=lambda each: each.log_p)
        return (*over, *self._told(group, holdings))

    def _take(self, holdings: NewHoldings) -> tuple[RaiseAlert, ...]:
        name, day = holdings.institution, holdings.day
        self._first_seen = day if self._first_seen is None else min(day, self._first_seen)
        held = self._holdings.setdefault(name, Holdings())
        held.take(day, BitMap64.deserialize(holdings.participants))
        over: tuple[RaiseAlert, ...] = ()
        # One window for all: a day that comes late must not throw away what is known of others.
        if day - self.config.window_days + 1 > self._first:
            self._first = day - self.config.window_days + 1
            for each in self._holdings:
                self._look(each)
            over = self._closed(holdings)
        else:
            self._look(name)
        return over

    def _look(self, name: str) -> None:
        """Bring up to date how others see an institution, if it took enough to be looked at."""
        held = self._holdings[name]
        held.forget_days_before(self._first)
        known = self._recents.get(name)
        if known is not None and known.version == held.version:
            return
        least = self.config.floor_cohort_ratio * self._context.cohort_size
        new = held.new()
        if len(new) < least:
            if self._recents.pop(name, None) is not None:
                self._pairs.forget(name)
            return
        recent = self._recents[name] = held.recent(name, new, self._blocks)
        if self._blocks.ordered:
            self._borders.add(name, recent.new)

    def _told(self, group: RingGroup, holdings: NewHoldings) -> tuple[RaiseAlert, ...]:
        names = group.names
        incident = self._incident_of(names)
        if incident is None:
            incident = opened(group, day=holdings.day)
            self._incidents.append(incident)
        else:
            incident.members = tuple(sorted({*incident.members, *names}))
            incident.last_day = max(incident.last_day, holdings.day)
        speaks = self.speaks
        self._count_ring_day(holdings.day)
        if not speaks:
            return ()
        numbers = stated(group, self._pairs, self._borders)
        incident.spoken = alert_of(
            incident, group, numbers, at_ms=holdings.at_ms, context=self._context
        )
        return (RaiseAlert(alert=incident.spoken),)

    def _is_known(self, group: RingGroup) -> bool:
        incident = self._incident_of(group.names)
        return incident is not None and group.names <= set(incident.members)

    def _incident_of(self, names: set[str]) -> RingIncident | None:
        """Return the incident that most of a group is in: one that strays in joins no two rings."""
        known = ((len(names & set(each.members)), each) for each in self._incidents)
        return next((each for common, each in known if 2 * common > len(names)), None)

    def _count_ring_day(self, day: int) -> None:
        if not self._ring_days or day > self._ring_days[-1]:
            self._ring_days.append(day)
        while self._ring_days[0] <= self._ring_days[-1] - PROBATION_DAYS:
            self._ring_days.popleft()

    def _closed(self, holdings: NewHoldings) -> tuple[RaiseAlert, ...]:
        """Close the rings to which nothing was added for a window."""
        over = [each for each in self._incidents if each.last_day < self._first]
        self._incidents = [each for each in self._incidents if each.last_day >= self._first]
        return tuple(
            RaiseAlert(
                alert=replace(
                    each.spoken,
                    change="close",
                    revision=each.spoken.revision + 1,
                    at_ms=holdings.at_ms,
                )
            )
            for each in over
            if each.spoken is not None
        )

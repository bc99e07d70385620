"""Second stage: new holdings of all institutions -> who shares one theft among them.

Catches institutions that each take a part of one list: their new participants fit together
without overlap, far better than independent work ever does, or lie side by side in the ids.
Misses colluders who each take a random part with overlaps, or who are months apart.

Source: the measure is ours. Two institutions that take m and n participants of a cohort of N
independently share about mn/N of them, Poisson; sharing none where dozens are expected is as
improbable as exp(-mn/N). Work comes in clumps of neighbouring ids, so clumps are counted, not
people: a and b clumps of sizes s and t meet about ab(s+t-1)/N times. How large the clumps are
is read off the index of dispersion of the counts in equal narrow blocks of ids
(R. A. Fisher 1922, "The Accuracy of the Plating Method", Annals of Applied Biology 9, 325-359).
"""

from hashlib import blake2b
from itertools import combinations
from math import exp, fsum, lgamma, log
from typing import Annotated, Final

from msgspec import Meta, Struct
from pyroaring import BitMap64

from detectors.detector import DetectorMode
from detectors.features.windows import WINDOW_SECONDS, Window
from detectors.incident import severity_of
from detectors.instants import DAY_MS
from detectors.verdict import Alert, NewHoldings, RaiseAlert, ReasonDetail

# More terms of the Poisson sum change nothing that a threshold of 1e-6 could see.
_MEETINGS_MAX: Final = 400
# Narrow blocks: wide ones would also call a list clumped that is merely limited to a range.
_BLOCKS: Final = 4_096


class CollusionConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune."""

    mode: DetectorMode = "on"
    window_days: Annotated[int, Meta(ge=1, le=90, description="days whose new people count")] = 14
    floor_cohort_ratio: Annotated[
        float, Meta(gt=0, le=1, description="share of the cohort below which nobody is looked at")
    ] = 0.004
    members_min: Annotated[int, Meta(ge=2, le=50, description="institutions that share")] = 3
    pair_p_value_max: Annotated[
        float, Meta(gt=0, lt=1, description="chance of so little overlap between two of them")
    ] = 1e-4
    group_p_value_max: Annotated[
        float, Meta(gt=0, lt=1, description="chance of it among all of them")
    ] = 1e-12


class Ring(Struct, frozen=True, kw_only=True):
    """Institutions whose new participants fit together."""

    day: int
    at_ms: int
    institutions: tuple[str, ...]
    p_value: float
    union_participants: int
    shared_participants: int
    expected_shared: float
    taken_participants: tuple[int, ...]


class _Recent(Struct, frozen=True, kw_only=True):
    """What one institution took within the window."""

    institution: str
    participants: BitMap64
    count: int
    clump: float


class CollusionJudge:
    """Looks for rings among the new holdings of all institutions.

    >>> judge = CollusionJudge(CollusionConfig(), cohort_size=100_000, config_hash="")
    >>> found = ()
    >>> for number in range(3):
    ...     part = BitMap64(range(number, 100_000, 20))
    ...     found = judge.add(
    ...         NewHoldings(
    ...             institution=f"i{number}", day=1, at_ms=86_400_000, participants=part.serialize()
    ...         )
    ...     )
    >>> [effect.alert.institution for effect in found]
    ['i0', 'i1', 'i2']
    """

    __slots__ = ("_cache", "_days", "_first", "_named", "cohort_size", "config", "config_hash")

    def __init__(self, config: CollusionConfig, *, cohort_size: int, config_hash: str) -> None:
        """Start with nobody."""
        self.config = config
        self.config_hash = config_hash
        self.cohort_size = cohort_size
        self._days: dict[str, dict[int, BitMap64]] = {}
        self._named: dict[str, int] = {}
        self._first = 0
        self._cache: dict[str, tuple[int, _Recent | None]] = {}

    def add(self, holdings: NewHoldings) -> tuple[RaiseAlert, ...]:
        """Fold one institution's day; raise the ring it now belongs to, once a window."""
        name, day = holdings.institution, holdings.day
        days = self._days.setdefault(name, {})
        days[day] = BitMap64.deserialize(holdings.participants)
        self._cache.pop(name, None)
        # One window for all: a day that comes late must not throw away what is known of others.
        first = self._first = max(self._first, day - self.config.window_days + 1)
        mine = self._recent(name, first=first)
        # Who has been named would be left out below anyway: this only saves the search.
        if mine is None or self._named.get(name, first - 1) >= first:
            return ()
        ring = self._ring_of(mine, first=first, holdings=holdings)
        if ring is None:
            return ()
        # Who has been named within the window is part of the story, and is not told again.
        already_named = {
            name for name in ring.institutions if self._named.get(name, first - 1) >= first
        }
        self._named |= {name: day for name in ring.institutions if name not in already_named}
        alerts = alerts_of(
            ring,
            cohort_size=self.cohort_size,
            config_hash=self.config_hash,
            window_days=self.config.window_days,
        )
        return tuple(effect for effect in alerts if effect.alert.institution not in already_named)

    def _recent(self, name: str, *, first: int) -> _Recent | None:
        cached = self._cache.get(name)
        if cached is None or cached[0] != first:
            cached = self._cache[name] = (first, self._gathered(name, first=first))
        return cached[1]

    def _gathered(self, name: str, *, first: int) -> _Recent | None:
        days = self._days[name]
        for old in [day for day in days if day < first]:
            del days[old]
        participants = BitMap64()
        for part in days.values():
            participants |= part
        count = len(participants)
        if count < self.config.floor_cohort_ratio * self.cohort_size:
            return None
        return _Recent(
            institution=name,
            participants=participants,
            count=count,
            clump=clump_size(participants, cohort_size=self.cohort_size),
        )

    def _ring_of(self, mine: _Recent, *, first: int, holdings: NewHoldings) -> Ring | None:
        """Grow a ring around `mine`: each member must hardly overlap with every other."""
        recents = (self._recent(name, first=first) for name in sorted(self._days))
        others = [recent for recent in recents if recent and recent.institution != mine.institution]
        limit = log(self.config.pair_p_value_max)
        apart = [
            (evidence, other)
            for other in others
            if (evidence := log_p_of_overlap(mine, other, cohort_size=self.cohort_size)) <= limit
        ]
        members = [mine]
        for _, other in sorted(apart, key=lambda pair: (pair[0], pair[1].institution)):
            fits = (
                log_p_of_overlap(member, other, cohort_size=self.cohort_size) <= limit
                for member in members
            )
            if all(fits):
                members.append(other)
        if len(members) < self.config.members_min:
            return None
        return self._ring(members, holdings)

    def _ring(self, members: list[_Recent], holdings: NewHoldings) -> Ring | None:
        pairs = list(combinations(members, 2))
        log_p = fsum(
            log_p_of_overlap(first, other, cohort_size=self.cohort_size) for first, other in pairs
        )
        if log_p > log(self.config.group_p_value_max):
            return None
        union = BitMap64()
        for member in members:
            union |= member.participants
        members = sorted(members, key=lambda member: member.institution)
        taken = tuple(member.count for member in members)
        return Ring(
            day=holdings.day,
            at_ms=holdings.at_ms,
            institutions=tuple(member.institution for member in members),
            p_value=max(1e-12, exp(max(-700.0, log_p))),
            union_participants=len(union),
            shared_participants=sum(taken) - len(union),
            expected_shared=fsum(a.count * b.count / self.cohort_size for a, b in pairs),
            taken_participants=taken,
        )


def clump_size(participants: BitMap64, *, cohort_size: int) -> float:
    """Return how many participants come together: 1 for a random set, more for neighbours.

    >>> clump_size(BitMap64(range(1_000)), cohort_size=100_000) > 20
    True
    """
    # Hashed ids fill the space up to the largest one.
    last = participants.max()
    width = max(cohort_size, last + 1) // _BLOCKS + 1
    counts = [
        participants.range_cardinality(first, min(first + width, last))
        for first in range(0, last + 1, width)
    ]
    # The bitmap cannot be asked for a range that ends behind the largest id of 64 bits.
    counts[-1] += 1
    # Variance over mean, in whole numbers up to the one division.
    total, squares = sum(counts), sum(count * count for count in counts)
    return max(1.0, (_BLOCKS * squares - total * total) / (_BLOCKS * total))


def log_p_of_overlap(first: _Recent, other: _Recent, *, cohort_size: int) -> float:
    """Return the log of the chance that two independent works overlap as little as these do."""
    reach = first.clump + other.clump - 1.0
    expected = (first.count / first.clump) * (other.count / other.clump) * reach / cohort_size
    shared = first.participants.intersection_cardinality(other.participants)
    # A meeting of two clumps shares about half the smaller one, and at least one participant.
    per_meeting = max(1.0, min(first.clump, other.clump) / 2.0)
    meetings = int(shared / per_meeting + 0.5)
    if meetings >= expected or meetings > _MEETINGS_MAX:
        return 0.0
    return log_poisson_cdf(meetings, mean=expected)


def log_poisson_cdf(count: int, *, mean: float) -> float:
    """Return log P(X <= count) of a Poisson variable.

    >>> round(log_poisson_cdf(0, mean=30.0), 6)
    -30.0
    """
    terms = [number * log(mean) - mean - lgamma(number + 1) for number in range(count + 1)]
    largest = max(terms)
    return min(0.0, largest + log(fsum(exp(term - largest) for term in terms)))


def alerts_of(
    ring: Ring, *, cohort_size: int, config_hash: str, window_days: int
) -> tuple[RaiseAlert, ...]:
    """Return one alert for each member of the ring; all of them tell the same story."""
    others = ", ".join(ring.institutions)
    detail = ReasonDetail(
        detector="collusion",
        reason="collusion",
        feature="shared_participants",
        window_seconds=window_days * WINDOW_SECONDS[Window.DAY],
        observed=float(ring.shared_participants),
        expected=ring.expected_shared,
        p_value=ring.p_value,
        share=1.0,
    )
    sentence = (
        f"{others} took {ring.union_participants:,} new participants between them in "
        f"{window_days} days and share {ring.shared_participants:,} of these (expected "
        f"{ring.expected_shared:,.0f} if they worked independently): parts of one list."
    )
    return tuple(
        RaiseAlert(
            alert=Alert(
                alert_id=_alert_id(ring, institution),
                change="create",
                revision=1,
                institution=institution,
                at_ms=ring.at_ms,
                started_ms=max(0, ring.at_ms - window_days * DAY_MS),
                severity=severity_of(ring.union_participants / cohort_size),
                confidence=1.0 - ring.p_value,
                p_value=ring.p_value,
                sentence=sentence,
                reasons=(detail,),
                taken_participants=taken,
                config_hash=config_hash,
            )
        )
        for institution, taken in zip(ring.institutions, ring.taken_participants, strict=True)
    )


def _alert_id(ring: Ring, institution: str) -> str:
    text = f"collusion\n{institution}\n{ring.day}\n{ring.institutions}"
    return blake2b(text.encode(), digest_size=16).hexdigest()

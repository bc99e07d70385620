"""Second stage: a group that bears a sign -> one incident of the ring, in words and numbers."""

from hashlib import blake2b
from itertools import combinations
from math import exp, fsum, sqrt
from typing import Final

from msgspec import Struct
from pyroaring import BitMap64

from detectors.incident import severity_of
from detectors.instants import DAY_MS, SECOND_MS
from detectors.models.collusion.junctions import Borders
from detectors.models.collusion.recent import Recent, same_days
from detectors.models.collusion.signs import Pairs, RingGroup
from detectors.verdict import Alert, ReasonDetail

# Attributes that no number shows (a disease, a centre) are in no p-value: no ring is surer.
_CONFIDENCE_MAX: Final = 0.9
_P_VALUE_MIN: Final = 1e-12
_LOG_P_MIN: Final = -700.0
_PLACES_NAMED: Final = 3


class RingIncident(Struct, kw_only=True):
    """One ring as it is known so far; members join, nobody leaves."""

    alert_id: str
    institution: str
    members: tuple[str, ...]
    started_day: int
    last_day: int
    spoken: Alert | None = None


class RingContext(Struct, frozen=True, kw_only=True):
    """What all rings have in common."""

    window_days: int
    cohort_size: int
    config_hash: str


class Stated(Struct, frozen=True, kw_only=True):
    """The numbers that a ring's sentence is made of."""

    union_participants: int
    shared: int
    expected: float
    deviation: float
    same_days: float
    places: tuple[int, ...]


def opened(group: RingGroup, *, day: int) -> RingIncident:
    """Return the incident of a group that nobody has been told of."""
    names = _names(group.members)
    # Whoever took most stands for the ring where only one name has room.
    first = min(group.members, key=lambda member: (-member.count, member.institution))
    text = "\n".join(("collusion", str(day), *names))
    return RingIncident(
        alert_id=blake2b(text.encode(), digest_size=16).hexdigest(),
        institution=first.institution,
        members=names,
        started_day=day,
        last_day=day,
    )


def stated(group: RingGroup, pairs: Pairs, borders: Borders) -> Stated:
    """Return what a group took and shares, over all of its pairs."""
    union = BitMap64()
    for member in group.members:
        union |= member.new
    every_two = list(combinations(group.members, 2))
    overlaps = [pairs.overlap(*pair) for pair in every_two]
    places = {
        place
        for first, other in every_two
        for place in borders.fresh_junctions(first.institution, other.institution)
    }
    return Stated(
        union_participants=len(union),
        shared=sum(overlap.shared for overlap in overlaps),
        expected=fsum(overlap.expected for overlap in overlaps),
        deviation=sqrt(fsum(overlap.deviation**2 for overlap in overlaps)),
        same_days=fsum(same_days(*pair) for pair in every_two) / len(every_two),
        places=tuple(sorted(places)) if group.sign == "junctions" else (),
    )


def sentence(group: RingGroup, numbers: Stated, *, window_days: int) -> str:
    """Return what a person can check: how many, shared against expected, and in whose days."""
    names = _names(group.members)
    who = f"{', '.join(names[:-1])} and {names[-1]}"
    took = f"{who} took {numbers.union_participants:,} people in {window_days} days"
    days = f"They worked on the same days: {numbers.same_days:.2f} of 1."
    if group.sign == "junctions":
        places = ", ".join(f"{place:,}" for place in numbers.places[:_PLACES_NAMED])
        return (
            f"{took}; where one ends another begins (at id {places}), and no other institution "
            f"ever began or ended there: parts of one list. {days}"
        )
    chance = f"{numbers.expected:,.0f} ± {numbers.deviation:,.0f}"
    if group.sign == "together":
        return (
            f"{took} and share {numbers.shared:,} of these whom none had before, where independent "
            f"work would have shared {chance}; nobody else held them. {days}"
        )
    return (
        f"{took} and share {numbers.shared:,} of these whom none had before, where independent "
        f"work would have shared {chance}; nobody else's holdings explain it: parts of one list. "
        f"{days}"
    )


def alert_of(
    incident: RingIncident, group: RingGroup, numbers: Stated, *, at_ms: int, context: RingContext
) -> Alert:
    """Return the incident as it is told for the first time, or anew."""
    p_value = max(_P_VALUE_MIN, exp(max(_LOG_P_MIN, group.log_p)))
    window_days = context.window_days
    detail = ReasonDetail(
        detector="collusion",
        reason="collusion",
        feature="shared_participants",
        window_seconds=window_days * DAY_MS // SECOND_MS,
        observed=float(numbers.shared),
        expected=numbers.expected,
        p_value=p_value,
        share=1.0,
    )
    return Alert(
        alert_id=incident.alert_id,
        change="create" if incident.spoken is None else "update",
        revision=1 if incident.spoken is None else incident.spoken.revision + 1,
        institution=incident.institution,
        members=incident.members,
        at_ms=at_ms,
        started_ms=max(0, (incident.started_day - window_days + 1) * DAY_MS),
        severity=severity_of(numbers.union_participants / context.cohort_size),
        confidence=min(_CONFIDENCE_MAX, 1.0 - p_value),
        p_value=p_value,
        sentence=sentence(group, numbers, window_days=window_days),
        reasons=(detail,),
        taken_participants=numbers.union_participants,
        config_hash=context.config_hash,
    )


def _names(members: tuple[Recent, ...]) -> tuple[str, ...]:
    return tuple(sorted(member.institution for member in members))

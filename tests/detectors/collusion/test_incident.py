"""What is said of a ring, in full: the alert, its numbers over all pairs, and its sentence."""

from math import exp, sqrt

import pytest
from pyroaring import BitMap64

from detectors.models.collusion.incident import (
    RingContext,
    RingIncident,
    Stated,
    alert_of,
    opened,
    sentence,
    stated,
)
from detectors.models.collusion.junctions import Borders
from detectors.models.collusion.signs import Pairs, RingGroup, Sign
from detectors.verdict import Alert, ReasonDetail
from tests.detectors.collusion.worlds import BLOCKS, DAY, parts, recent

CONTEXT = RingContext(window_days=14, cohort_size=100_000, config_hash="c0")
NUMBERS = Stated(
    union_participants=12_345,
    shared=6,
    expected=480.4,
    deviation=21.6,
    same_days=0.756,
    places=(1_000, 22_000, 33_000, 44_000),
)


def ring(*, sign: Sign = "apart", log_p: float = -25.0) -> RingGroup:
    """Return three parts of one list, of which the second is the largest."""
    names = ("south", "east", "north")
    sizes = (3_000, 4_000, 4_000)
    members = tuple(
        recent(BitMap64(part[:size]), institution=name, day=DAY + place // 2)
        for place, (name, size, part) in enumerate(zip(names, sizes, parts(3), strict=True))
    )
    return RingGroup(sign=sign, members=members, log_p=log_p)


def test_a_ring_is_named_after_whoever_took_most() -> None:
    """Of equals the first in the alphabet; its id is that of its first day and members."""
    incident = opened(ring(), day=DAY)
    assert incident == RingIncident(
        alert_id="ffee698458c174ea6762e75112717ed8",
        institution="east",
        members=("east", "north", "south"),
        started_day=DAY,
        last_day=DAY,
    )
    assert opened(ring(), day=DAY + 1).alert_id != incident.alert_id


def test_an_alert_of_a_ring_in_full() -> None:
    """First and anew: what was seen, how sure it is, and since when."""
    group, incident = ring(), opened(ring(), day=DAY)
    at_ms = DAY * 86_400_000 + 5
    first = alert_of(incident, group, NUMBERS, at_ms=at_ms, context=CONTEXT)
    detail = ReasonDetail(
        detector="collusion",
        reason="collusion",
        feature="shared_participants",
        window_seconds=14 * 86_400,
        observed=6.0,
        expected=480.4,
        p_value=exp(-25.0),
        share=1.0,
    )
    assert first == Alert(
        alert_id=incident.alert_id,
        change="create",
        revision=1,
        institution="east",
        members=("east", "north", "south"),
        at_ms=at_ms,
        started_ms=(DAY - 13) * 86_400_000,
        severity="high",
        confidence=0.9,
        p_value=exp(-25.0),
        sentence=sentence(group, NUMBERS, window_days=14),
        reasons=(detail,),
        taken_participants=12_345,
        config_hash="c0",
    )
    assert isinstance(first.reasons[0].window_seconds, int)
    incident.spoken = first
    anew = alert_of(incident, group, NUMBERS, at_ms=at_ms, context=CONTEXT)
    assert (anew.change, anew.revision) == ("update", 2)


@pytest.mark.parametrize(
    ("log_p", "p_value", "confidence"),
    [(-0.5, exp(-0.5), 1.0 - exp(-0.5)), (-5_000.0, 1e-12, 0.9)],
    ids=["hardly", "beyond what can be said"],
)
def test_how_sure_it_is_has_bounds(log_p: float, p_value: float, confidence: float) -> None:
    """Ids show no disease: nothing is surer than nine in ten."""
    incident = opened(ring(), day=DAY)
    alert = alert_of(incident, ring(log_p=log_p), NUMBERS, at_ms=5, context=CONTEXT)
    assert (alert.p_value, alert.confidence) == (p_value, confidence)


def test_a_ring_of_the_first_days_began_with_them() -> None:
    """There is nothing before the first day of all."""
    incident = opened(ring(), day=3)
    assert alert_of(incident, ring(), NUMBERS, at_ms=5, context=CONTEXT).started_ms == 0


def test_the_numbers_of_a_ring_are_those_of_all_its_pairs() -> None:
    """Each person once; what is shared and expected is added up, variances and not deviations."""
    group = ring()
    south, east, north = group.members
    pairs, borders = Pairs(BLOCKS), Borders()
    every_two = [(south, east), (south, north), (east, north)]
    overlaps = [pairs.overlap(*two) for two in every_two]
    numbers = stated(group, pairs, borders)
    assert (numbers.union_participants, numbers.places) == (11_000, ())
    assert numbers.shared == sum(overlap.shared for overlap in overlaps)
    expected = [overlap.expected for overlap in overlaps]
    deviations = [overlap.deviation for overlap in overlaps]
    assert numbers.expected == pytest.approx(sum(expected))
    assert numbers.deviation == pytest.approx(sqrt(sum(each * each for each in deviations)))
    assert numbers.same_days == pytest.approx(1 / 3)


def test_places_are_told_of_parts_that_meet_alone() -> None:
    """In order, each once."""
    members = tuple(
        recent(BitMap64(range(first, first + 1_000)), institution=name)
        for name, first in (("north", 4_000), ("east", 3_000), ("south", 5_000))
    )
    borders = Borders()
    for member in members:
        borders.add(member.institution, member.new)
    signs: tuple[Sign, Sign] = ("junctions", "apart")
    places = [
        stated(RingGroup(sign=sign, members=members, log_p=-40.0), Pairs(BLOCKS), borders).places
        for sign in signs
    ]
    assert places == [(4_000, 5_000), ()]


TOOK = "east, north and south took 12,345 people in 14 days"
SHARE = (
    f"{TOOK} and share 6 of these whom none had before, where independent work would have shared "
    "480 ± 22; "
)
JUNCTIONS = (
    "; where one ends another begins (at id 1,000, 22,000, 33,000), and no other institution ever "
    "began or ended there: parts of one list. "
)
DAYS = "They worked on the same days: 0.76 of 1."


@pytest.mark.parametrize(
    ("sign", "words"),
    [
        ("apart", f"{SHARE}nobody else's holdings explain it: parts of one list. {DAYS}"),
        ("together", f"{SHARE}nobody else held them. {DAYS}"),
        (
            "junctions",
            f"{TOOK}{JUNCTIONS}{DAYS}",
        ),
    ],
)
def test_each_sign_has_its_sentence(sign: Sign, words: str) -> None:
    """Numbers that one can check, and at most three places."""
    assert sentence(ring(sign=sign), NUMBERS, window_days=14) == words

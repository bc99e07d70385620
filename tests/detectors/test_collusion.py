"""A ring in numbers that one can check by hand: who is in it, and what each is told."""

import pytest
from pyroaring import BitMap64

from detectors.instants import DAY_MS
from detectors.models.collusion import CollusionConfig, CollusionJudge, Ring, alerts_of
from detectors.verdict import Alert, NewHoldings, RaiseAlert, ReasonDetail

COHORT_SIZE = 100_000
DAY = 20_454
# Five thousand each, scattered; by chance two of them would share 250.
EAST, NORTH, SOUTH, WEST = (BitMap64(range(first, COHORT_SIZE, 20)) for first in range(4))
RING = Ring(
    day=DAY,
    at_ms=DAY * DAY_MS + 5,
    institutions=("east", "north"),
    p_value=1e-9,
    union_participants=9_990,
    shared_participants=10,
    expected_shared=249.6,
    taken_participants=(5_000, 5_001),
)


def judge(config: CollusionConfig | None = None) -> CollusionJudge:
    """Return a judge of nobody yet."""
    return CollusionJudge(config or CollusionConfig(), cohort_size=COHORT_SIZE, config_hash="c0")


def alerts(judge: CollusionJudge, *taken: tuple[str, BitMap64], day: int = DAY) -> list[Alert]:
    """Let institutions take people on one day, and return what is told of it."""
    effects: list[RaiseAlert] = []
    for institution, people in taken:
        holdings = NewHoldings(
            institution=institution,
            day=day,
            at_ms=day * DAY_MS + 5,
            participants=people.serialize(),
        )
        effects += judge.add(holdings)
    return [effect.alert for effect in effects]


def test_every_member_is_told_the_same_story() -> None:
    """What was taken, what is shared and what chance would share, each under an id of its own."""
    ring_alerts = [
        effect.alert
        for effect in alerts_of(RING, cohort_size=COHORT_SIZE, config_hash="c0", window_days=14)
    ]
    detail = ReasonDetail(
        detector="collusion",
        reason="collusion",
        feature="shared_participants",
        window_seconds=14 * 86_400,
        observed=10.0,
        expected=249.6,
        p_value=1e-9,
        share=1.0,
    )
    expected = Alert(
        alert_id=ring_alerts[0].alert_id,
        change="create",
        revision=1,
        institution="east",
        at_ms=RING.at_ms,
        started_ms=RING.at_ms - 14 * DAY_MS,
        severity="high",
        confidence=1.0 - 1e-9,
        p_value=1e-9,
        sentence="east, north took 9,990 new participants between them in 14 days and share 10 of "
        "these (expected 250 if they worked independently): parts of one list.",
        reasons=(detail,),
        taken_participants=5_000,
        config_hash="c0",
    )
    assert ring_alerts[0] == expected
    assert (ring_alerts[1].institution, ring_alerts[1].taken_participants) == ("north", 5_001)
    assert ring_alerts[1].sentence == ring_alerts[0].sentence


def test_an_id_names_the_ring_the_day_and_the_member() -> None:
    """The same ring of the same day says the same id again, whoever repeats it."""
    ids = set()
    for day in (DAY, DAY + 1):
        for institutions in (("east", "north"), ("east", "south")):
            ring = Ring(
                day=day,
                at_ms=0,
                institutions=institutions,
                p_value=1e-9,
                union_participants=1,
                shared_participants=0,
                expected_shared=1.0,
                taken_participants=(1, 1),
            )
            effects = alerts_of(ring, cohort_size=COHORT_SIZE, config_hash="", window_days=1)
            assert effects == alerts_of(
                ring, cohort_size=COHORT_SIZE, config_hash="", window_days=1
            )
            ids |= {effect.alert.alert_id for effect in effects}
    assert len(ids) == 8
    assert {len(alert_id) for alert_id in ids} == {32}


def test_a_window_before_the_epoch_begins_with_it() -> None:
    """An alert's beginning is a time that can be written."""
    ring = Ring(
        day=1,
        at_ms=DAY_MS,
        institutions=("east",),
        p_value=1e-9,
        union_participants=1,
        shared_participants=0,
        expected_shared=1.0,
        taken_participants=(1,),
    )
    (effect,) = alerts_of(ring, cohort_size=COHORT_SIZE, config_hash="", window_days=14)
    assert effect.alert.started_ms == 0


def test_what_is_taken_on_several_days_adds_up() -> None:
    """A part of a list may be taken in parts; the same people again add nothing."""
    ring = judge()
    for day, people in enumerate((EAST[:2_000], EAST[1_000:4_000], EAST[4_000:])):
        assert alerts(ring, ("east", people), day=DAY + day) == []
    ring_alerts = alerts(ring, ("north", NORTH), ("south", SOUTH), day=DAY + 3)
    assert [alert.taken_participants for alert in ring_alerts] == [5_000] * 3


def test_a_ring_of_another_day_is_told_under_other_ids() -> None:
    """Else it would be taken for a repeat of the first."""
    taken = (("east", EAST), ("north", NORTH), ("south", SOUTH))
    ids = [alert.alert_id for day in (DAY, DAY + 1) for alert in alerts(judge(), *taken, day=day)]
    assert len(set(ids)) == 6


def test_a_ring_counts_its_people_once() -> None:
    """Ten of north's are east's too: shared is what is counted twice, expected by pairs."""
    overlapping = NORTH | EAST[:10]
    ring_alerts = alerts(judge(), ("east", EAST), ("north", overlapping), ("south", SOUTH))
    assert [alert.institution for alert in ring_alerts] == ["east", "north", "south"]
    assert [alert.taken_participants for alert in ring_alerts] == [5_000, 5_010, 5_000]
    (detail,) = ring_alerts[0].reasons
    assert detail.observed == 10.0
    assert detail.expected == pytest.approx((2 * 5_000 * 5_010 + 5_000**2) / COHORT_SIZE)
    assert "took 15,000 new participants between them" in ring_alerts[0].sentence
    assert (ring_alerts[0].severity, ring_alerts[0].p_value) == ("high", 1e-12)
    assert {(alert.at_ms, alert.config_hash) for alert in ring_alerts} == {(DAY * DAY_MS + 5, "c0")}


def test_as_many_must_fit_together_as_are_configured() -> None:
    """Two prove nothing where three are wanted; where two are, they do."""
    pair = (("east", EAST), ("north", NORTH))
    assert alerts(judge(), *pair) == []
    assert len(alerts(judge(CollusionConfig(members_min=2)), *pair)) == 2
    quartet = (*pair, ("south", SOUTH), ("west", WEST))
    assert alerts(judge(CollusionConfig(members_min=4)), *quartet[:3]) == []
    assert len(alerts(judge(CollusionConfig(members_min=4)), *quartet)) == 4


@pytest.mark.parametrize("days", [0, 1, CollusionConfig().window_days - 1])
def test_whoever_joins_a_ring_is_told_alone_and_with_the_names_of_all(days: int) -> None:
    """The others have been told, to the window's last day; they are part of the story."""
    ring = judge()
    alerts(ring, ("east", EAST), ("north", NORTH), ("south", SOUTH))
    (joined,) = alerts(ring, ("west", WEST), day=DAY + days)
    assert joined.institution == "west"
    assert joined.sentence.startswith("east, north, south, west took 20,000 ")


def test_a_ring_is_named_again_once_a_window_has_passed() -> None:
    """Who goes on is news by then: not a day before."""
    ring, config = judge(), CollusionConfig()
    taken = (("east", EAST), ("north", NORTH), ("south", SOUTH))
    assert len(alerts(ring, *taken)) == 3
    assert alerts(ring, *taken, day=DAY + config.window_days - 1) == []
    assert len(alerts(ring, *taken, day=DAY + config.window_days)) == 3


def test_who_overlaps_as_chance_would_is_in_no_ring() -> None:
    """Half of south's are east's: it may be honest, and two alone are too few."""
    half = BitMap64(list(SOUTH)[:4_750]) | EAST[:250]
    assert alerts(judge(), ("east", EAST), ("north", NORTH), ("south", half)) == []


@pytest.mark.parametrize("count", [399, 400])
def test_somebody_is_looked_at_from_the_floor_on(count: int) -> None:
    """Four thousandths of the cohort, to the participant."""
    config = CollusionConfig(pair_p_value_max=0.9, group_p_value_max=0.9)
    people = [BitMap64(range(first, first + 250 * count, 250)) for first in range(3)]
    names = ("east", "north", "south")
    ring_alerts = alerts(judge(config), *zip(names, people, strict=True))
    assert len(ring_alerts) == (3 if count == 400 else 0)


def test_a_p_value_is_never_smaller_than_anybody_could_check() -> None:
    """What is rarer than one in a million million is told as that."""
    ring_alerts = alerts(judge(), ("east", EAST), ("north", NORTH), ("south", SOUTH))
    assert [(alert.p_value, alert.confidence) for alert in ring_alerts] == [
        (1e-12, 1.0 - 1e-12)
    ] * 3

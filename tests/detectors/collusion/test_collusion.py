"""The judge of rings: what is told, to whom, when it speaks, and when a ring is over."""

import pytest
from pyroaring import BitMap64

from detectors.models.collusion.config import PROBATION_DAYS, CollusionConfig, RingMode
from detectors.models.collusion.judge import CollusionJudge
from tests.detectors.collusion.worlds import (
    COHORT_SIZE,
    DAY,
    alerts,
    collusion_judge,
    holdings,
    parts,
    sample,
)

NAMES = ("east", "north", "south", "west")
FOUR = list(zip(NAMES, parts(4, size=16_000), strict=True))
WINDOW_DAYS = CollusionConfig().window_days


def test_one_ring_is_one_alert_in_numbers_that_one_can_check() -> None:
    """Who, how many, shared against expected, on which days; and the likeness is no certainty."""
    (ring,) = alerts(collusion_judge(), *FOUR[:3])
    assert ring.members == ("east", "north", "south")
    assert (ring.change, ring.revision, ring.institution) == ("create", 1, "east")
    assert ring.taken_participants == 12_000
    assert (ring.severity, ring.confidence) == ("high", 0.9)
    assert 0.0 < ring.p_value <= 1e-9
    assert ring.at_ms - ring.started_ms == (WINDOW_DAYS - 1) * 86_400_000 + 5
    assert ring.config_hash == "c0"
    (detail,) = ring.reasons
    assert (detail.detector, detail.observed) == ("collusion", 0.0)
    assert detail.expected == pytest.approx(480.0, rel=0.05)
    assert ring.sentence.startswith(
        "east, north and south took 12,000 people in 14 days and share 0 of these whom none had "
        "before, where independent work would have shared 4"
    )
    assert ring.sentence.endswith("parts of one list. They worked on the same days: 1.00 of 1.")


def test_who_joins_belongs_to_the_same_incident() -> None:
    """The id stays; the revision and the names grow."""
    judge = collusion_judge()
    (ring,) = alerts(judge, *FOUR[:3])
    (joined,) = alerts(judge, FOUR[3], day=DAY + 1)
    assert (joined.alert_id, joined.change, joined.revision) == (ring.alert_id, "update", 2)
    assert joined.members == NAMES
    assert "16,000 people" in joined.sentence
    few = ("west", BitMap64(range(5)))
    assert alerts(judge, few, day=DAY + WINDOW_DAYS) == []
    (over,) = alerts(judge, few, day=DAY + WINDOW_DAYS + 1)
    assert (over.alert_id, over.change, over.revision) == (ring.alert_id, "close", 3)


def test_a_ring_of_the_first_day_of_all_is_over_after_a_window() -> None:
    """Days count from the beginning of all time on."""
    judge = collusion_judge()
    (ring,) = alerts(judge, *FOUR[:3], day=0)
    few = ("west", BitMap64(range(5)))
    assert alerts(judge, few, day=WINDOW_DAYS - 1) == []
    assert [over.alert_id for over in alerts(judge, few, day=WINDOW_DAYS)] == [ring.alert_id]


def test_what_is_late_turns_no_time_back() -> None:
    """Whoever was to speak goes on speaking."""
    judge = collusion_judge(CollusionConfig(mode="auto"))
    calm_weeks(judge, PROBATION_DAYS)
    alerts(judge, FOUR[3])
    assert judge.speaks
    alerts(judge, ("west", BitMap64(range(5))), day=DAY - 20)
    assert judge.speaks


def test_who_takes_nothing_more_is_looked_at_no_more() -> None:
    """Meanwhile nobody is counted again because of others; then what was compared is dropped."""
    judge = collusion_judge()
    alerts(judge, *FOUR[:3])
    before = judge._recents["east"]
    few = ("west", BitMap64(range(5)))
    alerts(judge, few, day=DAY + 1)
    assert judge._recents["east"] is before
    assert judge._pairs._overlaps
    alerts(judge, few, day=DAY + WINDOW_DAYS)
    assert (judge._recents, judge._pairs._overlaps) == ({}, {})


def test_half_of_a_ring_is_another_ring() -> None:
    """Of which more were in it is the same that has changed its members."""
    five = list(zip((*NAMES, "zenith"), parts(5, size=20_000), strict=True))
    judge = collusion_judge()
    assert alerts(judge, five[0], day=DAY - 10) == []
    (ring,) = alerts(judge, *five[1:3])
    name, people = five[3]
    judge.remember(holdings(name, people, day=DAY + 6))
    (other,) = alerts(judge, five[4], day=DAY + 6)
    assert other.members == ("north", "south", "west", "zenith")
    assert (other.change, other.alert_id != ring.alert_id) == ("create", True)


@pytest.mark.parametrize(("days", "count"), [(PROBATION_DAYS - 1, 2), (PROBATION_DAYS, 1)])
def test_ring_days_count_for_eight_weeks(days: int, count: int) -> None:
    """What was found before is forgotten."""
    judge = collusion_judge()
    alerts(judge, *FOUR[:3])
    again = list(zip(NAMES, parts(3, seed=8), strict=False))
    assert [ring.change for ring in alerts(judge, *again, day=DAY + days)] == ["close", "create"]
    assert judge.ring_days == count


def test_a_day_with_two_rings_is_one_day() -> None:
    """What is counted is days, by which one sees how much of what people do looks like a ring."""
    judge = collusion_judge()
    assert len(alerts(judge, *FOUR)) == 2
    assert judge.ring_days == 1


def test_a_ring_is_over_when_a_window_adds_nothing() -> None:
    """It is closed once, by whoever comes next; what comes after is another incident."""
    judge = collusion_judge()
    (ring,) = alerts(judge, *FOUR[:3])
    few = ("west", BitMap64(range(5)))
    assert alerts(judge, few, day=DAY + WINDOW_DAYS - 1) == []
    (over,) = alerts(judge, few, day=DAY + WINDOW_DAYS)
    assert (over.alert_id, over.change, over.revision) == (ring.alert_id, "close", 2)
    assert over.at_ms == ring.at_ms + WINDOW_DAYS * 86_400_000
    assert alerts(judge, few, day=DAY + WINDOW_DAYS + 1) == []
    again = list(zip(NAMES, parts(3, seed=8), strict=False))
    (anew,) = alerts(judge, *again, day=DAY + WINDOW_DAYS + 1)
    assert (anew.change, anew.alert_id != ring.alert_id) == ("create", True)


def test_parts_that_overlap_on_purpose_share_too_much() -> None:
    """A tenth of each is also another's: more than chance, and nobody else had them."""
    first, other, third = parts(3, size=12_000)
    overlapping = [
        ("east", first | BitMap64(list(other)[::5])),
        ("north", other | BitMap64(list(third)[::5])),
        ("south", third | BitMap64(list(first)[::5])),
    ]
    (ring,) = alerts(collusion_judge(), *overlapping)
    assert "nobody else held them" in ring.sentence
    assert ring.reasons[0].observed > 3 * ring.reasons[0].expected


def contiguous(start: int, *, offset: int = 0) -> list[tuple[str, BitMap64]]:
    """Return three runs of 5,000 that follow one another, with a gap of `offset` between them."""
    step = 5_000 + offset
    return [
        (name, BitMap64(range(start + number * step, start + number * step + 5_000)))
        for number, name in enumerate(NAMES[:3])
    ]


def test_runs_that_meet_to_the_id_are_told_with_the_places() -> None:
    """Where one ends another begins, in the same days, and nobody else ever stopped there."""
    (ring,) = alerts(collusion_judge(), *contiguous(20_123))
    assert "where one ends another begins (at id 25,123, 30,123)" in ring.sentence


@pytest.mark.parametrize(("size", "words"), [(6_000, "another begins"), (9_000, "and share 0")])
def test_of_two_signs_the_stronger_is_told(size: int, words: str) -> None:
    """A scattered list in parts, each with a run that meets another's: it depends on the list."""
    meeting = [BitMap64(range(20_000 + 400 * at, 20_400 + 400 * at)) for at in range(3)]
    scattered = [part - BitMap64(range(19_000, 23_000)) for part in parts(3, size=size)]
    taken = [people | run for people, run in zip(scattered, meeting, strict=True)]
    (ring,) = alerts(collusion_judge(), *zip(NAMES, taken, strict=False))
    assert words in ring.sentence


@pytest.mark.parametrize(
    "offset", [pytest.param(9, id="runs that do not meet"), pytest.param(10_000, id="far apart")]
)
def test_runs_that_do_not_meet_are_independent_regions(offset: int) -> None:
    """Each studies its own region."""
    assert alerts(collusion_judge(), *contiguous(20_123, offset=offset)) == []


def test_runs_of_other_days_are_no_ring() -> None:
    """A junction counts in the same days only: others read on where one has stopped."""
    judge = collusion_judge()
    for number, taken in enumerate(contiguous(20_123)):
        assert alerts(judge, taken, day=DAY + number) == []


@pytest.mark.parametrize(("together", "count"), [(1_500, 1), (1_499, 0)])
def test_runs_are_parts_of_one_list_from_three_tenths_of_their_days_on(
    together: int, count: int
) -> None:
    """Of what each took, so much on days on which the other did too."""
    judge = collusion_judge()
    for number, (name, people) in enumerate(contiguous(20_123)):
        judge.remember(holdings(name, people[together:], day=DAY - number - 1))
    common = [(name, people[:together]) for name, people in contiguous(20_123)]
    assert len(alerts(judge, *common)) == count


def test_hashed_ids_have_no_neighbours() -> None:
    """A divided list is seen in them all the same."""
    spread = 2**64 // COHORT_SIZE
    judge = collusion_judge(hashed=True)
    hashed = [(name, BitMap64(at * spread for at in people)) for name, people in FOUR[:3]]
    assert len(alerts(judge, *hashed)) == 1


@pytest.mark.parametrize("count", [399, 400])
def test_somebody_is_looked_at_from_the_floor_on(count: int) -> None:
    """Four thousandths of the cohort, to the participant."""
    few = ("west", sample(count, seed=2))
    judge = collusion_judge()
    alerts(judge, few)
    assert (len(judge._recents) == 1) == (count == 400)


def calm_weeks(judge: CollusionJudge, days: int) -> None:
    """Let one institution work for some days before the ring."""
    for day in range(DAY - days, DAY):
        judge.add(holdings("west", BitMap64(range(day, day + 20)), day=day))


@pytest.mark.parametrize(
    ("mode", "days", "count"),
    [
        pytest.param("auto", PROBATION_DAYS - 1, 0, id="too young to speak"),
        pytest.param("auto", PROBATION_DAYS, 1, id="eight calm weeks"),
        pytest.param("shadow", PROBATION_DAYS, 0, id="in shadow"),
        pytest.param("on", 0, 1, id="told to speak"),
    ],
)
def test_rings_are_told_after_eight_calm_weeks(mode: RingMode, days: int, count: int) -> None:
    """Or when somebody says so; otherwise they are only counted."""
    judge = collusion_judge(CollusionConfig(mode=mode))
    calm_weeks(judge, days)
    assert len(alerts(judge, *FOUR[:3])) == count
    assert judge.ring_days == 1


def test_a_platform_full_of_rings_goes_back_to_shadow() -> None:
    """Nine days with a ring in eight weeks: its ids mean nothing, and the judge is quiet again."""
    judge = collusion_judge(CollusionConfig(mode="auto", window_days=1))
    calm_weeks(judge, PROBATION_DAYS)
    counts = []
    for number in range(12):
        fresh = list(zip(NAMES, parts(3, seed=number), strict=False))
        taken = [(f"{name}-{number}", people) for name, people in fresh]
        said_now = alerts(judge, *taken, day=DAY + 2 * number)
        counts.append(sum(alert.change == "create" for alert in said_now))
    assert counts == [1] * 9 + [0] * 3
    assert not judge.speaks


def test_what_is_only_remembered_is_not_looked_at_but_known() -> None:
    """The past of years: who was held before counts, and no ring is sought in it."""
    judge = collusion_judge()
    for name, people in FOUR[:3]:
        assert judge.remember(holdings(name, people)) == ()
    assert judge.ring_days == 0
    assert len(alerts(judge, FOUR[3])) == 1

"""The judge of several institutions at once: held to the same promises as the detectors of one."""

from random import Random

import pytest
from pyroaring import BitMap64

from detectors.models.collusion.config import CollusionConfig
from detectors.models.collusion.judge import CollusionJudge
from detectors.verdict import NewHoldings, RaiseAlert

COHORT_SIZE = 500_000
DAY_MS = 86_400_000
LIST = sorted(Random(7).sample(range(COHORT_SIZE), 60_000))


def judge() -> CollusionJudge:
    """Return a judge of nobody yet."""
    return CollusionJudge(
        CollusionConfig(mode="on"), cohort_size=COHORT_SIZE, hashed=False, config_hash="c"
    )


def took(name: str, participants: BitMap64, *, day: int = 20_454) -> NewHoldings:
    """Return what one institution took new on one day."""
    return NewHoldings(
        institution=name, day=day, at_ms=day * DAY_MS, participants=participants.serialize()
    )


def parts(count: int, *, day: int = 20_454) -> list[NewHoldings]:
    """Return one list, scattered over the cohort, divided among `count` institutions."""
    return [
        took(f"thief-{number}", BitMap64(LIST[number::count]), day=day) for number in range(count)
    ]


def honest(seed: int, count: int) -> list[NewHoldings]:
    """Return institutions that each select their people by chance, alone or in runs."""
    random = Random(seed)
    holdings = []
    for number in range(count):
        run = random.choice([1, 1, 20, 500])
        people = BitMap64()
        while len(people) < random.randint(2_500, 25_000):
            first = random.randrange(COHORT_SIZE - run)
            people.add_range(first, first + run)
        holdings.append(took(f"honest-{number}", people))
    return holdings


def judged(collusion_judge: CollusionJudge, holdings: list[NewHoldings]) -> list[RaiseAlert]:
    """Return every alert of `holdings`, in order."""
    return [effect for holding in holdings for effect in collusion_judge.add(holding)]


@pytest.mark.parametrize("count", [3, 4, 5])
def test_a_divided_list_is_told_of_every_part(count: int) -> None:
    """One incident, whose last word names every member."""
    alerts = [effect.alert for effect in judged(judge(), parts(count))]
    assert [alert.revision for alert in alerts] == list(range(1, len(alerts) + 1))
    assert len({alert.alert_id for alert in alerts}) == 1
    assert len(alerts[-1].members) == count
    for alert in alerts:
        assert 0.0 < alert.p_value <= 1e-9
        assert [detail.detector for detail in alert.reasons] == ["collusion"]
        assert all(member in alert.sentence for member in alerts[0].members)


@pytest.mark.parametrize("seed", range(8))
def test_independent_work_is_no_ring(seed: int) -> None:
    """Twenty institutions that select by chance overlap by chance, and nobody is named."""
    assert judged(judge(), honest(seed, 20)) == []


def test_a_ring_is_found_among_the_honest() -> None:
    """Those who only work at the same time are not drawn into it."""
    alerts = judged(judge(), honest(3, 15) + parts(5))
    assert alerts[-1].alert.members == tuple(f"thief-{number}" for number in range(5))


def test_a_ring_is_named_once() -> None:
    """What is said again, or has grown a little, is not told again within the window."""
    collusion_judge = judge()
    assert judged(collusion_judge, parts(3)) != []
    assert judged(collusion_judge, parts(3)) == []
    assert judged(collusion_judge, parts(3, day=20_455)) == []


def test_the_same_input_gives_the_same_alerts() -> None:
    """The second stage is a function of its input too: ids and bytes repeat in a replay."""
    holdings = honest(5, 10) + parts(4)
    assert judged(judge(), holdings) == judged(judge(), holdings)


def test_a_day_said_again_replaces_what_was_said_before() -> None:
    """The later set of a day holds the earlier: repeats and growth change nothing else."""
    grown = [
        took(part.institution, BitMap64.deserialize(part.participants)[:500]) for part in parts(3)
    ]
    alerts = judged(judge(), grown + grown + parts(3))
    assert len(alerts) == len(judged(judge(), parts(3)))


def test_small_takers_are_not_looked_at() -> None:
    """Below the floor, absence of overlap says nothing."""
    few = [took(f"small-{number}", BitMap64(range(number, 3_000, 3))) for number in range(3)]
    assert judged(judge(), few) == []


def test_what_lies_behind_the_window_is_one_set() -> None:
    """Days older than the window become one set: who was held before is known for ever."""
    collusion_judge = judge()
    for day in range(20_454, 20_554):
        judged(collusion_judge, [took("north", BitMap64(range(day, day + 3_000)), day=day)])
    held = collusion_judge._holdings["north"]
    assert len(held.days) <= CollusionConfig().window_days
    assert len(held.before) + len(held.new()) == 3_099


@pytest.mark.parametrize(
    "torment",
    [
        pytest.param(BitMap64(), id="nobody"),
        pytest.param(BitMap64(range(500_000)), id="everybody"),
        pytest.param(BitMap64([2**64 - 1 - 3 * at for at in range(5_000)]), id="hashes"),
        pytest.param(BitMap64(range(0, 500_000, 2)), id="every second one"),
    ],
)
def test_no_set_ends_the_judge(torment: BitMap64) -> None:
    """Empty, whole, hashed, late and far ahead: each is judged, and p-values stay valid."""
    collusion_judge = judge()
    holdings = parts(2)
    for day in (20_454, 0, 20_440, 40_000):
        holdings += [took(f"odd-{number}", torment, day=day) for number in range(3)]
    for effect in judged(collusion_judge, holdings + parts(3)):
        assert 0.0 < effect.alert.p_value <= 1.0

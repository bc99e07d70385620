"""Institutions in small cohorts whose rings one can check by hand."""

from collections.abc import Sequence
from random import Random

from pyroaring import BitMap64

from detectors.instants import DAY_MS
from detectors.models.collusion.blocks import Blocks
from detectors.models.collusion.config import CollusionConfig
from detectors.models.collusion.judge import CollusionJudge
from detectors.models.collusion.recent import Holdings, Recent
from detectors.verdict import Alert, NewHoldings

COHORT_SIZE = 100_000
DAY = 20_454
BLOCKS = Blocks(cohort_size=COHORT_SIZE, hashed=False)
Taken = tuple[str, BitMap64]


def collusion_judge(
    config: CollusionConfig | None = None, *, hashed: bool = False
) -> CollusionJudge:
    """Return a judge of nobody yet, who speaks at once."""
    return CollusionJudge(
        config or CollusionConfig(mode="on"),
        cohort_size=COHORT_SIZE,
        hashed=hashed,
        config_hash="c0",
    )


def holdings(institution: str, people: BitMap64, *, day: int = DAY) -> NewHoldings:
    """Return what one institution took new on one day."""
    return NewHoldings(
        institution=institution, day=day, at_ms=day * DAY_MS + 5, participants=people.serialize()
    )


def alerts(judge: CollusionJudge, *taken: Taken, day: int = DAY) -> list[Alert]:
    """Let institutions take people on one day, and return what is told of it."""
    effects = [
        effect
        for institution, people in taken
        for effect in judge.add(holdings(institution, people, day=day))
    ]
    return [effect.alert for effect in effects]


def recent(
    people: BitMap64, *, before: BitMap64 | None = None, institution: str = "north", day: int = DAY
) -> Recent:
    """Return an institution that took `people` on one day, and `before` long ago."""
    held = Holdings()
    held.take(0, before or BitMap64())
    held.take(day, people)
    held.forget_days_before(1)
    return held.recent(institution, held.new(), BLOCKS)


def parts(count: int, *, seed: int = 7, size: int = 12_000) -> Sequence[BitMap64]:
    """Return one list, scattered over the cohort, in `count` parts without a person in common."""
    people = Random(seed).sample(range(COHORT_SIZE), size)
    return [BitMap64(people[number::count]) for number in range(count)]


def sample(size: int, *, seed: int) -> BitMap64:
    """Return people chosen by chance."""
    return BitMap64(Random(seed).sample(range(COHORT_SIZE), size))

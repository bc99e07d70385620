"""Judge simulated platforms by the second stage alone, and print what it finds and what not.

A ring counts as right if half of its members share one theft, from its first day to a window
after its last; every other one is false. A theft is found if half of its members are named in
right rings.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable

import numpy as np
from msgspec import Struct, field
from pyroaring import BitMap64
from rich.progress import track

from benchmarks.rings.world import (
    COHORT_SIZE,
    DAYS,
    HISTORY_DAYS,
    KINDS,
    WARMUP_DAYS,
    RingWorld,
    SharedTheft,
)
from detectors.instants import DAY_MS
from detectors.models.collusion.config import CollusionConfig, RingMode
from detectors.models.collusion.judge import CollusionJudge
from detectors.verdict import NewHoldings

_EPOCH_DAY = 20_000
_WEEK_DAYS = 7


class Figures(Struct, kw_only=True):
    """What came of all worlds of one kind."""

    false_rings: int = 0
    false_members: int = 0
    right_rings: int = 0
    bystanders: int = 0
    weeks: float = 0.0
    records: int = 0
    processor_seconds: float = 0.0
    thefts: Counter[str] = field(default_factory=Counter)
    half: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)
    delays_days: list[int] = field(default_factory=list)


def holdings_of(world: RingWorld, day: int) -> Iterable[NewHoldings]:
    """Return what every institution took new on a day."""
    for institution, news in enumerate(world.news):
        people = news[day + HISTORY_DAYS]
        if len(people):
            yield NewHoldings(
                institution=str(institution),
                day=_EPOCH_DAY + day,
                at_ms=(_EPOCH_DAY + day) * DAY_MS,
                participants=BitMap64(people.astype(np.uint64)).serialize(),
            )


def judge_world(world: RingWorld, figures: Figures, *, mode: RingMode) -> None:
    """Fold one world, and add up what was told of it."""
    config = CollusionConfig(mode=mode)
    judge = CollusionJudge(config, cohort_size=COHORT_SIZE, hashed=False, config_hash="")
    named: dict[SharedTheft, set[int]] = {theft: set() for theft in world.thefts}
    for day in range(-HISTORY_DAYS, DAYS):
        for holdings in holdings_of(world, day):
            began = time.process_time()
            effects = judge.remember(holdings) if day < 0 else judge.add(holdings)
            figures.processor_seconds += time.process_time() - began
            figures.records += 1
            for effect in effects:
                if effect.alert.change != "close":
                    members = {int(member) for member in effect.alert.members}
                    _count(members, day, named, figures, window_days=config.window_days)
    figures.weeks += (DAYS - WARMUP_DAYS) / _WEEK_DAYS
    for theft, members in named.items():
        figures.thefts[theft.kind] += 1
        figures.half[theft.kind] += 2 * len(members) >= len(theft.members)
        figures.whole[theft.kind] += members == theft.members


def _count(
    members: set[int],
    day: int,
    named: dict[SharedTheft, set[int]],
    figures: Figures,
    *,
    window_days: int,
) -> None:
    for theft, already in named.items():
        common = members & theft.members
        in_time = theft.first_day <= day <= theft.end_day + window_days
        if in_time and len(common) >= max(2.0, len(members) / 2):
            if 2 * len(already) < len(theft.members) <= 2 * len(already | common):
                figures.delays_days.append(day - theft.first_day)
            already.update(common)
            figures.right_rings += 1
            figures.bystanders += theft.bystander in members
            return
    if day >= WARMUP_DAYS:
        figures.false_rings += 1
        figures.false_members += len(members)


def row(title: str, figures: Figures) -> str:
    """Return one line of the table, and one with the kinds."""
    weeks, half = figures.weeks, figures.half.total()
    kinds = ", ".join(
        f"{kind} {figures.half[kind]}/{figures.thefts[kind]}"
        for kind in KINDS
        if figures.thefts[kind]
    )
    delay = f"{np.median(figures.delays_days):.0f}" if figures.delays_days else "-"
    cost = 1_000.0 * figures.processor_seconds / figures.records
    return (
        f"{title:<34}{figures.false_rings / weeks:>8.2f}{figures.false_members / weeks:>9.2f}"
        f"{half:>7}/{figures.thefts.total():<4}{figures.whole.total():>4}"
        f"{figures.bystanders:>9}/{figures.right_rings:<4}{delay:>6}{cost:>8.1f}\n  {kinds}\n"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rings", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[102, 103, 104, 105, 106, 107])
    parser.add_argument("--mode", choices=("on", "auto"), default="on")
    options = parser.parse_args()
    sys.stdout.write(
        f"{'':34}{'false rings':>8}{'members':>9}{'found':>7}{'whole':>9}{'bystander':>13}"
        f"{'days':>6}{'ms':>8}\n"
    )
    for title, classes in (("ids with regions", False), ("ids by chance, classes studied", True)):
        figures = Figures()
        for seed in track(options.seeds, description=title, transient=True):
            judge_world(RingWorld(seed, classes=classes), figures, mode=options.mode)
        sys.stdout.write(row(title, figures))
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())

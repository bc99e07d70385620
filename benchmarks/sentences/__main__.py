"""`python -m benchmarks.sentences`: 200 alerts over simulated worlds, each number recomputed.

Every number of every sentence is recounted from the raw events of its institution: what was taken
in the window that is told, by whom, which part of it by nobody named or late, what is now held, and
when all of it will be; with them the named user and project with their shares, the user's own
taking, on which a suspension rests, the first and the last time, and the events. The last line
counts the alerts, the numbers and the wrong ones; the exit code is 1 if there is any.

What is usual is no number of the events alone but of the model, and is only compared with the
reason that the alert gives.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Final

import click
from msgspec.structs import replace

from benchmarks.sentences.claims import Checked, checked
from benchmarks.sentences.recount import Recount
from detectors.config import CohortConfig, CoreConfig, DetectorsConfig
from detectors.event import AccessEvent
from detectors.models.canary import CanaryConfig
from detectors.models.collusion.config import CollusionConfig
from detectors.models.quota import QuotaConfig
from detectors.register import Register
from detectors.synthetic import SCENARIOS, WorldConfig, build_world
from detectors.synthetic.config import hard
from detectors.verdict import Alert, RaiseAlert
from streams.replay.replay import Replay

_THEFTS: Final = 6
# Every so many events name no user; some are of one that is never named.
_UNNAMED_EVERY: Final = 7


def settings(seed: int, *, cohort_size: int) -> CoreConfig:
    """Return a configuration under which rules and detectors of every kind speak."""
    quotas = (
        QuotaConfig(),
        QuotaConfig(new_participants_day_max=cohort_size // 20),
        QuotaConfig(rows_day_max=cohort_size // 10, bytes_day_max=cohort_size * 10_000),
    )
    canary = CanaryConfig(participants=(1_234, 56_789)) if seed % 2 else CanaryConfig()
    return CoreConfig(
        cohort=CohortConfig(size=cohort_size),
        detectors=DetectorsConfig(
            quota=quotas[seed % len(quotas)], canary=canary, collusion=CollusionConfig(mode="off")
        ),
    )


def events_of(world_config: WorldConfig, *, seed: int) -> Iterator[AccessEvent]:
    """Yield the events of a world with thefts in it; of some nobody knows the user."""
    scenarios = [
        SCENARIOS[(seed * _THEFTS + place) % len(SCENARIOS)].id for place in range(_THEFTS)
    ]
    world = build_world(world_config, thefts=tuple(dict.fromkeys(scenarios)))
    for number, event in enumerate(world.events()):
        unnamed = number % _UNNAMED_EVERY == 0 or (event.user or "").endswith("-2")
        yield replace(event, user=None) if unnamed else event


def alerts_of(
    events: Iterator[AccessEvent], config: CoreConfig
) -> Iterator[tuple[Alert, list[Checked]]]:
    """Yield every alert that gives reasons, with its numbers beside the recounted ones."""
    recounts: dict[str, Recount] = {}

    def counted() -> Iterator[AccessEvent]:
        for event in events:
            name = event.institution
            (recounts.get(name) or recounts.setdefault(name, Recount(config))).add(event)
            yield event

    replay = Replay(config, register=Register())
    for effect in replay.effects(counted()):
        if not isinstance(effect, RaiseAlert):
            continue
        alert, recount = effect.alert, recounts[effect.alert.institution]
        if alert.change == "close":
            recount.closed()
            continue
        yield alert, list(checked(alert, recount))
        recount.tell(alert.at_ms)


def evaluated(
    alerts_max: int, *, institutions: int, days: int, seed: int
) -> Iterator[tuple[Alert, Checked]]:
    """Yield every number of up to `alerts_max` alerts, over as many worlds as it takes.

    `seed` is that of the first world.
    """
    alerts_count = 0
    while alerts_count < alerts_max:
        world = hard(seed, institutions=institutions, days=days)
        config = settings(seed, cohort_size=world.cohort_participants)
        for alert, numbers in alerts_of(events_of(world, seed=seed), config):
            yield from ((alert, number) for number in numbers)
            alerts_count += 1
            if alerts_count == alerts_max:
                return
        seed += 1


@click.command()
@click.option("--alerts", default=200, show_default=True, type=click.IntRange(1))
@click.option("--institutions", default=40, show_default=True, type=click.IntRange(2))
@click.option("--days", default=119, show_default=True, type=click.IntRange(119))
@click.option("--seed", default=4_000, show_default=True, type=click.IntRange(0))
def main(alerts: int, institutions: int, days: int, seed: int) -> None:
    """Recompute every number of the sentences of simulated alerts."""
    sentences: set[str] = set()
    numbers: Counter[str] = Counter()
    wrong_count = 0
    for alert, number in evaluated(alerts, institutions=institutions, days=days, seed=seed):
        sentences.add(f"{alert.alert_id}.{alert.revision} {alert.at_ms}: {alert.sentence}")
        numbers[number.what] += 1
        if not number.right:
            wrong_count += 1
            click.echo(f"{number.what}: {number.stated}, recounted {number.recounted}")
            click.echo(f"    {alert.sentence}")
    for what, count in sorted(numbers.items()):
        click.echo(f"{what:<24} {count}")
    click.echo(f"alerts {len(sentences)}, numbers {numbers.total()}, wrong {wrong_count}")
    sys.exit(bool(wrong_count))


if __name__ == "__main__":
    main()

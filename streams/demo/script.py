"""What happens in the demo: a seeded world, quiet for two months, then robbed three times."""

from msgspec import Struct

from detectors.event import time_ms
from detectors.instants import DAY_MS
from detectors.synthetic import World, WorldConfig, build_world
from detectors.synthetic.config import START_MS
from streams.report.record import Truth
from streams.report.truths import truths_of

THEFTS = ("smash_and_grab_v1", "split_users_v1", "participant_sweep_v1")


class DemoConfig(Struct, frozen=True, kw_only=True):
    """The size and the pace of the demo.

    The default seed is a world that shows all three thefts; others show misses and false alarms.
    """

    seed: int = 4
    institutions: int = 42
    history_days: int = 60
    live_days: int = 8
    live_seconds: float = 40.0
    partitions: int = 4


class Script(Struct, frozen=True, kw_only=True):
    """The world, and the moment from which it is played live."""

    world: World
    live_from_ms: int
    ends_ms: int

    @property
    def first_day(self) -> int:
        """Return the first day, counted from the epoch."""
        return START_MS // DAY_MS

    @property
    def events_count(self) -> int:
        """Return how many events the world has."""
        return len(self.world.table)

    def truths(self) -> dict[str, Truth]:
        """Return the thefts by institution, for the report."""
        cohort = self.world.config.cohort_participants
        return truths_of(self.world.labels, cohort_participants=cohort)

    def true_kind(self, institution: str, at_ms: int) -> str:
        """Return what the institution was really doing, as the world knows it."""
        for theft in self.world.labels.thefts:
            if institution in theft.institutions and at_ms >= theft.started_ms:
                return theft.scenario
        return ", ".join(self.world.labels.kinds_at(institution, at_ms))


def write_script(config: DemoConfig) -> Script:
    """Return the world of `config`, with the thefts in its live part."""
    days = config.history_days + config.live_days
    world = build_world(
        WorldConfig(
            seed=config.seed,
            institutions=config.institutions,
            days=days,
            warmup_days=config.history_days,
        ),
        thefts=THEFTS,
    )
    live_from_ms = START_MS + config.history_days * DAY_MS
    last = max((time_ms(event) for event in world.events()), default=live_from_ms)
    return Script(world=world, live_from_ms=live_from_ms, ends_ms=last)

"""One seed's world before the ladder: whom it stops among the honest, and what of each theft."""

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Final

from msgspec import Meta, Struct

from benchmarks.quality.alarms import alert_days
from benchmarks.quality.headgate import Judged, Recorded, alarms_of, core_config, judge_all
from benchmarks.quality.protocol import institution_weeks, since
from benchmarks.response.platform import AUTOMATIC, Platform
from detectors.config import CoreConfig
from detectors.event import AccessEvent, time_ms
from detectors.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from detectors.pipeline import follow_references, judge, open_profile
from detectors.profile import Profile
from detectors.response.config import ResponseConfig
from detectors.synthetic.config import START_MS
from detectors.synthetic.injection import inject
from detectors.synthetic.labels import Theft
from detectors.synthetic.theft_requests import THEFT_NUMBERS_EACH, THEFT_NUMBERS_FROM
from detectors.synthetic.world import World
from detectors.verdict import Alert, RaiseAlert

# How long after a measure the platform obeys it.
DELAYS: Final = {"1 s": SECOND_MS, "1 min": MINUTE_MS, "1 h": HOUR_MS}
# A theft that is told on the day after its last request was told.
_GRACE_MS: Final = DAY_MS


class Plan(Struct, frozen=True, kw_only=True):
    """What to play: worlds, thefts, the judge's knob, and the ladder."""

    build: Callable[[int], World]
    scenarios: tuple[str, ...]
    trials: int
    budget: float
    response: ResponseConfig = AUTOMATIC


class Stopped(Struct, frozen=True, kw_only=True):
    """What became of one theft where the platform obeys after a delay; shares of the cohort."""

    scenario: str
    delay: str
    haul_ratio: Annotated[float, Meta(description="what would have gone without a measure")]
    told_ratio: Annotated[float | None, Meta(description="gone when people were told")] = None
    throttled_ratio: Annotated[float | None, Meta(description="gone when first slowed down")] = None
    suspended_ratio: Annotated[float | None, Meta(description="gone when first stopped")] = None
    gone_ratio: Annotated[float, Meta(description="gone in the end")]

    @property
    def measured_ratio(self) -> float | None:
        """Return what was gone when the first measure of either kind was obeyed."""
        ratios = [each for each in (self.throttled_ratio, self.suspended_ratio) if each is not None]
        return min(ratios, default=None)


class Seed(Struct, frozen=True, kw_only=True):
    """Everything played on one seed."""

    institution_weeks: float
    false_alert_days: int
    honest: Annotated[dict[str, int], Meta(description="measures against honest ones, by kind")]
    thefts: tuple[Stopped, ...]


def play_seed(plan: Plan, seed: int) -> Seed:
    """Return what the ladder did in one world, and to each theft planted in it."""
    world = plan.build(seed)
    config = core_config(world, budget=plan.budget)
    honest = judge_all(world.events(), config=config, register=world.register)
    thefts = []
    for scenario in plan.scenarios:
        for trial in range(plan.trials):
            planted = inject(world, scenario, trial=trial)
            thefts += play_theft(plan, planted, planted.labels.thefts[-1], honest=honest)
    return Seed(
        institution_weeks=institution_weeks(world),
        false_alert_days=len(
            alert_days(alarms_of(honest.alerts), threshold=0.0, since_ms=since(world))
        ),
        honest=honest_measures(honest.alerts, world=world, response=plan.response),
        thefts=tuple(thefts),
    )


def honest_measures(
    alerts: tuple[Alert, ...], *, world: World, response: ResponseConfig
) -> dict[str, int]:
    """Return how many throttles and suspensions honest institutions would have met.

    What was throttled and then suspended counts once, as suspended.
    """
    platform = Platform(
        cohort_size=world.config.cohort_participants,
        delay_ms=0,
        begins_ms=START_MS,
        config=response,
    )
    platform.hear(sorted(alerts, key=lambda alert: alert.at_ms))
    counts = {"throttle": 0, "suspend": 0}
    for each in platform.measures.values():
        if each.begins_ms >= since(world):
            counts["throttle" if each.suspended_ms is None else "suspend"] += 1
    return counts


def play_theft(plan: Plan, planted: World, theft: Theft, *, honest: Judged) -> list[Stopped]:
    """Return what became of a theft for every delay."""
    config = core_config(planted, budget=plan.budget)
    events = list(planted.events(set(theft.institutions)))
    shares = _shares(planted, theft)
    return [
        _Play(plan, config, planted, honest).of(theft, events, shares, delay=delay)
        for delay in DELAYS
    ]


def _shares(planted: World, theft: Theft) -> dict[str, float]:
    """Return what share of the cohort each request of the last theft took, by the event's id."""
    first = THEFT_NUMBERS_FROM + (len(planted.labels.thefts) - 1) * THEFT_NUMBERS_EACH
    gained = [after - before for before, after in pairwise((0.0, *theft.taken_ratio))]
    rows = planted.table[planted.table["number"] >= first]
    return {
        f"{planted.plans[institution].name}-{number}": gained[number - first]
        for institution, number in rows[["institution", "number"]].tolist()
    }


class _Play:
    """The judges of a theft's institutions, and the platform that hears them."""

    __slots__ = ("_config", "_plan", "_planted", "_profiles", "_references")

    def __init__(self, plan: Plan, config: CoreConfig, planted: World, honest: Judged) -> None:
        self._plan = plan
        self._config = config
        self._planted = planted
        self._references = Recorded(honest.references, config=config)
        self._profiles: dict[str, Profile] = {}

    def of(
        self, theft: Theft, events: list[AccessEvent], shares: dict[str, float], *, delay: str
    ) -> Stopped:
        platform = Platform(
            cohort_size=self._config.cohort.size,
            delay_ms=DELAYS[delay],
            begins_ms=START_MS,
            config=self._plan.response,
        )
        gone, told_ratio = 0.0, None
        course: list[tuple[int, float]] = []
        for event in events:
            at_ms = time_ms(event)
            if not platform.serves(event, at_ms):
                continue
            gone += shares.get(event.id, 0.0)
            course.append((at_ms, gone))
            alerts = self._judged(event)
            platform.hear(alerts)
            spoke = any(alert.change != "close" for alert in alerts)
            if (
                told_ratio is None
                and spoke
                and theft.started_ms <= at_ms <= theft.ended_ms + _GRACE_MS
            ):
                told_ratio = gone
        thieves = [event for event in events if event.id in shares]
        return Stopped(
            scenario=theft.scenario,
            delay=delay,
            haul_ratio=theft.haul_ratio,
            told_ratio=told_ratio,
            throttled_ratio=_gone_at(_first(platform, theft, thieves, "throttle"), course),
            suspended_ratio=_gone_at(_first(platform, theft, thieves, "suspend"), course),
            gone_ratio=gone,
        )

    def _judged(self, event: AccessEvent) -> list[Alert]:
        profile = self._profiles.get(event.institution)
        if profile is None:
            entry = next(
                each for each in self._planted.register.institutions if each.id == event.institution
            )
            profile = open_profile(event.institution, config=self._config, entry=entry)
            follow_references(profile, self._references)
            self._profiles[event.institution] = profile
        effects = judge(profile, event)
        return [effect.alert for effect in effects if isinstance(effect, RaiseAlert)]


def _first(
    platform: Platform, theft: Theft, thieves: list[AccessEvent], measure: str
) -> int | None:
    """Return when a measure against one of those who steal was first obeyed."""
    subjects = {("institution", name) for name in theft.institutions}
    subjects |= {("user", event.user or "") for event in thieves}
    subjects |= {("project", event.project or "") for event in thieves}
    begun = []
    for each in platform.measures.values():
        suspension = each.suspension
        at_ms = each.throttled_ms if measure == "throttle" else each.suspended_ms
        in_time = at_ms is not None and theft.started_ms <= at_ms <= theft.ended_ms + _GRACE_MS
        if in_time and at_ms is not None and (suspension.scope, suspension.subject) in subjects:
            begun.append(at_ms)
    return min(begun, default=None)


def _gone_at(at_ms: int | None, course: list[tuple[int, float]]) -> float | None:
    """Return what was gone at a time; None where there was no such time."""
    if at_ms is None:
        return None
    return max((gone for moment, gone in course if moment <= at_ms), default=0.0)

"""Headgate as a user gets it: the core over a world's events, and the alerts it raised.

The honest world is judged whole, with the peer reference built day by day as replay builds it.
A theft is then judged on its institutions alone, against the references recorded from the honest
world: a judge is a function of its own events and the references, so nothing else could differ.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable

import numpy as np
from msgspec import Struct, structs

from benchmarks.quality.alarms import Alarms
from detectors.config import CoreConfig
from detectors.day_rollover import close_days
from detectors.event import AccessEvent, time_ms
from detectors.features.event_clock import EventClock
from detectors.peers.builder import ReferenceBuilder
from detectors.peers.daily import DailyReferences
from detectors.peers.reference import Reference, References, grace_ms, prior_reference
from detectors.pipeline import follow_references, judge, open_profile
from detectors.profile import Profile
from detectors.register import Register
from detectors.synthetic.materialise import hashed
from detectors.synthetic.world import World
from detectors.verdict import Alert, DailySummary, Effect, NewHoldings, RaiseAlert
from streams.replay.judges import ring_judge


class Judged(Struct, frozen=True, kw_only=True):
    """What came out of one run: alerts in order, and what other judges would need of it."""

    alerts: tuple[Alert, ...]
    references: dict[int, Reference]
    holdings: tuple[NewHoldings, ...]


def core_config(world: World, *, budget: float) -> CoreConfig:
    """Return the defaults with the knob, and what an operator knows: cohort and canaries."""
    config = CoreConfig()
    cohort = structs.replace(
        config.cohort,
        size=world.config.cohort_participants,
        participant_ids="hashed" if world.config.hashed_ids else "positions",
    )
    knob = structs.replace(config.budget, false_alert_days_per_week_per_100_institutions=budget)
    ids = (hashed(each) if world.config.hashed_ids else each for each in world.canaries)
    canary = structs.replace(config.detectors.canary, participants=tuple(ids))
    # Worlds are shorter than the weeks after which rings would be told by themselves.
    collusion = structs.replace(config.detectors.collusion, mode="on")
    detectors = structs.replace(config.detectors, canary=canary, collusion=collusion)
    return structs.replace(config, cohort=cohort, budget=knob, detectors=detectors)


def judge_all(events: Iterable[AccessEvent], *, config: CoreConfig, register: Register) -> Judged:
    """Judge every institution, each day against its own reference, as replay does."""
    builder = ReferenceBuilder(config.reference)
    clock = EventClock(grace_ms=grace_ms(config.reference))
    daily = DailyReferences(builder, clock)
    references: dict[int, Reference] = {}
    run = _Run(config, register, daily)
    for event in events:
        if clock.reach(event.institution, time_ms(event)):
            for summary in run.close_days(clock.last_closed_day):
                builder.add(summary)
            references[clock.day] = daily.at(clock.day)
        for summary in run.judge(event):
            builder.add(summary)
    return run.judged(references)


def judge_some(
    events: Iterable[AccessEvent], *, config: CoreConfig, register: Register, honest: Judged
) -> Judged:
    """Judge some institutions against the references recorded when all of them were honest."""
    run = _Run(config, register, Recorded(honest.references, config=config))
    for event in events:
        run.judge(event)
    return run.judged(honest.references)


class Recorded:
    """The references of an earlier run; on a day without one, that of the day before."""

    __slots__ = ("_days", "_prior", "_references")

    def __init__(self, references: dict[int, Reference], *, config: CoreConfig) -> None:
        """Keep them by the day on which they hold."""
        self._references = references
        self._days = sorted(references)
        self._prior = prior_reference(config.reference)

    def at(self, day: int) -> Reference:
        """Return what held on a day."""
        place = bisect_right(self._days, day)
        return self._references[self._days[place - 1]] if place else self._prior

    def recorded(self, day: int) -> Reference:
        """Return what a day was judged by."""
        return self.at(day)


def rings(holdings: Iterable[NewHoldings], *, config: CoreConfig, since_ms: int = 0) -> list[Alert]:
    """Return what the second stage says from a time on; the knob changes nothing in it."""
    second = ring_judge(config)
    alerts = []
    # Sorting is stable: those of one moment stay in the order in which they were said.
    for each in sorted(holdings, key=lambda each: each.at_ms):
        judge = second.add if each.at_ms >= since_ms else second.remember
        alerts += [effect.alert for effect in judge(each)]
    return alerts


def among(
    honest: Judged, judged: Judged, *, names: Collection[str], until_ms: int
) -> list[NewHoldings]:
    """Return the holdings until a time: those of `names` as now judged, all others as recorded."""
    others = [each for each in honest.holdings if each.institution not in names]
    return [each for each in (*others, *judged.holdings) if each.at_ms <= until_ms]


def alarms_of(alerts: Iterable[Alert]) -> list[Alarms]:
    """Return raised and updated alerts as alarms, by institution; a close is no alarm."""
    spoken: dict[str, list[Alert]] = {}
    for alert in sorted(alerts, key=lambda alert: alert.at_ms):
        if alert.change != "close":
            spoken.setdefault(alert.institution, []).append(alert)
    return [
        Alarms(
            institution=institution,
            at_ms=np.array([alert.at_ms for alert in mine], np.int64),
            score=np.ones(len(mine)),
            reasons=tuple(str(alert.reasons[0].reason) for alert in mine),
        )
        for institution, mine in spoken.items()
    ]


class _Run:
    """The judges of one run and what they said."""

    __slots__ = ("alerts", "config", "entries", "holdings", "profiles", "references")

    def __init__(self, config: CoreConfig, register: Register, references: References) -> None:
        self.config = config
        self.entries = {entry.id: entry for entry in register.institutions}
        self.references = references
        self.profiles: dict[str, Profile] = {}
        self.alerts: list[Alert] = []
        self.holdings: list[NewHoldings] = []

    def judge(self, event: AccessEvent) -> list[DailySummary]:
        profile = self.profiles.get(event.institution)
        if profile is None:
            profile = self.profiles[event.institution] = open_profile(
                event.institution, config=self.config, entry=self.entries.get(event.institution)
            )
            follow_references(profile, self.references)
        return self._noted(judge(profile, event))

    def close_days(self, last_closed_day: int) -> list[DailySummary]:
        summaries: list[DailySummary] = []
        for profile in self.profiles.values():
            summaries += self._noted(close_days(profile, last_closed_day))
        return summaries

    def _noted(self, effects: Iterable[Effect]) -> list[DailySummary]:
        summaries = []
        for effect in effects:
            if isinstance(effect, DailySummary):
                summaries.append(effect)
            elif isinstance(effect, RaiseAlert):
                self.alerts.append(effect.alert)
            elif isinstance(effect, NewHoldings):
                self.holdings.append(effect)
        return summaries

    def judged(self, references: dict[int, Reference]) -> Judged:
        return Judged(
            alerts=tuple(self.alerts), references=references, holdings=tuple(self.holdings)
        )

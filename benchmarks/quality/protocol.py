"""The protocol: honest worlds for false alarms, planted thefts for everything else.

Thresholds of the baselines are fixed on calibration seeds; everything is measured on test seeds.
Headgate gets no threshold: it is run at its knob, and what it then does is measured.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np
from msgspec import Struct

from benchmarks.quality.alarms import GRACE_MS, Alarms, alert_days, day_peaks, outcome
from benchmarks.quality.baselines import BASELINES
from benchmarks.quality.excess_rule import WINDOW_HOURS, Peers, peers_of, window_scores
from benchmarks.quality.headgate import (
    Judged,
    alarms_of,
    among,
    core_config,
    judge_all,
    judge_some,
    rings,
)
from benchmarks.quality.hourly import Hours, hours_of
from benchmarks.quality.results import Trial, WorldResult
from detectors.config import CoreConfig
from detectors.instants import DAY_MS, HOUR_MS
from detectors.synthetic.config import START_MS
from detectors.synthetic.injection import inject
from detectors.synthetic.institutions import InstitutionPlan
from detectors.synthetic.labels import Labels, Theft
from detectors.synthetic.requests import Floats
from detectors.synthetic.world import World
from detectors.verdict import Alert

EXCESS = "reference excess rule"
HEADGATE = "Headgate"
PERFECT = "perfect"
WEEK_DAYS = 7
EQUALISED_QUANTILE = 0.99
SCALE_MIN = 0.1


class Plan(Struct, frozen=True, kw_only=True):
    """What to run: worlds, thefts, Headgate's knobs, and the baselines with their budgets."""

    build: Callable[[int], World]
    scenarios: tuple[str, ...]
    trials: int
    knobs: tuple[float, ...]
    budgets: tuple[float, ...]
    baselines: tuple[str, ...]


class Calibration(Struct, frozen=True, kw_only=True):
    """What was fixed before any test seed was looked at."""

    scales: Floats
    thresholds: dict[str, dict[float, float]]


def calibration_peaks(plan: Plan, seed: int) -> tuple[dict[str, Floats], Floats, float]:
    """Return one seed's peaks by baseline, the excess rule's by window, and institution-weeks."""
    world = plan.build(seed)
    since_ms = since(world)
    everybody = [hours_of(world, each) for each in world.plans]
    peaks = {
        name: day_peaks(
            (alarms_at(hours, BASELINES[name](hours)) for hours in everybody), since_ms=since_ms
        )
        for name in plan.baselines
        if name in BASELINES
    }
    peers = peers_of(everybody)
    windows = [window_scores(hours, peers) for hours in everybody]
    by_window = [
        day_peaks(
            (
                alarms_at(hours, scores[place])
                for hours, scores in zip(everybody, windows, strict=True)
            ),
            since_ms=since_ms,
        )
        for place in range(len(WINDOW_HOURS))
    ]
    return peaks, np.stack(by_window), institution_weeks(world)


def calibrate(plan: Plan, worlds: list[tuple[dict[str, Floats], Floats, float]]) -> Calibration:
    """Fix the thresholds so that the calibration seeds would have had the budgets' false alarms."""
    weeks = sum(each for _, _, each in worlds)
    windows = np.concatenate([each for _, each, _ in worlds], axis=1)
    scales = np.maximum(np.quantile(windows, EQUALISED_QUANTILE, axis=1), SCALE_MIN)
    pooled = {
        name: np.concatenate([peaks[name] for peaks, _, _ in worlds])
        for name in plan.baselines
        if name in BASELINES
    }
    if EXCESS in plan.baselines:
        pooled[EXCESS] = (windows / scales[:, None]).max(axis=0)
    thresholds = {
        name: {budget: _threshold(peaks, budget * weeks / 100.0) for budget in plan.budgets}
        for name, peaks in pooled.items()
    }
    return Calibration(scales=scales, thresholds=thresholds)


def run_seed(plan: Plan, calibration: Calibration, seed: int) -> WorldResult:
    """Return everything measured on one test seed."""
    world = plan.build(seed)
    detectors = _Detectors(plan, calibration, world)
    result = WorldResult(
        seed=seed, institution_weeks=institution_weeks(world), false_days={}, kinds={}, trials=[]
    )
    for (name, budget), alarms in detectors.background().items():
        days = alert_days(
            alarms, threshold=detectors.threshold(name, budget), since_ms=since(world)
        )
        result.false_days[name, budget] = len(days)
        result.kinds[name, budget] = Counter(
            f"{honest_kind(world.labels, institution, at_ms)}/{reason}"
            for (institution, _), (at_ms, reason) in days.items()
        )
    for scenario in plan.scenarios:
        for trial in range(plan.trials):
            planted = inject(world, scenario, trial=trial)
            theft = planted.labels.thefts[-1]
            for (name, budget), alarms in detectors.with_theft(planted, theft).items():
                threshold = detectors.threshold(name, budget)
                result.trials.append(
                    Trial(
                        detector=name,
                        budget=budget,
                        scenario=scenario,
                        weeks=(theft.ended_ms - theft.started_ms) / (WEEK_DAYS * DAY_MS),
                        outcome=outcome(alarms, theft, threshold=threshold),
                    )
                )
    return result


class _Detectors:
    """All detectors over one seed's world, each at every budget."""

    __slots__ = ("calibration", "judged", "peers", "plan", "world")

    def __init__(self, plan: Plan, calibration: Calibration, world: World) -> None:
        self.plan = plan
        self.calibration = calibration
        self.world = world
        self.peers: Peers | None = None
        self.judged: dict[float, Judged] = {}

    def threshold(self, name: str, budget: float) -> float:
        if name in (HEADGATE, PERFECT):
            return 0.0
        return self.calibration.thresholds[name][budget]

    def background(self) -> dict[tuple[str, float], list[Alarms]]:
        alarms_by: dict[tuple[str, float], list[Alarms]] = {}
        everybody = []
        if self.plan.baselines:
            everybody = [hours_of(self.world, each) for each in self.world.plans]
            self.peers = peers_of(everybody)
        alarms_by.update(self._baselines(everybody))
        if PERFECT in self.plan.baselines:
            alarms_by.update({(PERFECT, budget): [] for budget in self.plan.budgets})
        events = list(self.world.events())
        shared: list[Alert] = []
        for budget in self.plan.knobs:
            config = core_config(self.world, budget=budget)
            judged = judge_all(events, config=config, register=self.world.register)
            if not self.judged:
                shared = rings(judged.holdings, config=config)
            self.judged[budget] = judged
            alarms_by[HEADGATE, budget] = alarms_of([*judged.alerts, *shared])
        return alarms_by

    def with_theft(self, planted: World, theft: Theft) -> dict[tuple[str, float], list[Alarms]]:
        names = set(theft.institutions)
        plans = [each for each in planted.plans if each.name in names]
        alarms_by = self._baselines(self._hours(planted, plans))
        if PERFECT in self.plan.baselines:
            alarms_by.update(
                {(PERFECT, budget): [_omniscient(theft)] for budget in self.plan.budgets}
            )
        events = list(planted.events(names))
        shared: list[Alert] | None = None
        for budget in self.plan.knobs:
            config, honest = core_config(planted, budget=budget), self.judged[budget]
            judged = judge_some(events, config=config, register=planted.register, honest=honest)
            if shared is None:
                shared = _shared(honest, judged, theft, config=config)
            alarms_by[HEADGATE, budget] = alarms_of([*judged.alerts, *shared])
        return alarms_by

    def _hours(self, planted: World, plans: list[InstitutionPlan]) -> list[Hours]:
        return [hours_of(planted, each) for each in plans] if self.plan.baselines else []

    def _baselines(self, everybody: list[Hours]) -> dict[tuple[str, float], list[Alarms]]:
        alarms_by = {}
        for name in self.plan.baselines:
            if name == PERFECT:
                continue
            alarms = [alarms_at(hours, self._score(name, hours)) for hours in everybody]
            for budget in self.plan.budgets:
                alarms_by[name, budget] = alarms
        return alarms_by

    def _score(self, name: str, hours: Hours) -> Floats:
        if name != EXCESS or self.peers is None:
            return BASELINES[name](hours)
        scores = window_scores(hours, self.peers)
        return np.asarray((scores / self.calibration.scales[:, None]).max(axis=0))


def _shared(honest: Judged, judged: Judged, theft: Theft, *, config: CoreConfig) -> list[Alert]:
    """Return what the second stage says of the members of a ring, during their theft."""
    if len(theft.institutions) == 1:
        return []
    until_ms = theft.ended_ms + GRACE_MS
    holdings = among(honest, judged, names=set(theft.institutions), until_ms=until_ms)
    # Who held whom before is known; rings are looked for in the theft's own time.
    since_ms = theft.started_ms - config.detectors.collusion.window_days * DAY_MS
    alerts = rings(holdings, config=config, since_ms=since_ms)
    return [alert for alert in alerts if alert.institution in theft.institutions]


def alarms_at(hours: Hours, score: Floats) -> Alarms:
    """Return hourly scores as alarms: an hour is judged when it has ended."""
    at_ms = START_MS + (np.arange(len(score), dtype=np.int64) + 1) * HOUR_MS - 1
    return Alarms(institution=hours.institution, at_ms=at_ms, score=score)


def since(world: World) -> int:
    """Return the moment from which alarms count."""
    return START_MS + world.config.warmup_days * DAY_MS


def institution_weeks(world: World) -> float:
    """Return the institution-weeks in which alarms count."""
    days = world.config.days - world.config.warmup_days
    return len(world.plans) * days / WEEK_DAYS


def honest_kind(labels: Labels, institution: str, at_ms: int) -> str:
    """Return what the institution was doing: its episode of the last month, else its kind."""
    near = [
        span
        for span in labels.spans
        if span.institution == institution
        and span.started_ms <= at_ms < span.ended_ms + WEEK_DAYS * DAY_MS
        and span.kind != "clock_skew"
    ]
    if near:
        return max(near, key=lambda span: span.started_ms).kind
    return labels.kinds[institution]


def _threshold(peaks: Floats, allowed: float) -> float:
    """Return the score that only the `allowed` highest peaks exceed."""
    ordered = np.sort(peaks)[::-1]
    return float(ordered[min(int(allowed), len(ordered) - 1)])


def _omniscient(theft: Theft) -> Alarms:
    """Return the alarm of somebody who knows: at the first request, for the true reason."""
    return Alarms(
        institution=theft.institutions[0],
        at_ms=np.array(theft.taken_at_ms[:1], np.int64),
        score=np.ones(1),
        reasons=theft.reasons[:1],
    )

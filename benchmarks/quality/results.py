"""What was measured, and the figures made of it."""

from collections import Counter

import numpy as np
from msgspec import Struct

from benchmarks.quality.alarms import Outcome


class Trial(Struct, frozen=True, kw_only=True):
    """One theft before one detector at one budget."""

    detector: str
    budget: float
    scenario: str
    weeks: float
    outcome: Outcome


class WorldResult(Struct, kw_only=True):
    """One test seed: false alert-days by detector and budget, and every theft's outcome."""

    seed: int
    institution_weeks: float
    false_days: dict[tuple[str, float], int]
    kinds: dict[tuple[str, float], Counter[str]]
    trials: list[Trial]


class Figures(Struct, frozen=True, kw_only=True):
    """One row of a table: a detector at a budget on one scenario, or on all of them."""

    detector: str
    budget: float
    scenario: str
    trials: int
    measured: float
    recall: float
    chance: float
    delay_hours: float | None
    gone_ratio: float
    reason_ratio: float


def false_rate(results: list[WorldResult], detector: str, budget: float) -> float:
    """Return false alert-days per week per 100 institutions."""
    days = sum(each.false_days.get((detector, budget), 0) for each in results)
    return 100.0 * days / sum(each.institution_weeks for each in results)


def figures(results: list[WorldResult]) -> list[Figures]:
    """Return a row for every detector, budget and scenario, and one for all scenarios."""
    grouped: dict[tuple[str, float, str], list[Trial]] = {}
    for result in results:
        for trial in result.trials:
            for scenario in (trial.scenario, "all"):
                key = (trial.detector, trial.budget, scenario)
                grouped.setdefault(key, []).append(trial)
    return [_row(results, key, trials) for key, trials in grouped.items()]


def _row(results: list[WorldResult], key: tuple[str, float, str], trials: list[Trial]) -> Figures:
    detector, budget, scenario = key
    measured = false_rate(results, detector, budget)
    caught = [trial.outcome for trial in trials if trial.outcome.detected]
    weeks = np.array([trial.weeks for trial in trials])
    return Figures(
        detector=detector,
        budget=budget,
        scenario=scenario,
        trials=len(trials),
        measured=measured,
        recall=len(caught) / len(trials),
        # An alarm that falls into a long theft by luck finds it: report what luck alone would.
        chance=float(np.mean(1.0 - np.exp(-measured / 100.0 * weeks))),
        delay_hours=float(np.median([outcome.delay_hours for outcome in caught]))
        if caught
        else None,
        gone_ratio=float(np.mean([trial.outcome.gone_ratio for trial in trials])),
        reason_ratio=float(np.mean([outcome.reason_true for outcome in caught])) if caught else 0.0,
    )

"""Accepted figures, kept under review: a run that falls behind them by more than is noise fails."""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from benchmarks.quality.protocol import HEADGATE
from benchmarks.quality.report import Report

ACCEPTED: Final = Path(__file__).with_name("accepted.json")


class Bound(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one world at one budget must keep to; the margins are already in these numbers."""

    form: str
    world: str
    budget: float
    scenario: str
    recall_min: float
    gone_ratio_max: float
    reason_ratio_min: float
    measured_max: float


def read_bounds(path: Path = ACCEPTED) -> list[Bound]:
    """Return the bounds under review."""
    return msgspec.json.decode(path.read_bytes(), type=list[Bound])


def shortfalls(report: Report, bounds: list[Bound]) -> list[str]:
    """Return a sentence for every bound that the run does not keep, or does not speak of."""
    rows = {
        (each.world, row.budget, row.scenario): row
        for each in report.worlds
        for row in each.figures
        if row.detector == HEADGATE
    }
    measured_worlds = {each.world for each in report.worlds}
    problems = []
    for bound in bounds:
        if bound.form != report.form or bound.world not in measured_worlds:
            continue
        name = f"{bound.world}, budget {bound.budget:g}, {bound.scenario}"
        row = rows.get((bound.world, bound.budget, bound.scenario))
        if row is None:
            problems.append(f"{name}: not measured.")
            continue
        if row.recall < bound.recall_min:
            problems.append(f"{name}: recall {row.recall:.3f} is below {bound.recall_min:.3f}.")
        if row.gone_ratio > bound.gone_ratio_max:
            problems.append(
                f"{name}: {row.gone_ratio:.4f} of the cohort gone, over {bound.gone_ratio_max:.4f}."
            )
        if row.reason_ratio < bound.reason_ratio_min:
            problems.append(
                f"{name}: true reasons {row.reason_ratio:.3f}, below {bound.reason_ratio_min:.3f}."
            )
        if row.measured > bound.measured_max:
            problems.append(
                f"{name}: {row.measured:.2f} false alert-days, above {bound.measured_max:.2f}."
            )
    return problems

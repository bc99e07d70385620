"""The command line of the quality benchmark."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from typing import Final

import click
from rich.progress import track

from benchmarks.quality.baselines import BASELINES
from benchmarks.quality.protocol import (
    EXCESS,
    HEADGATE,
    PERFECT,
    Calibration,
    Plan,
    calibrate,
    calibration_peaks,
    run_seed,
)
from benchmarks.quality.results import Figures, WorldResult, false_rate, figures
from detectors.synthetic import config as worlds
from detectors.synthetic.scenarios import CORE_IDS, SCENARIOS

CALIBRATION_SEEDS_FROM: Final = 1_000
TEST_SEEDS_FROM: Final = 2_000


@click.command()
@click.option("--seeds", default=10, show_default=True, help="Test seeds.")
@click.option("--calibration-seeds", default=6, show_default=True, help="Seeds for thresholds.")
@click.option("--trials", default=3, show_default=True, help="Thefts per seed and scenario.")
@click.option("--budgets", default="1,5,20", show_default=True, help="Knob values.")
@click.option(
    "--world", default="plain", show_default=True, help="plain hard cold counts few hashed"
)
@click.option("--scenarios", default="core", show_default=True, help="core, all, or ids.")
@click.option("--baselines", default="all", show_default=True, help="all, none, or names;...")
@click.option("--jobs", default=2, show_default=True, help="Processes.")
def main(  # noqa: PLR0913 - one parameter per option
    seeds: int,
    calibration_seeds: int,
    trials: int,
    budgets: str,
    world: str,
    scenarios: str,
    baselines: str,
    jobs: int,
) -> None:
    """Measure recall, delay, leak, reasons and false alarms of Headgate and its peers.

    Example: python -m benchmarks.quality --seeds 2 --budgets 5 --baselines none
    """
    plan = Plan(
        world=getattr(worlds, world),
        scenarios=_scenarios(scenarios),
        trials=trials,
        budgets=tuple(float(each) for each in budgets.split(",")),
        baselines=_baselines(baselines),
    )
    with get_context("spawn").Pool(jobs) as pool:
        calibration = Calibration(scales=None, thresholds={})
        if plan.baselines:
            first = range(CALIBRATION_SEEDS_FROM, CALIBRATION_SEEDS_FROM + calibration_seeds)
            work = pool.imap(partial(calibration_peaks, plan), first)
            calibration = calibrate(plan, list(_shown(work, "Calibrating", calibration_seeds)))
        test = range(TEST_SEEDS_FROM, TEST_SEEDS_FROM + seeds)
        work = pool.imap(partial(run_seed, plan, calibration), test)
        results = list(_shown(work, "Testing", seeds))
    show(results)


def _baselines(wanted: str) -> tuple[str, ...]:
    if wanted == "none":
        return ()
    return (*BASELINES, EXCESS, PERFECT) if wanted == "all" else tuple(wanted.split(";"))


def _scenarios(wanted: str) -> tuple[str, ...]:
    if wanted == "core":
        return CORE_IDS
    if wanted == "all":
        return tuple(scenario.id for scenario in SCENARIOS)
    return tuple(wanted.split(","))


def _shown(work: Iterator, what: str, total: int) -> Iterator:
    return iter(track(work, description=what, total=total))


def show(results: list[WorldResult]) -> None:
    """Print the tables."""
    rows = figures(results)
    for budget in sorted({row.budget for row in rows}):
        print(f"\nbudget {budget:g} false alert-days a week per 100 institutions")
        for row in sorted(rows, key=lambda row: (row.detector != HEADGATE, row.detector)):
            if row.budget == budget and row.scenario == "all":
                print(_line(row, row.detector))
        for row in rows:
            if row.budget == budget and row.detector == HEADGATE:
                print(_line(row, f"  {row.scenario}"))
        kinds: Counter[str] = Counter()
        for result in results:
            kinds.update(result.kinds.get((HEADGATE, budget), {}))
        rate = false_rate(results, HEADGATE, budget)
        print(f"  false alarms of Headgate ({rate:.2f}): {dict(kinds.most_common())}")


def _line(row: Figures, name: str) -> str:
    return (
        f"{name:30} measured {row.measured:6.2f}  recall {row.recall:5.2f}  chance {row.chance:4.2f}"
        f"  median {row.delay_hours:7.1f} h  gone {100 * row.gone_ratio:6.2f} %"
        f"  reason {row.reason_ratio:4.2f}  ({row.trials})"
    )

"""The command line of the quality benchmark."""

from collections.abc import Iterable
from functools import partial
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Final, TypeVar

import click
import numpy as np
from rich.progress import track

from benchmarks.quality.accepted import read_bounds, shortfalls
from benchmarks.quality.baselines import BASELINES
from benchmarks.quality.protocol import (
    EXCESS,
    PERFECT,
    Calibration,
    Plan,
    calibrate,
    calibration_peaks,
    run_seed,
)
from benchmarks.quality.report import (
    Report,
    WorldReport,
    show,
    world_report,
    write_curves,
    write_json,
)
from detectors.synthetic import config as worlds
from detectors.synthetic.scenarios import CORE_IDS, SCENARIOS

# Apart for ever: nothing may be tuned or calibrated on the second range.
CALIBRATION_SEEDS_FROM: Final = 1_000
TEST_SEEDS_FROM: Final = 2_000
WORLDS: Final = {
    each.__name__: each
    for each in (worlds.plain, worlds.hard, worlds.cold, worlds.counts, worlds.few, worlds.hashed)
}
CURVE_BUDGETS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0)
FOLDER: Final = Path(__file__).parent

Item = TypeVar("Item")


@click.command()
@click.option("--short", is_flag=True, help="The form that runs in CI: two seeds, two knob values.")
@click.option("--seeds", default=10, show_default=True, help="Test seeds.")
@click.option("--first-seed", default=TEST_SEEDS_FROM, show_default=True, help="First test seed.")
@click.option("--calibration-seeds", default=6, show_default=True, help="Seeds for thresholds.")
@click.option("--trials", default=3, show_default=True, help="Thefts per seed and scenario.")
@click.option("--budgets", default="1,2,5,10,20", show_default=True, help="Knob values.")
@click.option("--world", default="plain,hard", show_default=True, help=" ".join(WORLDS))
@click.option("--scenarios", default="core", show_default=True, help="core, all, or ids.")
@click.option("--baselines", default="all", show_default=True, help="all, none, or names;...")
@click.option("--jobs", default=2, show_default=True, help="Processes.")
@click.option("--save/--no-save", default=False, help="Write latest.json and the curves.")
@click.pass_context
def main(context: click.Context, /, **options: str | int | bool) -> None:
    """Measure recall, delay, leak, reasons and false alarms of Headgate and its peers.

    Example: python -m benchmarks.quality --seeds 2 --budgets 5 --baselines none
    """
    if options["short"]:
        options |= {"seeds": 2, "calibration_seeds": 2, "trials": 2, "budgets": "1,5"}
    reports: list[WorldReport] = []
    with get_context("spawn").Pool(int(options["jobs"])) as pool:
        for world in str(options["world"]).split(","):
            reports.append(measure(pool, world, options))
            show(reports[-1])
    report = Report(form="short" if options["short"] else "full", worlds=tuple(reports))
    if options["save"]:
        write_json(report, FOLDER / "latest.json")
        for each in reports:
            write_curves(each, FOLDER)
    missed = shortfalls(report, read_bounds())
    for sentence in missed:
        click.echo(sentence, err=True)
    context.exit(1 if missed else 0)


def measure(pool: Pool, world: str, options: dict[str, str | int | bool]) -> WorldReport:
    """Calibrate on one range of seeds and test on the other."""
    if world not in WORLDS:
        problem = f"{world} is none of {', '.join(WORLDS)}"
        raise click.BadParameter(problem, param_hint="--world")
    plan = Plan(
        world=WORLDS[world],
        scenarios=_scenarios(str(options["scenarios"])),
        trials=int(options["trials"]),
        knobs=tuple(float(each) for each in str(options["budgets"]).split(",")),
        budgets=CURVE_BUDGETS,
        baselines=_baselines(str(options["baselines"])),
    )
    calibration = Calibration(scales=np.ones(1), thresholds={})
    if plan.baselines:
        count = int(options["calibration_seeds"])
        first = range(CALIBRATION_SEEDS_FROM, CALIBRATION_SEEDS_FROM + count)
        peaks = pool.imap(partial(calibration_peaks, plan), first)
        calibration = calibrate(plan, _shown(peaks, f"{world}: calibrating", count))
    count, begin = int(options["seeds"]), int(options["first_seed"])
    work = pool.imap(partial(run_seed, plan, calibration), range(begin, begin + count))
    return world_report(world, _shown(work, f"{world}: testing", count))


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


def _shown(work: Iterable[Item], what: str, total: int) -> list[Item]:
    return list(track(work, description=what, total=total))

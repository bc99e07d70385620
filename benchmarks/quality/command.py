"""The command line of the quality benchmark."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Final, TypeVar

import click
import msgspec
import numpy as np
from msgspec import Struct, structs
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
from benchmarks.quality.real_logs import LOG_SCENARIOS, log_world
from benchmarks.quality.report import (
    Report,
    WorldReport,
    show,
    world_report,
    write_curves,
    write_json,
)
from detectors.synthetic import config as worlds
from detectors.synthetic.config import WorldConfig
from detectors.synthetic.hard_negatives import TWINS, twin_config
from detectors.synthetic.injection import build_world
from detectors.synthetic.scenarios import CORE_IDS, SCENARIOS
from detectors.synthetic.world import World

# Apart for ever: nothing may be tuned or calibrated on the second range.
CALIBRATION_SEEDS_FROM: Final = 1_000
TEST_SEEDS_FROM: Final = 2_000


def _twin_world(twin_id: str, seed: int) -> WorldConfig:
    return twin_config(twin_id, worlds.plain(seed))


WORLDS: Final[Mapping[str, Callable[[int], WorldConfig]]] = {
    each.__name__: each
    for each in (worlds.plain, worlds.hard, worlds.cold, worlds.counts, worlds.few, worlds.hashed)
} | {twin.id: partial(_twin_world, twin.id) for twin in TWINS}
CURVE_BUDGETS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0)
FOLDER: Final = Path(__file__).parent
EXAMPLES: Final = FOLDER.parents[1] / "docs" / "examples"

SHORT: Final = {
    "seeds": 2,
    "calibration_seeds": 2,
    "trials": 2,
    "budgets": "1,5",
    "world": "plain",
    "baselines": f"{EXCESS};{PERFECT}",
}

Item = TypeVar("Item")


class Options(Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    short: bool
    seeds: int
    first_seed: int
    calibration_seeds: int
    trials: int
    budgets: str
    world: str
    scenarios: str
    baselines: str
    data: str | None
    jobs: int
    save: bool


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
@click.option("--data", type=click.Path(), help="Folder of real logs: <world>.csv.gz.")
@click.option("--jobs", default=2, show_default=True, help="Processes.")
@click.option("--save/--no-save", default=False, help="Write latest.json and the curves.")
@click.pass_context
def main(context: click.Context, /, **given: object) -> None:
    """Quantity recall, delay, leak, reasons and false alarms of Headgate and its peers.

    Example: python -m benchmarks.quality --seeds 2 --budgets 5 --baselines none
    """
    options = msgspec.convert(given, Options)
    if options.short:
        options = structs.replace(options, **SHORT)
    reports: list[WorldReport] = []
    with get_context("spawn").Pool(options.jobs) as pool:
        for world in options.world.split(","):
            reports.append(measure(pool, world, options))
            show(reports[-1])
    report = Report(form="short" if options.short else "full", worlds=tuple(reports))
    if options.save:
        write_json(report, FOLDER / "latest.json")
        for each in reports:
            write_curves(each, FOLDER)
    missed = shortfalls(report, read_bounds())
    for sentence in missed:
        click.echo(sentence, err=True)
    context.exit(1 if missed else 0)


def measure(pool: Pool, world: str, options: Options) -> WorldReport:
    """Calibrate on one range of seeds and test on the other."""
    plan = Plan(
        build=_builder(world, options.data),
        scenarios=_scenarios(options.scenarios, world),
        trials=options.trials,
        knobs=tuple(float(each) for each in options.budgets.split(",")),
        budgets=CURVE_BUDGETS,
        baselines=_baselines(options.baselines),
    )
    # A log is one world, however many seeds draw thefts into it.
    seeds = options.seeds if world in WORLDS else 1
    calibration = Calibration(scales=np.ones(1), thresholds={})
    if plan.baselines:
        count = options.calibration_seeds if world in WORLDS else 1
        first = range(CALIBRATION_SEEDS_FROM, CALIBRATION_SEEDS_FROM + count)
        peaks = pool.imap(partial(calibration_peaks, plan), first)
        calibration = calibrate(plan, _shown(peaks, f"{world}: calibrating", count))
    test = range(options.first_seed, options.first_seed + seeds)
    work = pool.imap(partial(run_seed, plan, calibration), test)
    return world_report(world, _shown(work, f"{world}: testing", seeds))


def _builder(world: str, data: str | None) -> Callable[[int], World]:
    """Return what builds the world of a seed: drawn, or read from a log under `data`."""
    if world in WORLDS:
        return partial(_drawn, WORLDS[world])
    mapping = EXAMPLES / f"{world}.toml"
    log = Path(data or ".") / f"{world}.csv.gz"
    if not mapping.exists() or not log.exists():
        problem = f"{world} is none of {', '.join(WORLDS)}, and there is no {mapping} with a {log}"
        raise click.BadParameter(problem, param_hint="--world")
    return partial(log_world, log=log, mapping=mapping, calibration_below=TEST_SEEDS_FROM)


def _drawn(make: Callable[[int], WorldConfig], seed: int) -> World:
    return build_world(make(seed))


def _baselines(wanted: str) -> tuple[str, ...]:
    if wanted == "none":
        return ()
    return (*BASELINES, EXCESS, PERFECT) if wanted == "all" else tuple(wanted.split(";"))


def _scenarios(wanted: str, world: str) -> tuple[str, ...]:
    if wanted == "core":
        return CORE_IDS if world in WORLDS else LOG_SCENARIOS
    if wanted == "all":
        return tuple(scenario.id for scenario in SCENARIOS)
    return tuple(wanted.split(","))


def _shown(work: Iterable[Item], what: str, total: int) -> list[Item]:
    return list(track(work, description=what, total=total))

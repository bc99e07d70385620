"""The command line of the ladder backtest."""

from functools import partial
from multiprocessing import get_context
from pathlib import Path

import click
import msgspec
from rich.progress import track

from benchmarks.quality.command import TEST_SEEDS_FROM, WORLDS
from benchmarks.response.platform import AUTOMATIC
from benchmarks.response.play import Plan, play_seed
from benchmarks.response.report import show
from detectors.response.config import ResponseConfig
from detectors.synthetic.config import WorldConfig
from detectors.synthetic.injection import build_world
from detectors.synthetic.scenarios import CORE_IDS, SCENARIOS
from detectors.synthetic.world import World


@click.command()
@click.option("--short", is_flag=True, help="One seed and one theft of each core kind.")
@click.option("--seeds", default=3, show_default=True, help="Test seeds.")
@click.option("--first-seed", default=TEST_SEEDS_FROM, show_default=True, help="First test seed.")
@click.option("--trials", default=2, show_default=True, help="Thefts per seed and kind.")
@click.option("--budget", default=5.0, show_default=True, help="The judge's knob.")
@click.option("--world", default="plain", show_default=True, help=" ".join(WORLDS))
@click.option("--scenarios", default="all", show_default=True, help="core, all, or ids.")
@click.option(
    "--response",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON of the ladder's thresholds; modes are automatic unless it says otherwise.",
)
@click.option("--jobs", default=2, show_default=True, help="Processes.")
def main(  # noqa: PLR0913 - each is an option of the command
    *,
    short: bool,
    seeds: int,
    first_seed: int,
    trials: int,
    budget: float,
    world: str,
    scenarios: str,
    response: Path | None,
    jobs: int,
) -> None:
    """Play every kind of theft against the ladder, in automatic mode, and print what it stopped.

    By kind, where the platform obeys after 1 s, 1 min and 1 h: told, throttled and suspended as
    shares of the thefts; of the cohort what was gone when people were told, when the first measure
    was obeyed (medians), in the end, and of how much; and of told thefts of a tenth of the cohort
    or more how many met a measure before 15 % were gone. Then the measures that honest
    institutions met.

    Example: python -m benchmarks.response --seeds 2 --trials 1 --scenarios smash_and_grab_v1
    """
    if short:
        seeds, trials, scenarios = 1, 1, "core"
    plan = Plan(
        build=partial(_drawn, world),
        scenarios=_scenarios(scenarios),
        trials=trials,
        budget=budget,
        response=_response(response),
    )
    test = range(first_seed, first_seed + seeds)
    with get_context("spawn").Pool(jobs) as pool:
        work = pool.imap(partial(play_seed, plan), test)
        played = list(track(work, description=f"{world}: playing", total=seeds))
    print(f"{world}, budget {budget:g}, seeds {test.start} to {test.stop - 1}")
    show(played)


def _drawn(world: str, seed: int) -> World:
    make = WORLDS.get(world)
    if make is None:
        problem = f"{world} is none of {', '.join(WORLDS)}"
        raise click.BadParameter(problem, param_hint="--world")
    config: WorldConfig = make(seed)
    return build_world(config)


def _scenarios(wanted: str) -> tuple[str, ...]:
    if wanted == "core":
        return CORE_IDS
    if wanted == "all":
        return tuple(scenario.id for scenario in SCENARIOS)
    return tuple(wanted.split(","))


def _response(path: Path | None) -> ResponseConfig:
    """Return the ladder to play against, automatic on every rung."""
    if path is None:
        return AUTOMATIC
    given = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    return msgspec.convert({**msgspec.to_builtins(AUTOMATIC), **given}, ResponseConfig)

"""`python -m benchmarks.differencing`: what the rule on result sets tells, and of whom.

Each theft means to single out 40 people; honest work is two weeks of what looks like one.
Judged is as an institution is, with the rule on, and otherwise by the default configuration.
"""

from collections.abc import Callable
from random import Random

import click
from msgspec.structs import replace

from benchmarks.differencing.hard_negatives import HARD_NEGATIVES
from benchmarks.differencing.requests import Request, events_of
from benchmarks.differencing.thefts import THEFTS
from benchmarks.differencing.worlds import judged, smaller
from detectors.config import CoreConfig
from detectors.models.differencing.state import DifferencingState
from detectors.pipeline import judge, open_profile
from detectors.synthetic.config import hard, plain
from detectors.verdict import RaiseAlert


class Outcome:
    """What one play came to: differences counted, of how many sets, and when it was told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.sets = 0
        self.differences = 0
        self.told_at_set: int | None = None
        self.singled_out: set[int] = set()


def played(requests: list[Request], config: CoreConfig) -> Outcome:
    """Return what the judge makes of the requests."""
    outcome, profile = Outcome(), open_profile("north", config=config)
    state = profile.detector_states["differencing"]
    ordered = sorted(requests, key=lambda each: each.at_ms)
    for request, event in zip(ordered, events_of(requests), strict=True):
        effects = judge(profile, event)
        outcome.sets += 1
        if outcome.told_at_set is None:
            outcome.singled_out |= request.targets
        if _tells(effects) and outcome.told_at_set is None:
            outcome.told_at_set = outcome.sets
        outcome.differences = max(outcome.differences, _differences(state))
    return outcome


def _tells(effects: tuple[object, ...]) -> bool:
    return any(
        detail.detector == "differencing"
        for effect in effects
        if isinstance(effect, RaiseAlert)
        for detail in effect.alert.reasons
    )


def _differences(state: object) -> int:
    """Return the most differences that a user or a project has in seven days."""
    if not isinstance(state, DifferencingState):
        return 0
    totals: dict[tuple[str, str], int] = {}
    for day in state.days.values():
        for kind, counts in (("user", day.user_differences), ("project", day.project_differences)):
            for name, count in counts.items():
                totals[kind, name] = totals.get((kind, name), 0) + count
    return max(totals.values(), default=0)


def _line(play: Callable[[Random], list[Request]], config: CoreConfig, seeds: int) -> str:
    outcomes = [played(play(Random(seed)), config) for seed in range(seeds)]
    told_outcomes = [each for each in outcomes if each.told_at_set is not None]
    differences = [each.differences for each in outcomes]
    singled_out = sum(len(each.singled_out) for each in outcomes) / seeds
    return (
        f"{play.__name__:<30} {outcomes[0].sets:>6,} {min(differences):>5} {max(differences):>5}"
        f" {len(told_outcomes):>3}/{seeds} {singled_out:>8.1f}"
    )


@click.command()
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--allowed", type=click.IntRange(0), help="In place of the default.")
@click.option("--only", help="Part of a name.", default="")
@click.option("--worlds", is_flag=True, help="Simulated honest platforms instead.")
def main(*, seeds: int, allowed: int | None, only: str, worlds: bool) -> None:
    """Print what is counted, how often it is told, and how many were singled out by then."""
    config = CoreConfig()
    rule = replace(config.detectors.differencing, mode="on")
    if allowed is not None:
        rule = replace(rule, allowed_differences=allowed)
    config = replace(config, detectors=replace(config.detectors, differencing=rule))
    if worlds:
        for name, make in (("plain", plain), ("hard", hard)):
            outcome = judged(smaller(make(3)), config)
            click.echo(
                f"{name}: {outcome.alerted} of {outcome.institutions} institutions in ten weeks,"
                f" {outcome.sets:,} sets"
            )
        return
    for title, plays in (("thefts", THEFTS), ("honest work", HARD_NEGATIVES)):
        click.echo(f"{title:<30}   sets   differences  told  singled out by then")
        for play in plays:
            if only in play.__name__:
                click.echo(_line(play, config, seeds))


if __name__ == "__main__":
    main()

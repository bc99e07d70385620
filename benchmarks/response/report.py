"""What was played -> a table by kind of theft, and the marks that the ladder is to reach."""

from collections.abc import Iterable
from statistics import mean, median
from typing import Final

from msgspec import Struct

from benchmarks.response.play import DELAYS, Seed, Stopped

# A theft of so much of the cohort is to be stopped before so much is gone.
LARGE_RATIO: Final = 0.10
IN_TIME_RATIO: Final = 0.15
_WEEKS_PER_YEAR: Final = 365.0 / 7.0
_ALL: Final = "all"


class Row(Struct, frozen=True, kw_only=True):
    """One kind of theft before a platform that obeys after one delay; shares from 0 to 1."""

    scenario: str
    delay: str
    thefts: int
    told_ratio: float
    throttled: float
    suspended: float
    gone_when_told: float | None
    gone_when_measured: float | None
    gone_at_last: float
    haul: float
    large_told: int
    large_in_time: int


def rows(seeds: Iterable[Seed]) -> list[Row]:
    """Return a row for every kind of theft and delay, and one of all kinds for each delay."""
    thefts = [theft for seed in seeds for theft in seed.thefts]
    scenarios = [*dict.fromkeys(theft.scenario for theft in thefts), _ALL]
    groups = [
        (scenario, delay, [theft for theft in thefts if _is_of(theft, scenario, delay)])
        for scenario in scenarios
        for delay in DELAYS
    ]
    return [_row(scenario, delay, played) for scenario, delay, played in groups if played]


def false_alert_days(seeds: list[Seed]) -> float:
    """Return false alert-days a week per 100 institutions."""
    weeks = sum(seed.institution_weeks for seed in seeds)
    return 100.0 * sum(seed.false_alert_days for seed in seeds) / weeks


def honest_per_year(seeds: list[Seed]) -> dict[str, float]:
    """Return measures against honest institutions a year per 100 of them."""
    weeks = sum(seed.institution_weeks for seed in seeds)
    years = weeks / _WEEKS_PER_YEAR / 100.0
    return {
        kind: sum(seed.honest[kind] for seed in seeds) / years for kind in ("throttle", "suspend")
    }


def show(seeds: list[Seed]) -> None:
    """Print the table."""
    print(
        f"{'theft':<24}{'obeys':>6}{'n':>5}{'told':>6}{'throt.':>7}{'susp.':>6}"
        f"{'gone: told':>11}{'measure':>8}{'at last':>8}{'of':>7}{'in time':>9}"
    )
    for row in rows(seeds):
        print(line(row))
    honest = honest_per_year(seeds)
    print(
        f"honest measures a year per 100 institutions: throttled {honest['throttle']:.1f}, "
        f"suspended {honest['suspend']:.1f}; false alert-days a week {false_alert_days(seeds):.2f}"
    )


def line(row: Row) -> str:
    """Return a row as it is printed; what is gone as percent of the cohort."""
    return (
        f"{row.scenario:<24}{row.delay:>6}{row.thefts:>5}{row.told_ratio:>6.2f}{row.throttled:>7.2f}"
        f"{row.suspended:>6.2f}{_percent(row.gone_when_told):>11}"
        f"{_percent(row.gone_when_measured):>8}{_percent(row.gone_at_last):>8}"
        f"{_percent(row.haul):>7}{row.large_in_time:>5}/{row.large_told:<3}"
    )


def _is_of(theft: Stopped, scenario: str, delay: str) -> bool:
    return theft.delay == delay and scenario in (theft.scenario, _ALL)


def _row(scenario: str, delay: str, thefts: list[Stopped]) -> Row:
    told_ratios = [theft.told_ratio for theft in thefts if theft.told_ratio is not None]
    measured = [theft.measured_ratio for theft in thefts if theft.measured_ratio is not None]
    large = [
        theft
        for theft in thefts
        if theft.told_ratio is not None and theft.haul_ratio >= LARGE_RATIO
    ]
    return Row(
        scenario=scenario,
        delay=delay,
        thefts=len(thefts),
        told_ratio=len(told_ratios) / len(thefts),
        throttled=mean(theft.throttled_ratio is not None for theft in thefts),
        suspended=mean(theft.suspended_ratio is not None for theft in thefts),
        gone_when_told=median(told_ratios) if told_ratios else None,
        gone_when_measured=median(measured) if measured else None,
        gone_at_last=mean(theft.gone_ratio for theft in thefts),
        haul=mean(theft.haul_ratio for theft in thefts),
        large_told=len(large),
        large_in_time=sum(
            theft.measured_ratio is not None and theft.measured_ratio <= IN_TIME_RATIO
            for theft in large
        ),
    )


def _percent(ratio: float | None) -> str:
    return "-" if ratio is None else f"{100.0 * ratio:.1f} %"

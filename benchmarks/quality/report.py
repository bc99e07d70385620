"""Results -> tables on the terminal, latest.json, and curves as CSV and PNG."""

import csv
from collections import Counter
from pathlib import Path
from typing import Final

import matplotlib as mpl
import msgspec
from msgspec import Struct, structs

from benchmarks.quality.protocol import EXCESS, HEADGATE, PERFECT
from benchmarks.quality.results import Figures, WorldResult, figures

mpl.use("Agg")
from matplotlib import pyplot as plt

TABLE_BUDGETS: Final = (1.0, 5.0, 20.0)
REVIEWED_BUDGET: Final = 5.0
# Okabe and Ito's palette: told apart by colour-blind readers too.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
DRAWN: Final = (HEADGATE, EXCESS, "River half-space trees", "high_sum-like", "3-sigma bytes")


class WorldReport(Struct, frozen=True, kw_only=True):
    """Everything about one kind of world, as it goes into latest.json."""

    world: str
    seeds: tuple[int, ...]
    institution_weeks: float
    figures: tuple[Figures, ...]
    false_kinds: dict[str, dict[str, int]]


class Report(Struct, frozen=True, kw_only=True):
    """One run of the benchmark."""

    form: str
    worlds: tuple[WorldReport, ...]


def world_report(world: str, results: list[WorldResult]) -> WorldReport:
    """Return the figures of one kind of world."""
    kinds: dict[str, Counter[str]] = {}
    for result in results:
        for (detector, budget), counts in result.kinds.items():
            if detector == HEADGATE:
                kinds.setdefault(f"{budget:g}", Counter()).update(counts)
    return WorldReport(
        world=world,
        seeds=tuple(result.seed for result in results),
        institution_weeks=sum(result.institution_weeks for result in results),
        figures=tuple(figures(results)),
        false_kinds={budget: dict(counts.most_common()) for budget, counts in kinds.items()},
    )


def show(report: WorldReport) -> None:
    """Print the tables of one kind of world."""
    rows = sorted(report.figures, key=lambda row: (row.detector != HEADGATE, row.detector))
    measured_budgets = {row.budget for row in rows if row.detector == HEADGATE}
    budgets = sorted(measured_budgets & set(TABLE_BUDGETS)) or sorted(measured_budgets)
    for budget in budgets:
        print(f"\n{report.world}: budget {budget:g} false alert-days a week per 100 institutions")
        for row in rows:
            if row.budget == budget and row.scenario == "all":
                print(_line(row, row.detector))
        print(f"  {HEADGATE}, theft by theft:")
        for row in rows:
            if row.budget == budget and row.detector == HEADGATE and row.scenario != "all":
                print(_line(row, f"  {row.scenario}"))
        print(f"  false alarms by what the honest did: {report.false_kinds.get(f'{budget:g}', {})}")


def write_json(report: Report, path: Path) -> None:
    """Write the figures as JSON, for a program and for review."""
    slim = structs.replace(report, worlds=tuple(_reviewed(each) for each in report.worlds))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(slim, order="sorted"), indent=1))


def _reviewed(report: WorldReport) -> WorldReport:
    """Return the report without what nobody reviews: baselines theft by theft at every budget."""
    figures = (
        row
        for row in report.figures
        if row.detector == HEADGATE or row.scenario == "all" or row.budget == REVIEWED_BUDGET
    )
    return structs.replace(report, figures=tuple(figures))


def write_curves(report: WorldReport, folder: Path) -> None:
    """Write recall and leak against measured false alarms, as a table and as a picture."""
    rows = sorted(
        (row for row in report.figures if row.scenario == "all"),
        key=lambda row: (row.detector, row.measured),
    )
    with (folder / f"curve-{report.world}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["detector", "budget", "measured_false_alert_days", "recall", "gone_ratio"])
        for row in rows:
            writer.writerow(
                [
                    row.detector,
                    f"{row.budget:g}",
                    f"{row.measured:.3f}",
                    f"{row.recall:.4f}",
                    f"{row.gone_ratio:.5f}",
                ]
            )
    _draw(rows, report.world, folder / f"curve-{report.world}.png")


def _draw(rows: list[Figures], world: str, path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for colour, name in zip(COLOURS, DRAWN, strict=False):
        mine = [row for row in rows if row.detector == name]
        measured = [max(row.measured, 0.05) for row in mine]
        left.plot(measured, [row.recall for row in mine], "o-", color=colour, label=name)
        right.plot(measured, [100 * row.gone_ratio for row in mine], "o-", color=colour)
    perfect = [row.gone_ratio for row in rows if row.detector == PERFECT]
    if perfect:
        right.axhline(100 * perfect[0], color="black", linestyle=":", label="first request seen")
    left.set_ylabel("share of thefts found")
    left.set_ylim(0, 1.02)
    right.set_ylabel("mean share of the cohort gone before the alert, %")
    right.set_ylim(0, None)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlabel("measured false alert-days a week per 100 institutions")
        axes.grid(visible=True, alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(f"World '{world}', unseen seeds")
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _line(row: Figures, name: str) -> str:
    delay = "      -" if row.delay_hours is None else f"{row.delay_hours:7.1f}"
    return (
        f"{name:29} FA {row.measured:6.2f}  recall {row.recall:4.2f} (chance {row.chance:4.2f})"
        f"  median {delay} h  gone {100 * row.gone_ratio:5.2f} %"
        f"  true reason {row.reason_ratio:4.2f}  n {row.trials}"
    )

"""What the demo shows: a live view on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Sequence
from typing import Final, Protocol, Self

import click
from msgspec import Struct
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from detectors.policy.explain import percent
from streams.clock import monotonic_seconds
from streams.console.wording import moment
from streams.report.lines import STYLES

_ROWS_SHOWN_MAX: Final = 14
_COLUMNS: Final = 2
_FRAMES_PER_SECOND: Final = 8
_PLAIN_EVERY_SECONDS: Final = 3.0
_BAR_CELLS: Final = 16


class InstitutionRow(Struct, frozen=True, kw_only=True):
    """One institution on the screen."""

    institution: str
    coverage_ratio: float
    severity: str | None


class View(Struct, frozen=True, kw_only=True):
    """The state of the demo at one moment."""

    phase: str
    done_ratio: float
    event_ms: int
    sent_count: int
    judged_count: int
    events_per_second: float
    lag_events: int
    alerts_count: int
    rows: tuple[InstitutionRow, ...]
    metrics_address: str


class Screen(Protocol):
    """Where the demo speaks."""

    def show(self, view: View) -> None:
        """Show the present state."""

    def say(self, line: str, *, style: str = "") -> None:
        """Say something that stays."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_screen() -> Screen:
    """Return a live screen if a person watches, else plain lines."""
    return LiveScreen(Console()) if sys.stdout.isatty() else PlainScreen()


class PlainScreen:
    """A line every few seconds."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        """Say nothing yet."""
        self._told = 0.0

    def show(self, view: View) -> None:
        """Print the state in one line, now and then."""
        now = monotonic_seconds()
        if now - self._told < _PLAIN_EVERY_SECONDS:
            return
        self._told = now
        most = ", ".join(
            f"{row.institution} {percent(row.coverage_ratio)}" for row in _ranked(view.rows)[:3]
        )
        click.echo(f"{_figures(view)}; most held: {most or 'nothing yet'}")

    def say(self, line: str, *, style: str = "") -> None:
        """Print a line."""
        del style
        click.echo(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the lines as they are."""


class LiveScreen:
    """A view that is redrawn in place; what is said scrolls above it and stays."""

    __slots__ = ("_console", "_live")

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        self._console = console
        self._live = Live(console=console, refresh_per_second=_FRAMES_PER_SECOND, transient=True)

    def show(self, view: View) -> None:
        """Draw the view anew."""
        self._live.update(drawn(view))

    def say(self, line: str, *, style: str = "") -> None:
        """Print a line above the view."""
        self._console.print(Text(line, style=style))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def drawn(view: View) -> RenderableType:
    """Return the view as something rich can draw."""
    return Group(
        Text(""),
        Text(_figures(view), style="bold"),
        # A bar ends without a line end of its own.
        Padding(ProgressBar(total=1.0, completed=view.done_ratio), (0, 0, 1, 0)),
        _institutions(view.rows),
        Text(f"metrics: {view.metrics_address}", style="dim"),
    )


def _figures(view: View) -> str:
    at = moment(view.event_ms)[:16] if view.event_ms else "not begun"
    return (
        f"{view.phase} | event time {at} | {view.judged_count:,} of {view.sent_count:,} events, "
        f"{view.events_per_second:,.0f}/s, lag {view.lag_events:,} | {view.alerts_count} alerted"
    )


def _institutions(rows: Sequence[InstitutionRow]) -> Table:
    """Return those that hold most, side by side, the flagged ones first."""
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim")
    for _ in range(_COLUMNS):
        table.add_column("institution", no_wrap=True, ratio=3)
        table.add_column("share of the cohort held", no_wrap=True, ratio=4)
    shown = _ranked(rows)[:_ROWS_SHOWN_MAX]
    height = -(-len(shown) // _COLUMNS)
    for line in range(height):
        cells: list[RenderableType] = []
        for row in shown[line::height]:
            style = STYLES.get(row.severity or "", "")
            mark = "! " if row.severity else "  "
            cells += [
                Text(mark + row.institution, style=style),
                Text(f"{_bar(row.coverage_ratio)} {percent(row.coverage_ratio)}", style=style),
            ]
        table.add_row(*cells)
    left_out = len(rows) - len(shown)
    table.caption = f"and {left_out} more institutions that hold less" if left_out > 0 else None
    table.caption_style = "dim"
    return table


def _ranked(rows: Sequence[InstitutionRow]) -> list[InstitutionRow]:
    return sorted(
        rows, key=lambda row: (row.severity is None, -row.coverage_ratio, row.institution)
    )


def _bar(ratio: float) -> str:
    full = round(min(1.0, ratio) * _BAR_CELLS)
    return "█" * full + "░" * (_BAR_CELLS - full)

"""How far a command has come: a bar on a terminal, a plain line now and then elsewhere.

What a command *says* (alerts, a summary) goes to standard output; progress goes to standard error,
so that a pipe carries the one and a person sees the other.
"""

import sys
from typing import Final, Protocol, Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as _RichProgress,
)
from rich.text import Text

from streams.clock import monotonic_seconds

_PLAIN_EVERY_SECONDS: Final = 10.0
_BAR_EVERY_SECONDS: Final = 0.1


class Progress(Protocol):
    """What a command tells its progress."""

    def reach(self, *, events_count: int, done: float) -> None:
        """Note that `events_count` events are through and `done` units of the total."""

    def say(self, line: str, *, style: str = "") -> None:
        """Print a line to standard output, above the bar where there is one."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def steps(name: str, *, total: float | None) -> Progress:
    """Return a bar if a person watches standard error, else plain lines."""
    return (
        BarProgress(name, total=total) if sys.stderr.isatty() else LineProgress(name, total=total)
    )


class NullProgress:
    """Says nothing: for a step of something that has a screen of its own."""

    __slots__ = ()

    def reach(self, *, events_count: int, done: float) -> None:
        """Do nothing."""

    def say(self, line: str, *, style: str = "") -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


class LineProgress:
    """A line to standard error every ten seconds."""

    __slots__ = ("_began", "_name", "_told", "_total")

    def __init__(self, name: str, *, total: float | None) -> None:
        """Begin now."""
        self._name = name
        self._total = total
        self._began = self._told = monotonic_seconds()

    def reach(self, *, events_count: int, done: float) -> None:
        """Tell it if enough time has passed since the last line."""
        now = monotonic_seconds()
        if now - self._told < _PLAIN_EVERY_SECONDS:
            return
        self._told = now
        share = f", {100 * done / self._total:.0f} %" if self._total else ""
        rate = events_count / (now - self._began)
        click.echo(f"{self._name}: {events_count:,} events{share}, {rate:,.0f}/s", err=True)

    def say(self, line: str, *, style: str = "") -> None:
        """Print a line."""
        del style
        click.echo(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the lines as they are."""


class _Rate(ProgressColumn):
    """Events so far, and how many a second."""

    def render(self, task: Task) -> Text:
        """Return the two numbers."""
        events_count = int(task.fields.get("events_count", 0))
        rate = events_count / max(task.elapsed or 0.0, 1e-9)
        return Text(f"{events_count:,} events  {rate:,.0f}/s", style="progress.data.speed")


class BarProgress:
    """A bar on standard error; lines on standard output scroll above it."""

    __slots__ = ("_drawn", "_out", "_progress", "_task", "_total")

    def __init__(self, name: str, *, total: float | None) -> None:
        """Draw nothing yet."""
        console = Console(stderr=True)
        # Where both streams are the terminal, one console must own the lines and the bar.
        self._out = console if sys.stdout.isatty() else None
        self._progress = _RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._total = total
        self._task = self._progress.add_task(name, total=total, events_count=0)
        self._drawn = 0.0

    def reach(self, *, events_count: int, done: float) -> None:
        """Move the bar."""
        now = monotonic_seconds()
        if now - self._drawn < _BAR_EVERY_SECONDS:
            return
        self._drawn = now
        self._progress.update(
            self._task, completed=done if self._total else None, events_count=events_count
        )

    def say(self, line: str, *, style: str = "") -> None:
        """Print a line."""
        if self._out is None:
            click.echo(line)
            return
        self._out.print(Text(line, style=style), soft_wrap=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

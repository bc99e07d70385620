"""`headgate demo`: the whole of Headgate on this machine, with thefts among honest institutions."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

import click

from streams.cli import options
from streams.demo.epilogue import replayed, tell, write_report
from streams.demo.play import play, set_up
from streams.demo.screen import Screen, open_screen
from streams.demo.script import DemoConfig, write_script

_INTERRUPTED: Final = 130
_REPORT: Final = Path("reports/demo.html")
_DEFAULTS: Final = DemoConfig()


@click.command(name="demo", epilog="Example: headgate demo --seconds 30")
@click.option("--seed", default=_DEFAULTS.seed, show_default=True, help="Another world.")
@click.option(
    "--institutions", default=_DEFAULTS.institutions, show_default=True, type=click.IntRange(6, 500)
)
@click.option(
    "--history-days",
    default=_DEFAULTS.history_days,
    show_default=True,
    type=click.IntRange(7, 365),
    help="Event time before the thefts, played as fast as it is judged.",
)
@click.option(
    "--seconds",
    "live_seconds",
    default=_DEFAULTS.live_seconds,
    show_default=True,
    type=click.FloatRange(1, 600),
    help="How long the days of the thefts take.",
)
@click.option(
    "--report",
    "report_path",
    default=_REPORT,
    show_default=True,
    type=options.NEW_FILE,
    help="Where the HTML report goes.",
)
def command(
    *,
    seed: int,
    institutions: int,
    history_days: int,
    live_seconds: float,
    report_path: Path,
) -> None:
    """Play all of Headgate on this machine.

    Starts a real Kafka and a worker, sends them a simulated world in which three institutions
    steal, and shows what is found. Nothing is left afterwards but the report. Needs the extra
    `local-broker`.
    """
    config = DemoConfig(
        seed=seed,
        institutions=institutions,
        history_days=history_days,
        live_seconds=live_seconds,
    )
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _perform(config, report_path)
    except KeyboardInterrupt:
        click.echo("interrupted; everything that was started has ended", err=True)
        sys.exit(_INTERRUPTED)


def _perform(config: DemoConfig, report_path: Path) -> None:
    script = write_script(config)
    with open_screen() as screen:
        _introduce(config, script.events_count, screen)
        with set_up(config, script, screen=screen) as stage:
            played = play(stage, script, live_seconds=config.live_seconds, screen=screen)
            screen.say("replaying the topic for the report ...", style="dim")
            report, alerts = replayed(stage, script)
        tell(report, alerts, played, script, screen=screen)
    write_report(report, report_path)
    click.echo(f"report   {report_path.resolve()}")


def _introduce(config: DemoConfig, events_count: int, screen: Screen) -> None:
    screen.say(
        f"a simulated world: {config.institutions} institutions, {events_count:,} events; "
        f"{config.history_days} days of history, then {config.live_days} days with three thefts"
    )


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # An event loop that runs knows what to do about it; an exception would hit any of its tasks.
    signal.raise_signal(signal.SIGINT)

"""`headgate broker`: a real local Kafka in the foreground."""

import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import click

from streams.local_broker.broker import LocalBroker, train_archive
from streams.local_broker.runtime import KAFKA_VERSION, fetch_runtime, installed_runtime

DEFAULT_PORT = 9092
LOOK_SECONDS = 0.5


@click.command(name="broker", epilog="Example: headgate broker --port 9092 --data-dir data/kafka")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port on loopback; 0 chooses a free one.",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to keep the data; without it they go when the broker ends.",
)
@click.option(
    "--fetch",
    is_flag=True,
    help="Only fetch what the broker needs; afterwards nothing needs the network.",
)
def command(*, port: int, data_dir: Path | None, fetch: bool) -> None:
    """Run one node of Apache Kafka on this machine until Ctrl-C."""
    if fetch:
        _fetch()
        return
    ended = _end_on_signals()
    with LocalBroker(port=port or None, data_dir=data_dir) as broker:
        click.echo(f"Kafka {KAFKA_VERSION} listens on {broker.bootstrap}. Ctrl-C ends it.")
        while not ended.wait(LOOK_SECONDS):
            code = broker.poll()
            if code is not None:
                click.echo(f"headgate: the broker ended by itself with code {code}.", err=True)
                sys.exit(1)
    click.echo("Kafka has ended.")


def _fetch() -> None:
    """Fetch jars, then record the start-up archive, and say what happened."""
    if installed_runtime() is None:
        click.echo(f"Fetching Kafka {KAFKA_VERSION} from Maven Central, 45 MB ...")
    runtime = fetch_runtime()
    if not runtime.archive.exists():
        click.echo("Recording a start-up archive, so that Kafka starts in a second ...")
        train_archive(runtime)
    click.echo(f"Kafka {KAFKA_VERSION} is ready: {len(runtime.jars)} jars in the cache.")


def _end_on_signals() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return ended

"""A worker as people run it, and what its metrics and the machine say of it."""

import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

PARTITIONS: Final = 4
_METRICS: Final = re.compile(r"http://\S+/metrics")
_JUDGED: Final = re.compile(r"^headgate_events_judged_total (\S+)", re.MULTILINE)
_REJECTED: Final = re.compile(r"^headgate_events_rejected_total\{[^}]*\} (\S+)", re.MULTILINE)
_READY_SECONDS_MAX: Final = 120.0
_LOOK_SECONDS: Final = 0.02
_STOP_SECONDS_MAX: Final = 30.0


class Running(Struct, frozen=True, kw_only=True):
    """A worker that runs."""

    metrics: str
    process_id: int


@contextmanager
def worker(bootstrap: str, prefix: str, home: Path, *, number: int = 1) -> Iterator[Running]:
    """Run the worker of that number until the block ends."""
    config = home / f"{prefix}-{number}.toml"
    config.write_text(
        f'[kafka]\nbootstrap = "{bootstrap}"\ntopic_prefix = "{prefix}"\n'
        f"partitions = {PARTITIONS}\n[metrics]\nport = 0\n"
    )
    start = "from streams.cli import main; main()"
    command = [sys.executable, "-c", start, "worker", "--config", str(config)]
    log = config.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(command, stderr=output)
    try:
        _wait_for(lambda: " Ready." in log.read_text(), process)
        match = _METRICS.search(log.read_text())
        yield Running(metrics=match.group() if match else "", process_id=process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_STOP_SECONDS_MAX)


def peak_bytes(process_id: int) -> int:
    """Return the most memory that a process has held so far."""
    return _status_bytes(process_id, "VmHWM")


def resident_bytes(process_id: int) -> int:
    """Return the memory that a process holds."""
    return _status_bytes(process_id, "VmRSS")


def judged_count(metrics: str) -> float:
    """Return how many events a worker has judged, as its metrics say."""
    match = _JUDGED.search(_said(metrics))
    return float(match.group(1)) if match else 0.0


def through_count(metrics: str) -> float:
    """Return how many messages a worker has judged or rejected."""
    text = _said(metrics)
    counts = [*_JUDGED.findall(text), *_REJECTED.findall(text)]
    return sum(map(float, counts))


def _said(metrics: str) -> str:
    with urllib.request.urlopen(metrics, timeout=10) as response:  # noqa: S310 - our own address.
        text: str = response.read().decode()
    return text


def _status_bytes(process_id: int, name: str) -> int:
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(name))
    return int(line.split()[1]) * 1_024


def _wait_for(is_so: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end_seconds = time.monotonic() + _READY_SECONDS_MAX
    while not is_so():
        if process.poll() is not None or time.monotonic() > end_seconds:
            message = f"the worker did not become ready (exit code {process.poll()})"
            raise RuntimeError(message)
        time.sleep(_LOOK_SECONDS)

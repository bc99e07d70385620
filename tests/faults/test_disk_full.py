"""A broker whose disk fills up, on a file system of its own that is small enough to be filled.

Workers store nothing on theirs.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fault_harness import Ground, battle, ground

DISK_MEGABYTES = 128
MOUNT, UMOUNT = "/bin/mount", "/bin/umount"
PIECE = bytes(64 * 1024)

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(280)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a directory with a small disk in it for the broker; skip where none may be made."""
    position = tmp_path / "kafka"
    position.mkdir()
    command = [
        MOUNT,
        "-t",
        "tmpfs",
        "-o",
        f"size={DISK_MEGABYTES}m",
        "headgate-test",
        str(position),
    ]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("needs the right to mount a file system")
    try:
        yield tmp_path
    finally:
        subprocess.run([UMOUNT, "--lazy", str(position)], check=True)


@pytest.fixture
def field(disk: Path) -> Iterator[Ground]:
    """Yield a broker that writes to the small disk."""
    with ground(disk) as broker_ground:
        yield broker_ground


def fill(path: Path) -> None:
    """Write until there is no room for anything more."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(PIECE):
            pass


def test_a_full_disk_stops_the_broker_and_loses_nothing(
    field: Ground, disk: Path, tmp_path: Path
) -> None:
    """Kafka halts rather than forget; with room again it goes on, and so do the workers."""
    with battle(field, tmp_path, name="full") as harness:
        with harness.source:
            harness.wait_until(harness.are_ready)
            harness.wait_until(lambda: harness.source.has_sent(600))
            filler = disk / "kafka" / "filler"
            fill(filler)
            harness.wait_until(lambda: field.broker.poll() is not None, seconds_max=90)
            filler.unlink()
            field.broker.restart()
            harness.pass_time(5.0)
        assert harness.compared().differences == []

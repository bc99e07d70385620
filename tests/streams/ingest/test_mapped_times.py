"""Step 1: the times of a foreign log, in whatever form and zone it writes them."""

import os
import subprocess
import sys

import pytest

from streams.ingest.rejects import RejectReason
from tests.streams.ingest.mapped_rows import ROW, accepted, mapping, read, reject_reason


@pytest.mark.parametrize(
    ("time_format", "written"),
    [
        ("iso", "2026-04-01 14:00:00.250+02:00"),
        ("seconds", "1775044800.25"),
        ("seconds", "1775044800.2509999"),
        ("milliseconds", "1775044800250"),
        ("milliseconds", "1.77504480025e12"),
        ("microseconds", "1775044800250999"),
        ("nanoseconds", "1775044800250999999"),
        ("iso", "2026-04-01T12:00:00.250999999Z"),
        ("%Y-%m-%dT%H:%M:%S.%f%z", "2026-04-01T12:00:00.250999999Z"),
        (("iso", "%d/%b/%Y:%H:%M:%S.%f %z", "seconds"), "1775044800.25"),
        ("%d/%b/%Y:%H:%M:%S.%f %z", "01/Apr/2026:12:00:00.250 +0000"),
    ],
)
def test_time_may_be_written_as_the_log_writes_it(
    time_format: str | tuple[str, ...], written: str
) -> None:
    """And is kept to the millisecond, as an integer, so that it survives the way over Kafka."""
    event = accepted(
        read(mapping(time_format=time_format), f"{written},northgate,u1,imaging,4,120,200".encode())
    )
    assert event.time == 1_775_044_800_250


@pytest.mark.parametrize("written", ["nan", "inf", "1e999", "", "9" * 400, "0x10", "1e999999999"])
@pytest.mark.parametrize("time_format", ["seconds", "milliseconds", "nanoseconds", "iso", "%Y"])
def test_a_time_that_is_none_is_rejected_in_every_format(written: str, time_format: str) -> None:
    """Never an exception."""
    row = f"{written},northgate,u1,imaging,4,120,200".encode()
    assert reject_reason(read(mapping(time_format=time_format), row)) in {
        RejectReason.TIME_UNPARSABLE,
        RejectReason.TIME_FAR_PAST,
        RejectReason.TIME_FAR_FUTURE,
    }


def test_a_time_without_an_offset_is_utc_only_where_the_config_says_so() -> None:
    """A guess would move nights into days."""
    row = ROW.replace(b"Z", b"")
    assert accepted(read(mapping(time_without_offset="utc"), row)).time == 1_775_044_800_000


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-01-15T12:00:00", "2026-01-15T12:00:00Z"),
        ("2026-07-15T12:00:00", "2026-07-15T11:00:00Z"),
        ("2026-07-15T12:00:00+02:00", "2026-07-15T10:00:00Z"),
        ("2026-10-25T01:30:00", "2026-10-25T00:30:00Z"),
        ("2026-03-29T01:30:00", "2026-03-29T01:30:00Z"),
    ],
    ids=["winter", "summer", "with an offset", "an hour that comes twice", "an hour that is none"],
)
def test_local_times_are_read_by_their_zone(written: str, utc: str) -> None:
    """Of an hour that a clock shows twice, the first is meant."""
    at, expected = (ROW.replace(b"2026-04-01T12:00:00Z", text.encode()) for text in (written, utc))
    local = accepted(read(mapping(time_zone="Europe/London"), at))
    assert local.time == accepted(read(mapping(), expected)).time


READS = """
from tests.streams.ingest.mapped_rows import ROW, mapping, read
for changes in ({"time_zone": "Europe/London"}, {"time_without_offset": "utc"}):
    for at in (b"2026-07-15T12:00:00", b"2026-10-25T01:30:00"):
        print(read(mapping(**changes), ROW.replace(b"2026-04-01T12:00:00Z", at)).time)
log = mapping(time_format=("%d/%b/%Y:%H:%M:%S %z", "%c %z"))
for at in (b"01/Dec/2026:12:00:00 +0000", b"Tue Dec  1 12:00:00 2026 +0000"):
    print(read(log, ROW.replace(b"2026-04-01T12:00:00Z", at)).time)
"""


def test_no_time_depends_on_the_machines_zone_or_language() -> None:
    """The same log gives the same events everywhere."""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", READS],
            env=os.environ | {"TZ": zone, "LC_ALL": language, "LANG": language},
            capture_output=True,
            check=True,
        ).stdout
        for zone, language in (
            ("UTC", "C"),
            ("America/New_York", "de_DE.UTF-8"),
            ("Asia/Kolkata", "fr_FR.UTF-8"),
        )
    }
    assert len(outputs) == 1

"""The demo: all of Headgate on one machine, and nothing left of it afterwards."""

import io
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from detectors.verdict import Alert, RaiseAlert
from streams.demo.child import Child, ChildError
from streams.demo.listener import Listener
from streams.demo.scrape import read_numbers
from streams.demo.screen import InstitutionRow, PlainScreen, View, drawn
from streams.demo.script import THEFTS, DemoConfig, write_script
from streams.report.lines import Line
from streams.sinks import alerts, suspensions
from tests.builders import alert, suspension
from tests.waiting import wait_until

# Ctrl-C is heard although whoever runs the tests may have it ignored, which is inherited.
BEGIN = """\
import signal
from streams.cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
HEADGATE = (sys.executable, "-c", BEGIN)
SHORT = ("--institutions", "8", "--history-days", "7", "--seconds", "3")
MARK = "HEADGATE_TEST_MARK"
PREFIX = "headgate"


def a_view(*rows: InstitutionRow) -> View:
    """Return a moment of the demo."""
    return View(
        phase="live",
        done_ratio=0.5,
        event_ms=1_767_571_200_000,
        sent_count=2_000,
        judged_count=1_500,
        events_per_second=12_345.6,
        lag_events=500,
        alerts_count=1,
        rows=rows,
        metrics_address="http://127.0.0.1:9464/metrics",
    )


def record_of(stated: Alert) -> bytes:
    """Return an alert as the worker puts it on its topic."""
    return alerts.record(RaiseAlert(alert=stated), topic_prefix=PREFIX).value or b""


def left_over(mark: str) -> list[str]:
    """Return the command lines of processes that carry `mark` in their environment."""
    command_lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                command_lines.append((process / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return command_lines


@contextmanager
def demo(report: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a short demo and yield it with the mark that all its processes carry."""
    mark = uuid.uuid4().hex
    (report.parent / "tmp").mkdir()
    process = subprocess.Popen(
        [*HEADGATE, "demo", *SHORT, "--report", report],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ
        | {MARK: mark, "PYTHONUNBUFFERED": "1", "TMPDIR": str(report.parent / "tmp")},
    )
    try:
        yield process, mark
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Return the lines of a demo up to the one that contains `words`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    pytest.fail(f"ended without {words!r}: {''.join(lines)}")


def test_the_script_robs_three_institutions_after_the_history() -> None:
    """The thefts happen live, each by an institution of its own."""
    script = write_script(DemoConfig(institutions=20, history_days=20))
    truths = script.truths()
    assert {truth.scenario for truth in truths.values()} == set(THEFTS)
    assert len(truths) == 3
    assert all(truth.started_ms >= script.live_from_ms for truth in truths.values())


def test_the_screen_puts_the_flagged_first() -> None:
    """Who needs attention must not be looked for."""
    out = Console(width=120, file=io.StringIO(), record=True)
    rows = [
        InstitutionRow(institution=f"inst-{n:02d}", coverage_ratio=n / 40, severity=None)
        for n in range(40)
    ]
    out.print(
        drawn(
            a_view(InstitutionRow(institution="thief", coverage_ratio=0.01, severity="high"), *rows)
        )
    )
    text = out.export_text()
    assert text.index("! thief") < text.index("inst-39") < text.index("inst-38")
    assert "inst-00" not in text
    assert "and 27 more institutions that hold less" in text
    assert "12,346/s, lag 500" in text


def test_plain_lines_carry_the_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """A log of the demo is as good as its screen."""
    screen = PlainScreen()
    screen.show(a_view(InstitutionRow(institution="north", coverage_ratio=0.38, severity=None)))
    screen.say("took too much")
    out = capsys.readouterr().out
    assert "1,500 of 2,000 events, 12,346/s, lag 500" in out
    assert "north 38 %" in out
    assert out.endswith("took too much\n")


def test_a_repeated_alert_is_heard_once() -> None:
    """A worker that crashed says again what it said, under the same id."""
    lines: list[Line] = []
    listener = Listener(PREFIX, say=lines.append)
    for _ in range(2):
        listener.hear_alert(record_of(alert()))
    assert len(lines) == 1
    assert lines[0].text.endswith(
        "high      north took 41,200 new participants in 1 h (expected 300)."
    )
    assert listener.severities == {"north": "high"}


def test_a_closed_incident_leaves_the_screen() -> None:
    """What is over is said and no longer marked."""
    lines: list[Line] = []
    listener = Listener(PREFIX, say=lines.append)
    listener.hear_alert(record_of(alert()))
    listener.hear_alert(record_of(alert(change="close", revision=2)))
    assert listener.severities == {}
    assert len(listener.alerts) == len(lines) == 2


def test_a_suspension_says_that_it_is_a_dry_run() -> None:
    """Nobody is stopped by a demo, and nobody should think so."""
    lines: list[Line] = []
    asked = suspension(dry_run=True, subject="u-1", expires_ms=1_767_657_600_000)
    value = suspensions.record(asked, topic_prefix=PREFIX).value or b""
    Listener(PREFIX, say=lines.append).hear_suspension(value)
    assert "dry run" in lines[0].text
    assert "would suspend user u-1 of north until 2026-01-06" in lines[0].text


def test_numbers_are_summed_over_labels() -> None:
    """Lag is that of all partitions."""
    text = (
        "# TYPE headgate_lag_records gauge\n"
        'headgate_lag_records{partition="0"} 3\nheadgate_lag_records{partition="1"} 4\n'
        "# TYPE headgate_coverage_ratio gauge\n"
        'headgate_coverage_ratio{institution="north"} 0.25\n'
    )
    numbers = read_numbers(text)
    assert numbers.lag_records == 7
    assert numbers.coverage == {"north": 0.25}


def test_a_child_that_ends_by_itself_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """The demo must not wait for a worker that is gone."""
    child = Child(["no-such-command"], log_path=tmp_path / "log")
    with child:
        assert child._process is not None
        child._process.wait(30)
        with pytest.raises(ChildError, match=r"ended with code 2: (.|\n)*no-such-command"):
            child.check()
    assert child.pid is None


@pytest.mark.kafka
@pytest.mark.slow
def test_the_demo_ends_by_itself_and_leaves_only_its_report(tmp_path: Path) -> None:
    """Alerts with sentences, live equal to replay, a report, exit code 0, no process."""
    report = tmp_path / "report.html"
    with demo(report) as (process, mark):
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out
        assert left_over(mark) == []
        assert list((tmp_path / "tmp").iterdir()) == []
    assert "new participants in" in out
    assert "Prometheus: http://127.0.0.1:" in out
    assert "the same bytes" in out
    assert "NOT the same bytes" not in out
    # The demo's ladder suspends, and the replay climbs the same one.
    assert "ladder   suspend " in out
    assert str(report) in out
    assert report.read_text().startswith("<!doctype html>")


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C is a way to end it like any other."""
    with demo(tmp_path / "report.html") as (process, mark):
        read_until(process, "a worker is ready")
        assert len(left_over(mark)) > 2
        process.send_signal(number)
        out, _ = process.communicate(timeout=40)
        assert process.returncode == 130, out
        assert left_over(mark) == []
        assert list((tmp_path / "tmp").iterdir()) == []
    assert "Traceback" not in out


@pytest.mark.kafka
@pytest.mark.slow
def test_a_killed_demo_takes_its_processes_with_it(tmp_path: Path) -> None:
    """Even kill -9 must not leave a Kafka behind."""
    with demo(tmp_path / "report.html") as (process, mark):
        read_until(process, "a worker is ready")
        process.kill()
        process.wait()
        home = tmp_path / "tmp"
        wait_until(lambda: not left_over(mark) and not any(home.iterdir()))

"""Progress: a bar for a person, a line now and then for a log, and nothing of it in a pipe."""

import pytest

from streams.console import progress
from streams.console.progress import BarProgress, LineProgress, NullProgress, steps


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.seconds = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock of ours into the progress."""
    ours = Clock()
    monkeypatch.setattr(progress, "monotonic_seconds", ours)
    return ours


def test_plain_progress_is_a_line_every_ten_seconds(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log of an hour's replay has 360 lines, not a million."""
    plain = LineProgress("replay", total=2.0)
    for second in range(25):
        clock.seconds = 100.0 + second
        plain.reach(events_count=second * 1_000, done=second / 25)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "replay: 10,000 events, 20 %, 1,000/s",
        "replay: 20,000 events, 40 %, 1,000/s",
    ]


def test_without_a_total_no_share_is_made_up(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipe has no end that could be known."""
    plain = LineProgress("replay", total=None)
    clock.seconds += 10
    plain.reach(events_count=500, done=0.0)
    assert capsys.readouterr().err == "replay: 500 events, 50/s\n"


def test_what_is_said_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Alerts may be piped; progress may not be among them."""
    with LineProgress("replay", total=1.0) as plain:
        plain.say("north took too much", style="red")
    with BarProgress("replay", total=1.0) as bar:
        bar.reach(events_count=1, done=0.5)
        bar.say("south took too much", style="red")
    assert capsys.readouterr().out == "north took too much\nsouth took too much\n"


def test_silent_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """For a step of something that has a screen of its own."""
    with NullProgress() as silent:
        silent.reach(events_count=1, done=1.0)
        silent.say("anything")
    assert capsys.readouterr() == ("", "")


def test_lines_are_chosen_where_nobody_watches() -> None:
    """Standard error of a test is no terminal."""
    assert isinstance(steps("replay", total=1.0), LineProgress)

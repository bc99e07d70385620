"""Measures, and why there was none, in words for a person."""

import pytest
from msgspec.structs import replace

from detectors.response.suspension import Asked
from detectors.response.withheld import WITHHELD_REASONS, Threshold, Withheld
from streams.report.lines import Line, begun_text, measure_line, withheld_line, withheld_text
from tests.builders import suspension

PLAIN = Withheld(
    reason="closed",
    alert_id="a-17",
    institution="north",
    alerted_ms=1_775_044_800_000,
    at_ms=1_775_044_800_000,
)
CONFIDENCE = Threshold(measure="suspend", quantity="confidence", needed=0.95, seen=0.9451)
RISK = Threshold(measure="suspend", quantity="risk", needed=0.045, seen=0.0123)
INSTITUTIONS = Threshold(measure="suspend", quantity="institutions", needed=3, seen=4)
SPENT: dict[str, object] = {
    "state": "released",
    "started_ms": None,
    "approvals": (),
    "by": "headgate",
    "why": "expired",
}
REQUESTED: dict[str, object] = {"state": "requested", "started_ms": None, "approvals": ()}
HELD = REQUESTED | {"state": "held"}
UNTIL = "2026-04-02 12:00:00 UTC"
WORDS: dict[str, tuple[dict[str, object], str]] = {
    "below_threshold": (
        {"thresholds": (CONFIDENCE, RISK)},
        "suspend needs confidence 0.95, seen 0.9451; suspend needs risk 0.045, seen 0.0123",
    ),
    "mode_off": ({"measure": "suspend"}, "the mode of suspend is off"),
    "labelled": ({"decision_id": "d-1"}, "people said that it was harmless, decision d-1"),
    "closed": ({}, "the incident is over"),
    "already_open": (
        {
            "measure": "throttle",
            "open_measure": "throttle",
            "suspension_id": "s-1",
            "thresholds": (CONFIDENCE,),
        },
        "throttle is open already, s-1; suspend needs confidence 0.95, seen 0.9451",
    ),
    "dry_run_only": (
        {"measure": "suspend", "open_measure": "throttle", "suspension_id": "s-1"},
        "suspend is a dry run only; throttle is open, s-1",
    ),
    "cooling_down": (
        {"measure": "suspend", "until_ms": 1_775_131_200_000, "thresholds": (RISK,)},
        f"cools down after a release, until {UNTIL}; suspend needs risk 0.045, seen 0.0123",
    ),
    "guard": (
        {"measure": "suspend", "suspension_id": "s-1", "thresholds": (INSTITUTIONS,)},
        "suspend is held for people, s-1; 4 institutions at once, at most 3 without a person",
    ),
    "ring": ({}, "a ring stops nobody who was not seen taking alone"),
}


@pytest.mark.parametrize("reason", WITHHELD_REASONS)
def test_every_reason_has_words_and_its_numbers(reason: str) -> None:
    """What decided stands beside what it would have had to be."""
    changes, words = WORDS[reason]
    withheld = replace(PLAIN, reason=reason, **changes)
    assert withheld_text(withheld) == words
    line = f"2026-04-01 12:00:00 UTC  withheld  north: {words} (alert a-17)"
    assert withheld_line(withheld).text == line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "active    suspend user u-9 of north until", id="in effect"),
        pytest.param(
            {"dry_run": True}, "dry run   would suspend user u-9 of north until", id="a dry run"
        ),
        pytest.param(
            {"state": "held", "started_ms": None, "approvals": ()},
            "held      ask to suspend user u-9 of north until",
            id="held for people",
        ),
        pytest.param(
            {"measure": "throttle", "asks": Asked(measure="suspend", approvals=())},
            "active    throttle user u-9 of north, asks to suspend until",
            id="a stronger one is asked for",
        ),
        pytest.param(
            {"scope": "institution", "subject": "north", "expires_ms": None},
            "active    suspend north until released",
            id="a person must end it",
        ),
        pytest.param(
            {"state": "released", "why": "expired"},
            "released  release user u-9 of north (expired)",
            id="over",
        ),
        pytest.param(
            SPENT | {"measure": "throttle"},
            "lapsed    request to throttle user u-9 of north (expired)",
            id="a request that ran out was never in force",
        ),
        pytest.param(
            SPENT | {"by": "ann", "why": "a mistake"},
            "refused   request to suspend user u-9 of north (a mistake)",
            id="a person refused it",
        ),
        pytest.param(
            SPENT | {"dry_run": True},
            "dry run   would drop the request to suspend user u-9 of north (expired)",
            id="a dry run that the guard held",
        ),
    ],
)
def test_a_measure_is_a_line(changes: dict[str, object], words: str) -> None:
    """Its state, what is done to whom, and until when."""
    assert words in measure_line(suspension(**changes)).text


@pytest.mark.parametrize(
    ("revisions", "words"),
    [
        pytest.param([], "none", id="nothing"),
        pytest.param([{}, {"state": "released"}], "suspend 1", id="in force, and over"),
        pytest.param([REQUESTED, SPENT], "asked to suspend 1", id="nobody answered"),
        pytest.param([REQUESTED, {}, {"state": "released"}], "suspend 1", id="people agreed"),
        pytest.param(
            [{"measure": "throttle", "approvals": ()}, HELD, SPENT],
            "throttle 1",
            id="of what was asked for at last, the weaker was in force",
        ),
        pytest.param(
            [{"suspension_id": "s-2", "measure": "throttle"}, HELD],
            "throttle 1, asked to suspend 1",
            id="one in force, and one held",
        ),
    ],
)
def test_only_what_was_in_force_is_counted_as_a_measure(
    revisions: list[dict[str, object]], words: str
) -> None:
    """Requests stand apart, whatever became of them."""
    assert begun_text([suspension(**changes) for changes in revisions]) == words


def test_a_line_shows_what_names_hold_and_obeys_nothing_of_it() -> None:
    """No name moves the cursor, turns the direction of reading, or begins a line of its own."""
    line = Line(text="Zürich\x1b[2J\r\n\u202eevil")
    assert line.text == r"Zürich\x1b[2J\r\n\u202eevil"

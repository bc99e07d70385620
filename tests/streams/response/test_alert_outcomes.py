"""What each alert led to, as the lines of an audit say it."""

from detectors.feedback import Label
from detectors.response.config import Modes, ResponseConfig
from detectors.response.entries import Configured, DecisionMade, Labelled
from streams.response.alert_outcomes import outcomes_in
from streams.response.findings import seen_of
from streams.response.journal import Journal
from tests.builders import alert

COHORT = 1_000


def lines() -> list[bytes]:
    """Return the audit of one alert that grows and is labelled, and of one that is too small."""
    journal = Journal()
    modes = Modes(throttle="automatic", suspend="automatic")
    configured = Configured(
        response=ResponseConfig(modes=modes), cohort_size=COHORT, config_hash="", version=""
    )
    grab = alert(confidence=0.9, taken_participants=100)
    small = alert(alert_id="a-18", institution="south", confidence=0.6, taken_participants=1)
    surer = alert(change="update", revision=2, confidence=1.0, taken_participants=200)
    harmless = DecisionMade(
        decision_id="d-1",
        who="ann",
        note="",
        at_ms=1,
        verb=Labelled(alert_id="a-17", label=Label.EXPECTED),
        jws="",
    )
    stated = (seen_of(each, user=None, record_sha256="") for each in (grab, small, surer, surer))
    first, second, third, fourth = stated
    written = journal.append(
        [(None, body) for body in (configured, first, second, third, harmless, fourth)], now_ms=7
    )
    return list(written.lines)


def test_each_alert_has_its_measures_and_the_reasons_why_there_were_no_more() -> None:
    """In the order in which they came; a later alert is found beside it."""
    outcomes = outcomes_in(lines())
    grab, small = outcomes["a-17"], outcomes["a-18"]
    assert [(each.measure, each.state) for each in grab.measures] == [
        ("throttle", "active"),
        ("suspend", "active"),
        ("suspend", "released"),
    ]
    assert [each.reason for each in grab.withheld] == ["below_threshold", "labelled"]
    assert (small.measures, [each.reason for each in small.withheld]) == ([], ["below_threshold"])


def test_what_holds_of_an_alert_is_what_its_last_statement_led_to() -> None:
    """A reason is over once the next statement is suspended for."""
    until_suspended = lines()[:-4]
    assert outcomes_in(until_suspended)["a-17"].last_withheld is None
    last = outcomes_in(lines())["a-17"].last_withheld
    assert last is not None
    assert (last.reason, last.decision_id) == ("labelled", "d-1")


def test_a_record_of_somebody_else_is_passed_over() -> None:
    """`audit verify` tells of it; the lists go on."""
    assert outcomes_in([b"?", *lines(), b""]).keys() == {"a-17", "a-18"}

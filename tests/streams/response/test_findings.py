"""What the recorder reads: findings without names, and people who can be forgotten."""

import msgspec
import pytest
from msgspec.structs import replace

from detectors.response.config import Modes, ResponseConfig
from detectors.response.entries import AlertSeen, Configured
from detectors.response.suspension import Suspension
from detectors.verdict import Alert, AlertChange, RaiseAlert
from streams.response.findings import alert_seen
from streams.response.journal import Journal
from streams.response.people import People, Person
from streams.sinks import alerts
from tests.builders import alert, reason_detail

ALERT = alert(
    revision=3,
    confidence=0.973,
    sentence="north took 100 people, 90 % of it by user u-1; now holds 10 %.",
    reasons=(reason_detail(), reason_detail()),
    top_user="u-1",
)


def raw(stated: Alert) -> bytes:
    """Return an alert as it lies on its topic."""
    return alerts.record(RaiseAlert(alert=stated), topic_prefix="t").value or b""


def seen(stated: Alert, people: People) -> AlertSeen:
    """Return an alert as the journal has it."""
    entry = alert_seen(raw(stated), people)
    assert isinstance(entry, AlertSeen)
    return entry


def test_a_finding_is_read_without_its_user() -> None:
    """Everything that the ladder needs, and a token where a person was named."""
    people = People({})
    entry = seen(ALERT, people)
    assert entry.user is not None
    assert people.person(entry.user) is not None
    assert (
        entry.sentence == f"north took 100 people, 90 % of it by user {entry.user}; now holds 10 %."
    )
    assert (entry.alert_id, entry.revision, entry.confidence) == ("a-17", 3, 0.973)
    assert (entry.detectors, entry.project, entry.severity) == (("excess",), "p-3", "high")
    assert b"u-1" not in msgspec.json.encode(entry)


@pytest.mark.parametrize(
    ("confidence", "measures"),
    [
        pytest.param(0.9951, [], id="less sure than asked"),
        pytest.param(0.999, ["suspend"], id="just as sure"),
    ],
)
def test_the_ladder_compares_the_confidence_that_was_meant(
    confidence: float, measures: list[str]
) -> None:
    """A finding's whole per cents would make 1.0 of 0.9951, and suspend five times too often."""
    response = ResponseConfig(
        modes=Modes(throttle="off", suspend="automatic"), suspend_confidence=0.999
    )
    configured = Configured(response=response, cohort_size=1_000, config_hash="c", version="1")
    stated = seen(replace(ALERT, confidence=confidence), People({}))
    written = Journal().append([(None, configured), (None, stated)], now_ms=ALERT.at_ms)
    suspensions = [
        followed.action for followed in written.actions if isinstance(followed.action, Suspension)
    ]
    assert measures == [suspension.measure for suspension in suspensions]


@pytest.mark.parametrize("change", ["create", "update", "close"])
def test_every_change_is_read(change: AlertChange) -> None:
    """Also that an incident is over, which has no reasons and names nobody."""
    closing = replace(ALERT, change=change, reasons=(), top_user=None)
    entry = seen(closing, People({}))
    assert (entry.change, entry.user, entry.detectors) == (change, None, ())


@pytest.mark.parametrize("value", [None, b"", b"{", b'{"data": {}}', b"\xff"])
def test_what_is_no_finding_is_said_to_be_none(value: bytes | None) -> None:
    """As a sentence: the recorder puts it on record and goes on."""
    assert str(alert_seen(value, People({}))).startswith("not a finding of ours")


def test_a_finding_from_beyond_the_calendar_is_refused() -> None:
    """No date could be made of it."""
    assert isinstance(alert_seen(raw(ALERT).replace(b"1775044800123", b"9" * 17), People({})), str)


def test_the_digest_of_a_finding_is_salted() -> None:
    """Else whoever guesses the user could prove it from the audit."""
    first, second = seen(ALERT, People({})), seen(ALERT, People({}))
    assert first.record_sha256 != second.record_sha256


def test_a_token_stays_until_it_is_erased() -> None:
    """The same person has the same token, also after a restart; once erased, another."""
    people = People({})
    token = people.token("north", "u-1")
    written = people.taken_changes()
    assert people.taken_changes() == {}
    stored = {name.encode(): value for name, value in written.items() if value is not None}
    again = People(stored)
    assert again.token("north", "u-1") == token
    assert again.token("south", "u-1") != token
    again.taken_changes()
    assert again.erase(token) is not None
    assert again.erase(token) is None
    assert (again.person(token), again.taken_changes()) == (None, {token: None})
    assert again.token("north", "u-1") != token


def test_a_record_under_anothers_token_is_nobody() -> None:
    """Whoever may write there cannot rename a person."""
    person = Person(salt="00", institution="north", user="u-1")
    value = msgspec.json.encode(person)
    assert People({b"person-1": value}).person(person.token) is None
    assert People({b"person-1": b"{"}).person("person-1") is None
    assert People({person.token.encode(): value}).person(person.token) == person

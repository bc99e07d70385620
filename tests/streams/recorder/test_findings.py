"""What the recorder reads: findings without names, people who can be forgotten, signed words."""

import base64

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from detectors.errors import ConfigError
from detectors.feedback import Label
from detectors.response.config import Modes, ResponseConfig
from detectors.response.journal import AlertSeen, Configured, DecisionMade, Labelled, Released
from detectors.response.suspension import Suspension
from detectors.verdict import Alert, AlertChange, RaiseAlert
from streams.control.signature import (
    Decision,
    checked,
    load_private_key,
    private_pem,
    public_text,
    sign,
)
from streams.decisions.submit import signer
from streams.ingest.rejects import Rejected
from streams.recorder.findings import alert_seen
from streams.recorder.journal import Journal
from streams.recorder.people import People, Person
from streams.sinks import alerts
from tests.builders import alert, reason_detail

ANN, EVE = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
KEYS = {"ann": ANN.public_key()}
TOPIC = "t.decisions"
DECISION = Decision(
    decision_id="d",
    topic=TOPIC,
    who="ann",
    note="",
    at_ms=5,
    verb=Released(suspension_id="s"),
)
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
    one, other = seen(ALERT, People({})), seen(ALERT, People({}))
    assert one.record_sha256 != other.record_sha256


def test_a_token_stays_until_it_is_erased() -> None:
    """The same person has the same token, also after a restart; once erased, another."""
    people = People({})
    token = people.token("north", "u-1")
    written = people.taken_changes()
    assert people.taken_changes() == {}
    kept = {name.encode(): value for name, value in written.items() if value is not None}
    again = People(kept)
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


@pytest.mark.parametrize(
    ("record", "detail"),
    [
        pytest.param(None, "no decision", id="nothing"),
        pytest.param(b"{" * 70, "not a signed decision", id="no JSON"),
        pytest.param(b"{}", "not a signed decision", id="nothing signed"),
        pytest.param(b"x" * 1_000_000, "too long", id="too much"),
        pytest.param(sign(DECISION, EVE), "not signed by the key of 'ann'", id="another's key"),
        pytest.param(
            sign(replace(DECISION, who="eve"), EVE), "no key is known of 'eve'", id="a stranger"
        ),
        pytest.param(
            sign(replace(DECISION, topic="u"), ANN), "signed for the topic 'u'", id="elsewhere"
        ),
        pytest.param(
            sign(DECISION, ANN).replace(b'"signature":"', b'"signature":"?'),
            "not a signed decision",
            id="no base64",
        ),
        pytest.param(
            sign(replace(DECISION, at_ms=10**17), ANN), "not a signed decision", id="no date"
        ),
        pytest.param(
            sign(
                replace(
                    DECISION, verb=Labelled(alert_id="a", label=Label.EXPECTED, until_ms=10**17)
                ),
                ANN,
            ),
            "not a signed decision",
            id="until no date",
        ),
    ],
)
def test_what_is_not_rightly_signed_is_refused(record: bytes | None, detail: str) -> None:
    """With a sentence that says why."""
    reject = checked(record, topic=TOPIC, keys=KEYS)
    assert isinstance(reject, Rejected)
    assert detail in reject.detail


def test_a_changed_word_is_not_signed() -> None:
    """The signature is over the text itself."""
    record = msgspec.json.decode(sign(DECISION, ANN))
    record["signed"] = record["signed"].replace('"s"', '"t"')
    assert isinstance(checked(msgspec.json.encode(record), topic=TOPIC, keys=KEYS), Rejected)


def test_a_signed_decision_is_read_as_it_was_meant() -> None:
    """Who, what and when, with the signed text kept as proof."""
    decision = checked(sign(DECISION, ANN), topic=TOPIC, keys=KEYS)
    assert isinstance(decision, DecisionMade)
    assert (decision.who, decision.verb, decision.at_ms) == ("ann", Released(suspension_id="s"), 5)
    base64.b64decode(decision.signature, validate=True)


def test_a_key_says_whose_it_is(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The name is the configuration's; a key that nobody there has is refused."""
    path = tmp_path_factory.mktemp("keys") / "ann.pem"
    path.write_bytes(private_pem(ANN))
    key = load_private_key(path)
    assert signer(key, {"ann": public_text(ANN)}) == "ann"
    with pytest.raises(ConfigError, match="nobody has the public key"):
        signer(key, {"eve": public_text(EVE)})
    path.write_text("-----BEGIN NOTHING-----")
    with pytest.raises(ConfigError, match="expected an Ed25519 key in PEM"):
        load_private_key(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_private_key(path.with_name("none"))

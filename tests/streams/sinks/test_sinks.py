"""Sinks: effects become records whose bytes are a function of the effect alone."""

import json
from functools import cache

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from detectors.registry import DETECTORS
from detectors.verdict import Alert, RaiseAlert
from streams.ingest.rejects import RejectReason, rejected
from streams.sinks import alerts, dead_letters, suspensions
from streams.sinks.dead_letters import Origin
from tests.builders import alert, reason_detail, suspension

# The first version that knows the roles of resources, and the newest at hand.
VERSIONS = ("1.6.0", "1.8.0")


@cache
def validator(version: str) -> Draft202012Validator:
    """Return what checks a Detection Finding against OCSF, unknown attributes included."""
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))
    return Draft202012Validator(schema.get_class_schema("detection_finding"))


def mistakes(document: object, *, version: str = VERSIONS[0]) -> list[str]:
    """Return what OCSF objects to."""
    return sorted(error.message for error in validator(version).iter_errors(document))


def document_of(statement: Alert) -> dict[str, object]:
    """Return the finding as data."""
    return msgspec.json.decode(alerts.finding(statement), type=dict[str, object])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("change", ["create", "update", "close"])
@pytest.mark.parametrize("severity", ["low", "medium", "high", "critical"])
def test_every_finding_is_a_valid_ocsf_detection_finding(
    version: str, change: str, severity: str
) -> None:
    """Required attributes, enumerations, and no attribute that OCSF does not know."""
    document = document_of(alert(change=change, severity=severity))
    assert mistakes(document, version=version) == []


@pytest.mark.parametrize(
    ("path", "value", "objection"),
    [
        (("class_uid",), None, "'class_uid' is a required property"),
        (("severity_id",), 17, "17 is not one of"),
        (("activity_id",), "create", "'create' is not of type 'integer'"),
        (("finding_info", "uid"), None, "'uid' is a required property"),
        (("metadata", "product"), None, "'product' is a required property"),
        (("anomaly_analyses", 0, "anomalies"), None, "'anomalies' is a required property"),
        (("confidence_score",), "high", "'high' is not of type 'integer'"),
        (("resources", 0, "role_id"), 42, "42 is not one of"),
        (("institution",), "north", "Additional properties are not allowed"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_a_broken_finding_is_seen_by_the_same_check(
    path: tuple[str | int, ...], value: object, objection: str
) -> None:
    """A check that objects to nothing would prove nothing. None stands for absent."""
    document = document_of(alert())
    here: object = document
    for step in path[:-1]:
        here = here[step]  # type: ignore[index]
    assert isinstance(here, dict)
    if value is None:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    assert objection in "; ".join(mistakes(document))


def test_a_finding_says_who_why_and_how_much() -> None:
    """The institution, the sentence, and each reason with observed and expected."""
    document = document_of(alert())
    analyses = msgspec.convert(
        document["anomaly_analyses"], list[dict[str, list[dict[str, object]]]]
    )
    assert document["message"] == "north took 41,200 new participants in 1 h (expected 300)."
    assert document["time"] == 1_775_044_800_123
    assert document["resources"] == [
        {
            "uid": "north",
            "name": "north",
            "type": "institution",
            "role_id": 3,
            "role": "Affected",
        }
    ]
    timespan = {"type_id": 2, "type": "Seconds", "duration_secs": 3_600}
    assert analyses[0] == {
        "analysis_targets": [{"name": "north", "type": "institution"}],
        "anomalies": [
            {
                "observation_parameter": "new_participants",
                "observation_type": "excess",
                "observed_pattern": "p_value=1.3e-09 share=0.9",
                "observations": [{"value": "41200", "timespan": timespan}],
            }
        ],
        "baselines": [
            {
                "observation_parameter": "new_participants",
                "observation_type": "excess",
                "observed_pattern": "expected",
                "observations": [{"value": "300", "timespan": timespan}],
            }
        ],
    }


def test_all_statements_about_one_incident_share_its_id_and_differ_in_their_own() -> None:
    """So that whoever reads them can follow the incident, and skip a repeat."""
    created, updated = alert(), alert(change="update", revision=2)
    ids = [
        msgspec.json.decode(alerts.finding(statement))["metadata"]
        for statement in (created, updated)
    ]
    assert [metadata["correlation_uid"] for metadata in ids] == ["a-17", "a-17"]
    assert [metadata["uid"] for metadata in ids] == ["a-17.1.create", "a-17.2.update"]


def test_a_closed_incident_is_resolved() -> None:
    """Activity 3, status 4."""
    document = document_of(alert(change="close"))
    assert (document["activity_id"], document["status_id"], document["type_uid"]) == (3, 4, 200_403)


@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_a_crossed_line_is_told_as_a_rule(detector: str) -> None:
    """A cap of the register, a limit, a scope, a canary and a difference are rules."""
    detail = reason_detail(detector=detector, reason=detector)
    stated = json.loads(alerts.finding(alert(reasons=(detail,))))
    expected = "Rule" if DETECTORS[detector].is_rule else "Statistical"
    assert stated["finding_info"]["analytic"]["type"] == expected
    rules = {"canary", "coverage", "differencing", "quota", "scope"}
    assert DETECTORS[detector].is_rule == (detector in rules)


def test_an_alert_without_a_user_still_has_evidence() -> None:
    """OCSF wants one of a few attributes in it."""
    assert mistakes(document_of(alert(top_user=None, top_project=None))) == []


@given(
    observed=st.floats(min_value=0, max_value=1e15),
    institution=st.text(min_size=1, max_size=128),
    confidence=st.floats(min_value=0, max_value=1),
)
def test_the_same_alert_gives_the_same_bytes_and_a_valid_finding(
    observed: float, institution: str, confidence: float
) -> None:
    """Whatever the numbers and names."""
    statement = alert(
        reasons=(reason_detail(observed=observed),), institution=institution, confidence=confidence
    )
    again = msgspec.json.decode(msgspec.json.encode(statement), type=Alert)
    assert alerts.finding(statement) == alerts.finding(again)
    assert mistakes(document_of(statement)) == []


def test_an_alert_goes_to_its_topic_as_a_structured_cloudevent() -> None:
    """Keyed by institution; the finding inside is the one that replay writes, byte for byte."""
    statement = alert()
    record = alerts.record(RaiseAlert(alert=statement), topic_prefix="headgate")
    assert record.topic == "headgate.alerts"
    assert record.key == b"north"
    assert record.headers == (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
    assert record.value is not None
    envelope = msgspec.json.decode(record.value, type=dict[str, msgspec.Raw])
    assert bytes(envelope.pop("data")) == alerts.finding(statement)
    assert {name: msgspec.json.decode(value) for name, value in envelope.items()} == {
        "specversion": "1.0",
        "id": "a-17.1.create",
        "source": "/headgate",
        "type": "headgate.alert.create",
        "subject": "north",
        "time": "2026-04-01T12:00:00.123Z",
        "datacontenttype": "application/json",
    }


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_suspension_says_whether_it_is_meant(*, dry_run: bool) -> None:
    """A dry run must never read as a suspension."""
    stated = suspension(dry_run=dry_run)
    record = suspensions.record(stated, topic_prefix="headgate")
    assert (record.topic, record.key) == ("headgate.suspensions", b"user:5:north:u-9")
    assert record.value is not None
    assert suspensions.suspension_of(record.value) == stated
    envelope = msgspec.json.decode(record.value)
    assert (envelope["id"], envelope["type"]) == ("s-1.2", "headgate.suspension.active")
    assert envelope["data"]["dry_run"] is dry_run


@given(value=st.none() | st.binary(), key=st.none() | st.binary())
def test_a_dead_letter_keeps_the_bytes_it_was_rejected_with(
    value: bytes | None, key: bytes | None
) -> None:
    """Value, key and headers; why and whence come on top."""
    origin = Origin(
        topic="headgate.access-events",
        partition=3,
        offset=41,
        key=key,
        value=value,
        headers=(("trace", b"\xff"), ("absent", None), ("headgate-offset", b"7")),
    )
    record = dead_letters.record(
        rejected(RejectReason.NOT_JSON, "why"), origin, topic_prefix="headgate"
    )
    assert (record.topic, record.key, record.value) == ("headgate.dead-letters", key, value)
    assert record.headers == (
        ("trace", b"\xff"),
        ("absent", None),
        ("headgate-offset", b"7"),
        ("headgate-reason", b"not_json"),
        ("headgate-detail", b"why"),
        ("headgate-topic", b"headgate.access-events"),
        ("headgate-partition", b"3"),
        ("headgate-offset", b"41"),
    )
    again = msgspec.structs.replace(origin, headers=record.headers, offset=99)
    latest = dead_letters.record(
        rejected(RejectReason.NOT_JSON, "still"), again, topic_prefix="headgate"
    )
    assert latest.headers[:4] == (*origin.headers, ("headgate-reason", b"not_json"))
    assert latest.headers[-1] == ("headgate-offset", b"99")
    assert len(latest.headers) == len(record.headers)

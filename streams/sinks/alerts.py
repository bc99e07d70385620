"""Step 7 of 7: an alert -> an OCSF Detection Finding, inside a CloudEvent on the alerts topic.

Deterministic: the same alert gives the same bytes and the same ids, so that a repeat after a
crash is recognised as one. Times are event times; nothing here looks at a clock. What OCSF knows
only in whole numbers stands exactly among our own names, for `alert_reader`.

Source: Open Cybersecurity Schema Framework 1.6.0, class Detection Finding [2004].
"""

from functools import cache
from importlib.metadata import version
from typing import Final

import msgspec

from detectors.registry import is_rule
from detectors.verdict import (
    SEVERITIES,
    Alert,
    AlertChange,
    RaiseAlert,
    ReasonDetail,
    Severity,
)
from streams.kafka.records import OutgoingRecord
from streams.kafka.topics import ALERTS
from streams.sinks.cloudevent import CLOUDEVENT_HEADERS, cloudevent

OCSF_VERSION: Final = "1.6.0"

_CLASS_UID: Final = 2004
OCSF_ACTIVITIES: Final[dict[AlertChange, tuple[int, str]]] = {
    "create": (1, "Create"),
    "update": (2, "Update"),
    "close": (3, "Close"),
}
_NEW: Final = (1, "New")
_RESOLVED: Final = (4, "Resolved")
# 0 is unknown to OCSF, and 1 is informational: no alert is so mild.
OCSF_SEVERITIES: Final[dict[Severity, tuple[int, str]]] = {
    severity: (uid, severity.capitalize()) for uid, severity in enumerate(SEVERITIES, start=2)
}
# Risk is confidence times harm; severity is harm in four steps.
_HARM: Final[dict[Severity, float]] = {
    severity: step / len(SEVERITIES) for step, severity in enumerate(SEVERITIES, start=1)
}
_CONFIDENCES: Final = ((0.8, 3, "High"), (0.5, 2, "Medium"), (0.0, 1, "Low"))
_RULE: Final = (1, "Rule")
_STATISTICAL: Final = (3, "Statistical")
_AFFECTED: Final = (3, "Affected")
_SECONDS: Final = 2
_ATTACK: Final = {
    "tactic": {"uid": "TA0009", "name": "Collection"},
    "technique": {"uid": "T1213", "name": "Data from Information Repositories"},
}

Document = dict[str, object]


def record(
    effect: RaiseAlert, *, topic_prefix: str, partition: int | None = None
) -> OutgoingRecord:
    """Return the alert as a record: keyed by institution, its id the same at every repeat."""
    alert = effect.alert
    value = cloudevent(
        event_id=statement_id(alert),
        kind=f"headgate.alert.{alert.change}",
        subject=alert.institution,
        at_ms=alert.at_ms,
        data=finding(alert),
    )
    return OutgoingRecord(
        topic=ALERTS.full_name(topic_prefix),
        key=alert.institution.encode(),
        value=value,
        partition=partition,
        headers=CLOUDEVENT_HEADERS,
    )


def statement_id(alert: Alert) -> str:
    """Return the id of this one statement about the incident."""
    return f"{alert.alert_id}.{alert.revision}.{alert.change}"


def finding(alert: Alert) -> bytes:
    """Return the alert as one line of JSON: an OCSF Detection Finding."""
    return msgspec.json.encode(
        {
            **_class_of(alert),
            **_weight_of(alert),
            "time": alert.at_ms,
            "start_time": alert.started_ms,
            "end_time": alert.at_ms,
            "message": alert.sentence,
            "is_alert": True,
            "finding_info": _finding_info(alert),
            "resources": [_resource(name) for name in institutions_of(alert)],
            "anomaly_analyses": [_analysis(alert, detail) for detail in alert.reasons],
            "evidences": [_evidence(alert)],
            "metadata": {
                "version": OCSF_VERSION,
                "uid": statement_id(alert),
                "correlation_uid": alert.alert_id,
                "product": _product(),
            },
            "unmapped": _unmapped(alert),
        }
    )


def institutions_of(alert: Alert) -> tuple[str, ...]:
    """Return whom the alert is about: the institution that it is keyed by, then the others."""
    others = [name for name in alert.members if name != alert.institution]
    return (alert.institution, *others)


def _class_of(alert: Alert) -> Document:
    activity_id, activity_name = OCSF_ACTIVITIES[alert.change]
    return {
        "class_uid": _CLASS_UID,
        "class_name": "Detection Finding",
        "category_uid": 2,
        "category_name": "Findings",
        "activity_id": activity_id,
        "activity_name": activity_name,
        "type_uid": _CLASS_UID * 100 + activity_id,
        "type_name": f"Detection Finding: {activity_name}",
    }


def _weight_of(alert: Alert) -> Document:
    severity_id, severity = OCSF_SEVERITIES[alert.severity]
    status_id, status = _RESOLVED if alert.change == "close" else _NEW
    confidence_id, confidence = next(
        (uid, name) for least, uid, name in _CONFIDENCES if alert.confidence >= least
    )
    return {
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "confidence_id": confidence_id,
        "confidence": confidence,
        "confidence_score": round(100 * alert.confidence),
        "risk_score": round(100 * alert.confidence * _HARM[alert.severity]),
    }


def _finding_info(alert: Alert) -> Document:
    return {
        "uid": alert.alert_id,
        "title": f"Unusual extraction by {alert.institution}",
        "desc": alert.sentence,
        "types": list(dict.fromkeys(str(detail.reason) for detail in alert.reasons)),
        "first_seen_time": alert.started_ms,
        "last_seen_time": alert.at_ms,
        "modified_time": alert.at_ms,
        "attacks": [_ATTACK],
        "related_events": [{"uid": event_id} for event_id in alert.sample_event_ids],
        **({"analytic": _analytic(alert.reasons[0])} if alert.reasons else {}),
    }


def _analytic(detail: ReasonDetail) -> Document:
    type_id, kind = _RULE if is_rule(detail.detector) else _STATISTICAL
    return {"uid": detail.detector, "name": detail.detector, "type_id": type_id, "type": kind}


def _resource(institution: str) -> Document:
    role_id, role = _AFFECTED
    return {
        "uid": institution,
        "name": institution,
        "type": "institution",
        "role_id": role_id,
        "role": role,
    }


def _analysis(alert: Alert, detail: ReasonDetail) -> Document:
    """Return one reason in numbers: what was observed, and what would have been usual."""
    timespan = {"type_id": _SECONDS, "type": "Seconds", "duration_secs": detail.window_seconds}
    common = {"observation_parameter": detail.feature, "observation_type": detail.detector}
    return {
        "analysis_targets": [{"name": alert.institution, "type": "institution"}],
        "anomalies": [
            {
                **common,
                "observed_pattern": f"p_value={detail.p_value:.4g} share={detail.share:.4g}",
                "observations": [{"value": _number(detail.observed), "timespan": timespan}],
            }
        ],
        "baselines": [
            {
                **common,
                "observed_pattern": "expected",
                "observations": [{"value": _number(detail.expected), "timespan": timespan}],
            }
        ],
    }


def _evidence(alert: Alert) -> Document:
    data = {
        "event_ids": alert.sample_event_ids,
        "trigger_event_id": alert.trigger_event_id,
        "shares": msgspec.to_builtins(alert.shares),
        "top_user_share": alert.top_user_share,
        "top_user_participants": alert.top_user_participants,
        "top_project": alert.top_project,
        "top_project_share": alert.top_project_share,
    }
    if alert.top_user is None:
        return {"data": data}
    user = {"uid": alert.top_user, "org": {"uid": alert.institution, "name": alert.institution}}
    return {"actor": {"user": user}, "data": data}


def _unmapped(alert: Alert) -> Document:
    """Return what OCSF has no place for, under our own names."""
    return {
        "revision": alert.revision,
        "confidence": alert.confidence,
        "p_value": alert.p_value,
        "taken_participants": alert.taken_participants,
        "taken_kind": alert.taken_kind,
        "full_cohort_days": alert.full_cohort_days,
        "coverage": [msgspec.to_builtins(coverage) for coverage in alert.coverage],
        "reasons": [msgspec.to_builtins(detail) for detail in alert.reasons],
        "repairs": alert.repairs,
        "rejects": alert.rejects,
        "unlearnt": alert.unlearnt,
        "failed": msgspec.to_builtins(alert.failed),
        "config_hash": alert.config_hash,
        "reference_version": alert.reference_version,
    }


def _number(value: float) -> str:
    """Return a number as text, without the `.0` of what was counted.

    >>> _number(41200.0), _number(0.25)
    ('41200', '0.25')
    """
    return str(int(value)) if float(value).is_integer() else repr(float(value))


@cache
def _product() -> Document:
    return {"name": "Headgate", "vendor_name": "Headgate", "version": version("headgate")}

"""Every generated file: dashboards as JSON, and Prometheus' rules as Grafana's own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import detectors, institution, pipeline, taking

ROOT: Final = Path(__file__).parent
RULES: Final = ROOT.parent / "docker" / "prometheus" / "headgate.rules.yml"
DATASOURCE_UID: Final = "headgate-prometheus"

_WINDOW_SECONDS: Final = 600
# Prometheus' words for the value and for itself, and Grafana's.
_WORDS: Final = (
    ("$value", "$values.A.Value"),
    ("{{ $externalLabels.docs }}", "http://127.0.0.1:8000"),
)
_GENERATED: Final = (
    "# Generated from docker/prometheus/headgate.rules.yml by `python -m grafana`.\n"
)

Document = dict[str, object]


def files() -> dict[str, str]:
    """Return every generated file by its path below this directory."""
    dashboards = {
        f"dashboards/{board['uid']}.json": json.dumps(board, indent=1, ensure_ascii=False) + "\n"
        for board in map(_dashboard, (taking, institution, detectors, pipeline))
    }
    rules = yaml.safe_dump(alert_rules(), sort_keys=False, width=1_000)
    return dashboards | {"provisioning/alerting/rules.yml": _GENERATED + rules}


def alert_rules() -> Document:
    """Return Prometheus' rules for Grafana to evaluate, where there is no Alertmanager."""
    document = yaml.safe_load(RULES.read_text())
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": group["name"],
                "folder": "Headgate",
                "interval": "10s",
                "rules": [_rule(rule) for rule in group["rules"]],
            }
            for group in document["groups"]
        ],
    }


def _rule(rule: Document) -> Document:
    annotations = rule["annotations"]
    labels = rule["labels"]
    assert isinstance(annotations, dict)  # noqa: S101 - as Prometheus' own check says.
    return {
        "uid": str(rule["alert"]).lower(),
        "title": rule["alert"],
        "condition": "B",
        "data": list(_steps(str(rule["expr"]))),
        "for": rule.get("for", "0s"),
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": labels,
        "annotations": {name: _worded(text) for name, text in annotations.items()},
    }


def _steps(expr: str) -> Iterator[Document]:
    """Yield the query, which has a value where the alert fires, and the condition that it has."""
    yield {
        "refId": "A",
        "datasourceUid": DATASOURCE_UID,
        "relativeTimeRange": {"from": _WINDOW_SECONDS, "to": 0},
        "model": {"refId": "A", "expr": expr, "instant": True, "range": False},
    }
    yield {
        "refId": "B",
        "datasourceUid": "__expr__",
        "relativeTimeRange": {"from": _WINDOW_SECONDS, "to": 0},
        "model": {"refId": "B", "type": "math", "expression": "is_number($A)"},
    }


def _worded(text: str) -> str:
    for theirs, ours in _WORDS:
        text = text.replace(theirs, ours)
    return text


def _dashboard(module: object) -> Document:
    build = module.build  # type: ignore[attr-defined]
    board: Document = json.loads(json.dumps(build().build(), cls=JSONEncoder))
    for number, panel in enumerate(_listed(board["panels"]), start=1):
        panel["id"] = number
    annotations = board["annotations"]
    assert isinstance(annotations, dict)  # noqa: S101 - every page has some.
    for mark in _listed(annotations["list"]):
        # The library's schema has no place for what Grafana writes beside the mark.
        mark |= {
            "titleFormat": str(mark["name"]),
            "textFormat": "{{detector}}{{mode}} {{severity}}",
        }
    return board


def _listed(value: object) -> list[Document]:
    assert isinstance(value, list)  # noqa: S101 - by the schema.
    return value

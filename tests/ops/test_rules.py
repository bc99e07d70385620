"""Prometheus' rules and Alertmanager's routes, by the tools that come with them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from msgspec import Struct

from streams.exits import ExitCode

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "docker" / "prometheus"
RULE_TESTS = sorted(PROMETHEUS.glob("headgate.*_test.yml"))
ALERTMANAGER = ROOT / "docker" / "alertmanager" / "alertmanager.yml"


class Rule(Struct, frozen=True, kw_only=True):
    """One alert."""

    alert: str
    severity: str
    annotations: dict[str, str]


def rules() -> list[Rule]:
    """Return every alert."""
    document = yaml.safe_load((PROMETHEUS / "headgate.rules.yml").read_text())
    return [
        Rule(
            alert=rule["alert"],
            severity=rule["labels"]["severity"],
            annotations=rule["annotations"],
        )
        for group in document["groups"]
        for rule in group["rules"]
    ]


def output_of(*command: str) -> str:
    """Return what a command prints; it must end well."""
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_the_configuration_is_what_prometheus_takes(program: Callable[[str], str]) -> None:
    """Rules included."""
    assert f"{len(rules())} rules found" in output_of(
        program("promtool"), "check", "config", str(PROMETHEUS / "prometheus.yml")
    )


@pytest.mark.parametrize("tests", RULE_TESTS, ids=lambda path: path.name)
def test_each_rule_fires_when_it_should_and_not_else(
    tests: Path, program: Callable[[str], str]
) -> None:
    """The series and what must follow from them stand beside the rules."""
    assert "SUCCESS" in output_of(program("promtool"), "test", "rules", str(tests))


def test_no_rule_goes_without_both_tests() -> None:
    """One in which it fires, and one in which it does not."""
    cases = {
        (case["alertname"], bool(case["exp_alerts"]))
        for path in RULE_TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["alert_rule_test"]
    }
    assert cases == {(rule.alert, fires) for rule in rules() for fires in (True, False)}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.alert)
def test_each_alert_leads_to_its_runbook(rule: Rule) -> None:
    """A summary of one line, a description, and a section of the runbook under its name."""
    assert set(rule.annotations) == {"summary", "description", "runbook_url"}
    assert len(rule.annotations["summary"]) <= 80
    assert rule.annotations["runbook_url"].endswith(f"/runbook/#{rule.alert.lower()}")
    sections = (ROOT / "docs" / "runbook.md").read_text().splitlines()
    assert f"## {rule.alert}" in sections


def test_the_runbook_has_no_section_without_an_alert() -> None:
    """What no longer fires needs no page."""
    lines = (ROOT / "docs" / "runbook.md").read_text().splitlines()
    sections = {line.removeprefix("## ") for line in lines if line.startswith("## Headgate")}
    assert sections == {rule.alert for rule in rules()}


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({"severity": "page", "jurisdiction": "gb"}, "jurisdiction-gb,page"),
        ({"severity": "page", "jurisdiction": "fr"}, "page"),
        ({"severity": "page"}, "page"),
        ({"severity": "ticket", "jurisdiction": "gb"}, "ticket"),
        ({"severity": "ticket"}, "ticket"),
    ],
)
def test_routes_follow_severity_and_jurisdiction(
    labels: dict[str, str], receivers: str, program: Callable[[str], str]
) -> None:
    """A page wakes whoever is on call, and tells the jurisdiction's authority of its own."""
    wanted = [f"{name}={value}" for name, value in labels.items()]
    route = (program("amtool"), "config", "routes", "test", f"--config.file={ALERTMANAGER}")
    # Where the machine has an address for amtool, a warning follows.
    assert output_of(*route, *wanted).splitlines()[0] == receivers


def test_the_runbook_knows_every_exit_code() -> None:
    """Whoever is woken by a worker that ended reads there what to do."""
    text = (ROOT / "docs" / "runbook.md").read_text()
    missing = [code.name for code in ExitCode if f"| {code.value} |" not in text]
    assert missing == []


def test_alertmanager_takes_its_configuration(program: Callable[[str], str]) -> None:
    """By its own check."""
    assert "SUCCESS" in output_of(program("amtool"), "check-config", str(ALERTMANAGER))

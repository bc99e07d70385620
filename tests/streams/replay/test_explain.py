"""`headgate explain`: the same bytes again, or a clear word on why not."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from detectors.config import CoreConfig, config_hash
from detectors.errors import ConfigError, SinkError
from detectors.event import AccessEvent, Participants
from detectors.synthetic import WorldConfig, build_world
from streams.cli.explain import command
from streams.cli.replay import command as replay
from streams.demo.child import Child
from streams.ingest.codec import encode
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.event_producer import send_all
from streams.kafka.log_reader import TopicReader
from streams.kafka.topics import ACCESS_EVENTS, ALERTS, AUDIT
from streams.replay.explain import NotExplainedError
from streams.response.alert_outcomes import read_outcomes
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def events() -> list[AccessEvent]:
    """Return the events of a small world with one theft."""
    config = WorldConfig(seed=3, institutions=12, days=40, warmup_days=30)
    return list(build_world(config, thefts=("smash_and_grab_v1",)).events())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, events: list[AccessEvent]) -> Path:
    """Return a directory with the events, and with what a replay said of them."""
    path = tmp_path_factory.mktemp("explained")
    (path / "events.jsonl").write_bytes(b"".join(encode(event) + b"\n" for event in events))
    arguments = [str(path / "events.jsonl"), "--alerts", str(path / "alerts.ndjson")]
    assert CliRunner().invoke(replay, arguments).exit_code == 0
    return path


@pytest.fixture(scope="module")
def findings(home: Path) -> list[dict[str, Any]]:
    """Return what was said, in order."""
    return [json.loads(line) for line in (home / "alerts.ndjson").read_text().splitlines()]


@pytest.fixture(scope="module")
def alert_id(findings: list[dict[str, Any]]) -> str:
    """Return the alert of which most was said."""
    ids = [str(finding["finding_info"]["uid"]) for finding in findings]
    return max(ids, key=ids.count)


def explain(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_an_alert_is_made_again_with_the_same_bytes_and_its_reasons(
    home: Path, findings: list[dict[str, Any]], alert_id: str
) -> None:
    """The sentence, each reason in numbers, coverage before and after, the largest events."""
    statements = [finding for finding in findings if finding["finding_info"]["uid"] == alert_id]
    last = [finding for finding in statements if finding["unmapped"]["reasons"]][-1]
    result = explain(
        *(alert_id, "--input", home / "events.jsonl", "--alerts", home / "alerts.ndjson")
    )
    assert result.exit_code == 0, result.output
    text = result.stdout
    assert text.startswith(last["message"])
    for statement in statements:
        assert f"p {statement['unmapped']['p_value']:.3g}: {statement['message']}" in text
    assert "rebuilt: the same bytes as on record" in text
    for reason in last["unmapped"]["reasons"]:
        assert f"p {reason['p_value']:.3g}" in text
    for event_id in last["evidences"][0]["data"]["event_ids"]:
        assert f"  {event_id}: " in text
    assert last["unmapped"]["config_hash"] in text
    assert f"reference   {last['unmapped']['reference_version']}" in text
    assert " % before, " in text


def test_an_alert_says_what_followed_and_why_nothing_more_did(
    home: Path, findings: list[dict[str, Any]], alert_id: str, tmp_path: Path
) -> None:
    """The committee reads which measure came, or by which number it was missed."""
    inputs = ("--input", home / "events.jsonl", "--alerts", home / "alerts.ndjson")
    statements = [each for each in findings if each["finding_info"]["uid"] == alert_id]
    explained = msgspec.json.decode(explain(alert_id, *inputs, "--json").stdout)
    outcomes = explained["outcomes"]
    assert {each["alert_id"] for each in outcomes["measures"]} <= {alert_id}
    assert {each["alert_id"] for each in outcomes["withheld"]} == {alert_id}
    config = tmp_path / "off.toml"
    config.write_text('[response.modes]\nthrottle = "off"\nsuspend = "off"\n')
    text = explain(alert_id, *inputs, "--config", config).stdout
    assert "what followed:" not in text
    reasons = text.partition("why nothing more followed:")[2].partition("\n\n")[0].split("\n")
    assert len([line for line in reasons if "withheld" in line]) == len(statements)


def test_a_program_reads_the_same_as_one_object(
    home: Path, events: list[AccessEvent], findings: list[dict[str, Any]], alert_id: str
) -> None:
    """The finding is the recorded one, byte for byte; the events are those of the input."""
    result = explain(
        alert_id, "--input", home / "events.jsonl", "--alerts", home / "alerts.ndjson", "--json"
    )
    explanation = msgspec.json.decode(result.stdout)
    assert explanation["record"] == "same_bytes"
    assert explanation["finding"] in findings
    by_id = {event.id: event for event in events}
    for part in explanation["events"]:
        assert (part["dataset"], part["user"]) == (
            by_id[part["id"]].dataset,
            by_id[part["id"]].user,
        )
    assert (
        explanation["events"][0]["new_participants"] >= explanation["events"][1]["new_participants"]
    )


def test_any_statement_of_the_alert_can_be_explained(
    home: Path, findings: list[dict[str, Any]], alert_id: str
) -> None:
    """The first one is what woke people; one that was never made is named as such."""
    statements = [finding for finding in findings if finding["finding_info"]["uid"] == alert_id]
    assert len(statements) > 1
    arguments = (alert_id, "--input", home / "events.jsonl", "--alerts", home / "alerts.ndjson")
    first = explain(*arguments, "--revision", "1")
    assert first.stdout.startswith(statements[0]["message"])
    trigger = statements[0]["evidences"][0]["data"]["trigger_event_id"]
    (tripped,) = (line for line in first.stdout.splitlines() if "this one tripped it" in line)
    assert f"  {trigger}: " in tripped
    none = explain(*arguments, "--revision", "99")
    assert isinstance(none.exception, NotExplainedError)


def test_events_that_are_not_those_of_then_do_not_pass_as_them(
    home: Path, tmp_path: Path, events: list[AccessEvent], findings: list[dict[str, Any]]
) -> None:
    """The event that tripped it is missing: what was said is not what comes out."""
    last = next(each for each in reversed(findings) if each["activity_name"] != "Close")
    trigger = last["evidences"][0]["data"]["trigger_event_id"]
    tampered = tmp_path / "events.jsonl"
    other_events = (event for event in events if event.id != trigger)
    tampered.write_bytes(b"".join(encode(event) + b"\n" for event in other_events))
    name = last["finding_info"]["uid"]
    result = explain(name, "--input", tampered, "--alerts", home / "alerts.ndjson")
    assert result.exit_code == 1
    if result.exception is None or isinstance(result.exception, SystemExit):
        assert "rebuilt: NOT what is on record" in result.stdout
    else:
        assert isinstance(result.exception, NotExplainedError)


def test_another_configuration_is_refused(home: Path, tmp_path: Path, alert_id: str) -> None:
    """It would give another alert, and the wrong reasons."""
    config = tmp_path / "headgate.toml"
    config.write_text("[cohort]\nsize = 400000\n")
    result = explain(
        *(alert_id, "--input", home / "events.jsonl", "--alerts", home / "alerts.ndjson"),
        *("--config", config),
    )
    assert isinstance(result.exception, ConfigError)
    theirs = config_hash(CoreConfig())
    assert f"the alert was raised under {theirs}, and this is " in str(result.exception)


def test_without_a_record_the_alert_is_told_as_it_comes_out(home: Path, alert_id: str) -> None:
    """And nothing is claimed of what was said then."""
    result = explain(alert_id, "--input", home / "events.jsonl")
    assert result.exit_code == 0
    assert "there was no record to compare with" in result.stdout


def test_an_id_may_be_given_by_its_first_characters(home: Path, alert_id: str) -> None:
    """As other commands print it; what begins more than one id names none."""
    inputs = ("--input", home / "events.jsonl", "--alerts", home / "alerts.ndjson")
    whole, cut = explain(alert_id, *inputs), explain(alert_id[:12], *inputs)
    assert (cut.exit_code, cut.stdout) == (0, whole.stdout)
    assert isinstance(explain("", *inputs).exception, NotExplainedError)


@pytest.mark.parametrize("more", [[], ["--alerts", "alerts.ndjson"]], ids=["events", "record"])
def test_an_alert_that_never_was_is_not_found(
    home: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    """Neither among the events nor on record."""
    monkeypatch.chdir(home)
    result = explain("no-such-alert", "--input", "events.jsonl", *more)
    assert isinstance(result.exception, NotExplainedError)


def test_what_can_be_read_once_only_is_refused() -> None:
    """Standard input is judged and then gone."""
    result = explain("some-alert", "--input", "-")
    assert (result.exit_code, "can be read once only" in result.stderr) == (2, True)


def test_without_kafka_and_without_files_there_is_nothing_to_explain(tmp_path: Path) -> None:
    """The failure says which broker was asked."""
    config = tmp_path / "headgate.toml"
    config.write_text('[kafka]\nbootstrap = "127.0.0.1:1"\n')
    result = explain("some-alert", "--config", config)
    assert isinstance(result.exception, SinkError)
    assert "no Kafka at 127.0.0.1:1" in str(result.exception)


HOUR_MS = 3_600_000
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 3
[detectors.collusion]
mode = "on"
[checkpoint]
interval_seconds = 0.5
[metrics]
port = 0
"""


def ring() -> list[AccessEvent]:
    """Return how three institutions take a third each of one list, within a day."""
    ids = random.Random(7).sample(range(500_000), 60_000)
    return [
        AccessEvent(
            id=f"ring-{name}-{step}",
            time=1_775_000_000_000 + step * HOUR_MS,
            institution=name,
            dataset="imaging",
            participants=Participants(ids=sorted(ids[place::3][step * 4_000 : (step + 1) * 4_000])),
        )
        for step in range(5)
        for place, name in enumerate(("east", "north", "south"))
    ]


def statements_on(bootstrap: str, topic: str) -> list[tuple[str, list[str]]]:
    """Return id and reasons of each statement on the topic of alerts."""
    with TopicReader(topic, cluster=unprotected(bootstrap)) as reader:
        values = [r.value for p in reader.partitions for batch in reader.records(p) for r in batch]
    infos = [msgspec.json.decode(value or b"")["data"]["finding_info"] for value in values]
    return [(info["uid"], info["types"]) for info in infos]


def answered(bootstrap: str, audit: str) -> bool:
    """Tell whether the audit says what an alert led to, or did not."""
    by_alert = asyncio.run(read_outcomes(audit, cluster=unprotected(bootstrap)))
    return any(each.measures or each.withheld for each in by_alert.values())


@pytest.mark.kafka
def test_what_a_worker_said_is_explained_from_its_topics(
    kafka: str, topic_prefix: str, tmp_path: Path, events: list[AccessEvent]
) -> None:
    """One institution's alerts from the events, a ring's from the holdings; no file is needed."""
    config = tmp_path / "headgate.toml"
    config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix))
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=3)
    log = tmp_path / "worker" / "log"
    log.parent.mkdir()
    alerts = ALERTS.full_name(topic_prefix)
    events = [*events, *ring()]
    asyncio.run(
        send_all(events, cluster=unprotected(kafka), topic=ACCESS_EVENTS.full_name(topic_prefix))
    )
    with Child(["worker", "--config", str(config)], log_path=log) as worker:
        wait_until(
            lambda: any("collusion" in types for _, types in statements_on(kafka, alerts)),
            check=worker.check,
        )
        wait_until(lambda: answered(kafka, AUDIT.full_name(topic_prefix)), check=worker.check)
    # It has ended politely, so that all it judged is said.
    statements = statements_on(kafka, alerts)
    assert any("excess" in types for _, types in statements)
    outcomes = []
    for name in dict.fromkeys(name for name, _ in statements):
        result = explain(name, "--config", config, "--json")
        assert result.exit_code == 0, result.output
        explained = msgspec.json.decode(result.stdout)
        assert explained["record"] == "same_bytes"
        outcomes += explained["outcomes"]["measures"] + explained["outcomes"]["withheld"]
    # What the recorder did, which knows all institutions, and not what a fold of one would give.
    assert outcomes

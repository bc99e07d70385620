"""Replay: the worker's core over recorded events, whatever they lie in."""

import gzip
import io
import json
from pathlib import Path

import msgspec
import pytest

from detectors.config import CoreConfig
from detectors.event import AccessEvent, time_ms
from detectors.peers.reference import prior_reference
from detectors.register import Register
from detectors.synthetic import World, WorldConfig, build_world
from detectors.verdict import DailySummary, Effect, RaiseAlert
from streams.console.progress import LineProgress
from streams.control.reference_log import DayReference, PartitionReferences, ReferenceLog
from streams.ingest.codec import DecodeConfig, decode_limits, encode
from streams.kafka.cluster import unprotected
from streams.replay.inputs import Rejects
from streams.replay.reading import Reading
from streams.replay.replay import Replay
from streams.replay.replay_run import ReplayRun
from streams.report.builder import ReportBuilder
from streams.state.envelope import keys_from_text
from tests.streams.worker.reference_desk import with_days

DAY_MS = 86_400_000
CONFIG = CoreConfig()


@pytest.fixture(scope="module")
def world() -> World:
    """Return a small world with one theft."""
    config = WorldConfig(seed=3, institutions=12, days=40, warmup_days=30)
    return build_world(config, thefts=("smash_and_grab_v1",))


@pytest.fixture(scope="module")
def events(world: World) -> list[AccessEvent]:
    """Return the world's events."""
    return list(world.events())


@pytest.fixture(scope="module")
def lines(events: list[AccessEvent]) -> bytes:
    """Return the events as canonical NDJSON."""
    return b"".join(encode(event) + b"\n" for event in events)


def a_run(*, dead_letters: io.BytesIO | None = None) -> ReplayRun:
    """Return a run over canonical events under default settings."""
    reading = Reading(
        limits=decode_limits(DecodeConfig(), CONFIG.cohort),
        mapping=None,
        cluster=unprotected(""),
        keys=keys_from_text(None),
        raw_topic=None,
    )
    return ReplayRun(CONFIG, register=Register(), reading=reading, rejects=Rejects(dead_letters))


def replayed(*paths: Path) -> list[Effect]:
    """Return the effects of replaying files."""
    progress = LineProgress("replay", total=len(paths))
    return list(a_run().effects([str(path) for path in paths], progress=progress))


def alerts(effects: list[Effect]) -> list[bytes]:
    """Return the alerts as bytes, to compare to the last digit."""
    return [msgspec.json.encode(each.alert) for each in effects if isinstance(each, RaiseAlert)]


def test_the_theft_is_told_and_daily_summaries_are_not(
    world: World, events: list[AccessEvent]
) -> None:
    """A person reads what comes out."""
    effects = list(Replay(CONFIG, register=world.register).effects(events))
    assert not any(isinstance(effect, DailySummary) for effect in effects)
    theft = world.labels.thefts[0]
    institutions = [
        effect.alert.institution
        for effect in effects
        if isinstance(effect, RaiseAlert) and effect.alert.at_ms >= theft.started_ms
    ]
    assert theft.institutions[0] in institutions


def test_plain_packed_and_split_files_give_the_same_alerts(
    events: list[AccessEvent], lines: bytes, tmp_path: Path
) -> None:
    """What the events lie in has no effect, to the last byte."""
    expected = alerts(list(Replay(CONFIG, register=Register()).effects(events)))
    plain, packed = tmp_path / "events.jsonl", tmp_path / "events.jsonl.gz"
    plain.write_bytes(lines)
    packed.write_bytes(gzip.compress(lines))
    middle = lines.index(b"\n", len(lines) // 2) + 1
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl.gz"
    first.write_bytes(lines[:middle])
    second.write_bytes(gzip.compress(lines[middle:]))
    assert expected
    assert alerts(replayed(plain)) == expected
    assert alerts(replayed(packed)) == expected
    assert alerts(replayed(first, second)) == expected


def test_a_recorder_changes_nothing(events: list[AccessEvent]) -> None:
    """Who watches must not be seen in the verdicts."""
    watched = Replay(CONFIG, register=Register(), recorder=ReportBuilder())
    alone = Replay(CONFIG, register=Register())
    assert alerts(list(watched.effects(events))) == alerts(list(alone.effects(events)))


def test_a_reference_is_built_as_days_pass(events: list[AccessEvent]) -> None:
    """Each institution is judged by that of its own last day."""
    replay = Replay(CONFIG, register=Register())
    list(replay.effects(events))
    versions = {
        profile.state.today.day: profile.reference.version
        for profile in replay.profiles.values()
        if profile.state.today.active
    }
    assert versions == {day: f"day-{day}" for day in versions} != {}


def test_recorded_references_hold_on_their_day(events: list[AccessEvent]) -> None:
    """From a topic none is built: the record alone says what holds."""
    day = time_ms(events[len(events) // 2]) // DAY_MS
    log = ReferenceLog(CONFIG.reference)
    recorded = msgspec.structs.replace(
        prior_reference(CONFIG.reference), version="on-record", day=day
    )
    log.apply(DayReference(day=day, reference=recorded))
    replay = Replay(CONFIG, register=Register(), references=PartitionReferences(log, 0))
    list(replay.effects(with_days(events)))
    versions = {
        profile.reference.version
        for profile in replay.profiles.values()
        if profile.state.today.active
    }
    assert versions == {"on-record"}


def test_one_wrong_clock_does_not_end_the_day_for_all() -> None:
    """A day begins once two institutions have reached it."""

    def event(number: int, institution: str, day: int) -> AccessEvent:
        return AccessEvent(
            id=f"e-{number}", time=day * DAY_MS, institution=institution, dataset="imaging"
        )

    replay = Replay(CONFIG, register=Register())
    list(replay.effects([event(0, "a", 20_000), event(1, "b", 20_000), event(2, "c", 47_000)]))
    assert replay._clock.day == 20_000
    list(replay.effects([event(3, "c", 47_001), event(4, "a", 20_001)]))
    assert replay._clock.day == 20_001


def test_what_cannot_be_judged_is_counted_and_kept_to_the_byte(
    lines: bytes, tmp_path: Path
) -> None:
    """Every reject names its line and its reason, and the rest is judged."""
    path = tmp_path / "events.jsonl"
    torn = b'{"id": "torn'
    binary = b"\xff\xfe\x00"
    path.write_bytes(torn + b"\n\n" + lines[: lines.index(b"\n") + 1] + binary + b"\n")
    letters = io.BytesIO()
    run = a_run(dead_letters=letters)
    list(run.effects([str(path)], progress=LineProgress("replay", total=1)))
    first, second = (json.loads(line) for line in letters.getvalue().splitlines())
    assert run.events_count == 1
    assert dict(run.rejects.counts) == {"not_json": 2}
    assert (first["number"], first["value"].encode()) == (1, torn)
    assert (second["number"], second["value_base64"]) == (4, "//4A")


def test_a_report_counts_what_was_judged(lines: bytes, tmp_path: Path) -> None:
    """Events, institutions and the span of event time come from the events."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines)
    run = a_run()
    list(run.effects([str(path)], progress=LineProgress("replay", total=1)))
    report = run.report(sources=["events.jsonl"])
    assert report.events_count == lines.count(b"\n")
    assert report.institutions_count == 12
    assert 38 * DAY_MS < report.last_ms - report.first_ms < 40 * DAY_MS
    assert len(report.flagged) + len(report.quiet) == 12


def test_an_empty_file_gives_an_empty_report(tmp_path: Path) -> None:
    """Nothing happened, and nothing fails."""
    path = tmp_path / "empty.jsonl"
    path.touch()
    run = a_run()
    assert list(run.effects([str(path)], progress=LineProgress("replay", total=1))) == []
    assert run.report(sources=[]).institutions_count == 0

"""Whatever hash a producer places keys by: one institution, one judge, one alert."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from detectors.config import CoreConfig
from detectors.event import AccessEvent
from detectors.instants import HOUR_MS
from detectors.register import UNKNOWN, Alias, Institution, Register, Registered
from detectors.snapshot import dump
from detectors.verdict import RaiseAlert
from streams.control.records import INSTRUCTION, Instruction, control_record, encode_instruction
from streams.control.rekeyed import REKEYED_HEADER
from streams.ingest.codec import encode
from streams.ingest.directory import directory_of
from streams.ingest.identity import identity_of
from streams.kafka.placement import partition_of
from streams.kafka.records import OutgoingRecord
from streams.replay.replay import Replay
from streams.sinks import alerts
from tests.builders import KafkaRecord, taking
from tests.desks import JudgeDesk
from tests.streams.worker.reference_desk import unknown_references

PARTITIONS: Final = 3
# 2026-01-05, eight in the morning.
START_MS: Final = 1_767_600_000_000
NAMES: Final = ("uni-bern", "uni-basel", "inst-007", "eth")
# What a producer makes of a name: its own spelling, no key, another's.
KEYS: Final[dict[str, Callable[[str], bytes | None]]] = {
    "its name": str.encode,
    "capitals": lambda name: name.upper().encode(),
    "none": lambda _: None,
    "a constant": lambda _: b"platform",
}


class Log:
    """A topic of three partitions; what the judges send on is appended to it."""

    def __init__(self) -> None:
        """Begin empty."""
        self.desk = JudgeDesk(partitions=PARTITIONS)
        self.records: list[list[KafkaRecord]] = [[] for _ in range(PARTITIONS)]
        self.read = [0] * PARTITIONS
        self.copied = 0

    def append(self, event: AccessEvent, *, key: bytes | None, partition: int) -> None:
        """Let a producer place an event."""
        self._add(partition, encode(event), key)

    def _add(
        self,
        partition: int,
        value: bytes | None,
        key: bytes | None,
        outgoing: OutgoingRecord | None = None,
    ) -> None:
        offset = len(self.records[partition])
        headers = () if outgoing is None else outgoing.headers
        self.records[partition].append(KafkaRecord(offset, value, key, headers=headers))

    def copy_sent(self) -> None:
        """Append what was sent to the topic of events since."""
        for outgoing in self.desk.posted[self.copied :]:
            if outgoing.topic == "events":
                assert outgoing.partition is not None
                self._add(outgoing.partition, outgoing.value, outgoing.key, outgoing)
        self.copied = len(self.desk.posted)

    def judge(self, partition: int) -> None:
        """Judge what is new in a partition."""
        records = self.records[partition][self.read[partition] :]
        self.read[partition] = len(self.records[partition])
        if records:
            self.desk.take(records, partition=partition)
        self.copy_sent()

    def judge_all(self) -> None:
        """Judge until nothing is left."""
        while any(
            read < len(records) for read, records in zip(self.read, self.records, strict=True)
        ):
            for partition in range(PARTITIONS):
                self.judge(partition)


def event(number: int, name: str) -> AccessEvent:
    """Return a taking of 900 people, an hour after the one before."""
    return taking(
        900,
        first=number * 1_000,
        id=f"e{number}",
        time=1_767_600_000_000 + number * HOUR_MS,
        institution=name,
    )


def judged_states(log: Log) -> Iterator[tuple[str, bytes]]:
    """Yield the state of each judge, who lies in its own partition."""
    directory = directory_of(log.desk.register)
    for partition in log.desk.state_store.partitions.values():
        for name, profile in partition.profiles():
            home = name if name == UNKNOWN else directory.home_of(name)
            assert partition_of(home, partitions=PARTITIONS) == partition.partition
            yield name, dump(profile).main


placed_events = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(list(KEYS)), st.integers(0, PARTITIONS - 1)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(placed=placed_events, cut=st.integers(0, 30))
def test_each_institution_has_one_judge_who_sees_each_event_once(
    placed: list[tuple[str, str, int]], cut: int
) -> None:
    """Wherever events lie, and whatever their keys: the same people are held in the end."""
    log = Log()
    for number, (name, key, partition) in enumerate(placed):
        log.append(event(number, name), key=KEYS[key](name), partition=partition)
        if number == cut:
            log.judge_all()
    log.judge_all()
    states = list(judged_states(log))
    assert sorted(name for name, _ in states) == sorted({name for name, _, _ in placed})
    partitions = log.desk.state_store.partitions.values()
    for name, profile in (each for partition in partitions for each in partition.profiles()):
        own = [number for number, (other, _, _) in enumerate(placed) if other == name]
        assert profile.state.events_count == len(own)
        assert profile.ledger.state.held_participants == 900 * len(own)
    assert log.desk.watcher.reasons == []


def test_what_is_at_home_is_not_sent_on() -> None:
    """A producer that places keys as Kafka's own clients do costs nothing."""
    log = Log()
    for number, name in enumerate(NAMES):
        home = partition_of(name, partitions=PARTITIONS)
        log.append(event(number, name), key=name.encode(), partition=home)
    log.judge_all()
    assert (log.desk.watcher.counts.strays, log.copied) == (0, len(log.desk.posted))
    assert not log.desk.values("events")


def test_a_stray_that_is_sent_twice_counts_once() -> None:
    """After a crash before the checkpoint it is met again, under the same id."""
    log = Log()
    home = partition_of("eth", partitions=PARTITIONS)
    log.append(event(0, "eth"), key=b"eth", partition=(home + 1) % PARTITIONS)
    log.judge_all()
    log.desk.start()
    log.read = [0] * PARTITIONS
    log.judge_all()
    partition = log.desk.state_store.partition(home)
    (_, profile), *others = partition.profiles()
    assert not others
    assert (profile.state.events_count, profile.state.repeats_count) == (1, 1)


def test_nobody_else_may_say_that_an_event_was_sent_on() -> None:
    """A forged header changes nothing: the event is a stray as any other."""
    log = Log()
    home = partition_of("eth", partitions=PARTITIONS)
    elsewhere = (home + 1) % PARTITIONS
    forged = OutgoingRecord(
        topic="events",
        key=b"uni-bern",
        value=encode(event(0, "eth")),
        headers=((REKEYED_HEADER, b"0:7:" + bytes(36)),),
    )
    log._add(elsewhere, forged.value, forged.key, forged)
    log.judge_all()
    assert [name for name, _ in judged_states(log)] == ["eth"]


def test_an_entry_that_is_pushed_reaches_its_judge_wherever_the_producer_writes() -> None:
    """In every partition there is a record of it; the judge at home obeys."""
    log = Log()
    entry = Institution(id="uni-bern", participants_max=300)
    body = encode_instruction(
        Instruction(sequence=0, body=Registered(institution="uni-bern", entry=entry))
    )
    for partition in range(PARTITIONS):
        signed = control_record(
            INSTRUCTION, body, topic="events", partition=partition, key=b"x", keys=log.desk.keys
        )
        log._add(partition, signed.value, signed.key, signed)
    for number in range(6):
        taken = taking(
            100, first=100 * number, id=f"p{number}", time=1_767_600_000_000, institution="uni-bern"
        )
        log.append(taken, key=b"uni-bern", partition=number % PARTITIONS)
    log.judge_all()
    partitions = log.desk.state_store.partitions.values()
    names = [name for partition in partitions for name, _ in partition.profiles()]
    assert names == ["uni-bern"]
    assert len(log.desk.values("t.alerts")) == 1


def test_a_judge_that_lies_apart_from_that_of_its_alias_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It was judged before the register named it: what it held counts anew, and people know."""
    log = Log()
    home = partition_of("uni-bern", partitions=PARTITIONS)
    names = [f"institute {number}" for number in range(9)]
    alias = next(name for name in names if partition_of(name, partitions=PARTITIONS) != home)
    near = next(name for name in names if partition_of(name, partitions=PARTITIONS) == home)
    for number, name in enumerate((alias, near)):
        where = partition_of(name, partitions=PARTITIONS)
        log.append(event(number, name), key=name.encode(), partition=where)
    log.judge_all()
    assert log.desk.watcher.counts.judges_apart == 0
    entry = Institution(id="uni-bern", aliases=(alias, near))
    body = encode_instruction(
        Instruction(sequence=0, body=Registered(institution="uni-bern", entry=entry))
    )
    for partition in range(PARTITIONS):
        signed = control_record(
            INSTRUCTION, body, topic="events", partition=partition, key=b"x", keys=log.desk.keys
        )
        log._add(partition, signed.value, signed.key, signed)
    log.judge_all()
    assert log.desk.watcher.counts.judges_apart == 1
    (warning,) = [each for each in caplog.records if each.levelname == "WARNING"]
    fields = {name: vars(warning)[name] for name in ("aliases", "institution")}
    assert fields == {"aliases": [alias], "institution": "uni-bern"}


REGISTER: Final = Register(
    institutions=(
        Institution(
            id="Uni-Bern",
            aliases=(
                Alias(id="eth", valid_from=datetime(2026, 1, 5, 12, tzinfo=UTC)),
                "uni-basel",
            ),
        ),
    )
)


@settings(max_examples=20, deadline=None)
@given(names=st.lists(st.sampled_from([*NAMES, "UNI-BERN"]), min_size=4, max_size=30))
def test_the_worker_and_a_replay_follow_the_register_alike(names: list[str]) -> None:
    """Aliases with and without a date, and unknown names: the same alerts to the byte."""
    log = Log()
    log.desk.register = REGISTER
    log.desk.start()
    events = [
        replace(event(number, name), time=START_MS + number * HOUR_MS // 3)
        for number, name in enumerate(names)
    ]
    for each in events:
        home = partition_of(identity_of(each.institution), partitions=PARTITIONS)
        log.append(each, key=each.institution.encode(), partition=home)
        # In the order of the times, as one producer would write them.
        log.judge_all()
    replay = Replay(CoreConfig(), register=REGISTER, references=unknown_references())
    effects = [effect for effect in replay.effects(events) if isinstance(effect, RaiseAlert)]
    expected = [alerts.record(effect, topic_prefix="t").value for effect in effects]
    assert log.desk.values("t.alerts") == expected
    states = dict(judged_states(log))
    assert {name: dump(profile).main for name, profile in replay.profiles.items()} == states

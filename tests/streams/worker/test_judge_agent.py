import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streams.worker.judge_agent
from detectors.config import CoreConfig
from detectors.errors import CoreError
from detectors.instants import DAY_MS, HOUR_MS
from detectors.peers.reference import prior_reference
from detectors.snapshot import dump
from detectors.verdict import DailySummary, Effect
from streams.control.day_closed import DayClosed, read_summary
from streams.control.partition_time import TIME, TimeMarker, encode_marker
from streams.control.records import control_record
from streams.control.reference_log import DayMissed, DayReference, ReferenceLog
from streams.ingest.codec import encode
from streams.kafka.records import OutgoingRecord
from streams.state.envelope import StateKeys, keys_from_text
from streams.state.phases import Phase
from streams.state.positions import OffsetGapError
from tests.builders import KafkaRecord, taking
from tests.desks import KEYS, JudgeDesk, batch_of

PRIOR = prior_reference(CoreConfig().reference)
FIRST_DAY = 1_767_600_000_000 // DAY_MS


def event(number: int, *, taken: int = 10, institution: str = "north") -> KafkaRecord:
    """Return the record of one event, an hour after the one before."""
    access = taking(
        taken,
        first=number * 1_000,
        id=f"e{number}",
        time=1_767_600_000_000 + number * HOUR_MS,
        institution=institution,
    )
    return KafkaRecord(number, encode(access), institution.encode())


def control(
    offset: int,
    value: bytes,
    *,
    kind: str = TIME,
    keys: StateKeys = KEYS,
    partition: int = 0,
) -> KafkaRecord:
    """Return a control record, signed."""
    signed = control_record(kind, value, topic="events", partition=partition, key=b"all", keys=keys)
    return KafkaRecord(offset, signed.value, signed.key, headers=signed.headers)


def marker(offset: int, at_ms: int) -> KafkaRecord:
    """Return a control record with a marker of time."""
    return control(offset, encode_marker(TimeMarker(at_ms=at_ms)))


def known(desk: JudgeDesk, day: int) -> None:
    """Let the reference of a day be known, and no other."""
    desk.reference_log = ReferenceLog(desk.file.reference)
    reference = msgspec.structs.replace(PRIOR, version=f"day-{day}", day=day)
    desk.reference_log.apply(DayReference(day=day, reference=reference))
    desk.start()


LOG = [
    *(event(n, institution="north" if n % 2 else "south") for n in range(20)),
    KafkaRecord(20, b"not json"),
    marker(21, 1_767_600_000_000 + 21 * HOUR_MS),
    *(event(n, taken=n * 900, institution="north" if n % 3 else "south") for n in range(22, 60)),
]


def outcome(desk: JudgeDesk) -> tuple[list[OutgoingRecord], list[bytes]]:
    """Return everything that came of the log."""
    return desk.posted, [dump(desk.profile(name)).main for name in ("north", "south")]


@given(cuts=st.sets(st.integers(1, len(LOG) - 1)))
@settings(max_examples=25)
def test_how_the_log_is_cut_into_batches_changes_nothing(cuts: set[int]) -> None:
    """Outputs and states are the same, byte for byte, whatever the batches."""
    whole_batch, many = JudgeDesk(), JudgeDesk()
    whole_batch.take(LOG)
    bounds = [0, *sorted(cuts), len(LOG)]
    for first, last in itertools.pairwise(bounds):
        many.take(LOG[first:last])
    assert outcome(whole_batch) == outcome(many)


def test_a_grab_is_posted_with_its_offset_noted() -> None:
    """The alert is on its way, and the state says that the event is in it."""
    desk = JudgeDesk()
    desk.take(LOG)
    topics = {record.topic for record in desk.posted}
    assert {"t.alerts", "t.dead-letters", "t.summaries"} <= topics
    assert desk.state_store.partition(0).position == len(LOG)


def test_a_replayed_batch_is_skipped() -> None:
    """What a state contains is not judged again."""
    desk = JudgeDesk()
    desk.take(LOG)
    before = outcome(desk)
    assert desk.take(LOG) == 0
    assert outcome(desk) == before


def test_what_a_saved_state_contains_is_skipped_within_a_batch() -> None:
    """States may be further than the partition record; their next batch then begins before them."""
    straight, restarted = JudgeDesk(), JudgeDesk()
    straight.take(LOG)
    restarted.take(LOG[:10])
    checkpoint = restarted.state_store.begin_checkpoint(rewrite_count=0)
    for phase in (Phase.PARTS, Phase.MAINS):
        restarted.state_store.saved(checkpoint.writes[phase])
    restarted.state_store.drop()
    # Neither the unreadable record nor the marker is judged.
    assert restarted.take(LOG) == len(LOG) - 10 - 2
    assert outcome(restarted)[1] == outcome(straight)[1]


def test_a_batch_that_begins_too_late_raises() -> None:
    """Records passed over end the worker."""
    with pytest.raises(OffsetGapError, match="records 0 to 4 of partition 0 were passed over"):
        JudgeDesk().take([event(5)])


def test_a_rejected_record_is_returned_as_it_came() -> None:
    """The dead letter holds the original bytes and key, and says where they came from."""
    desk = JudgeDesk()
    desk.take([KafkaRecord(0, b"\xff\x00", b"key")])
    (letter,) = desk.posted
    assert (letter.key, letter.value, letter.partition) == (b"key", b"\xff\x00", 0)
    assert ("headgate-offset", b"0") in letter.headers
    assert desk.watcher.reasons == ["not_json"]


def fail(*_: object) -> tuple[Effect, ...]:
    """Be a core with a bug."""
    raise ZeroDivisionError


def test_a_failure_of_the_core_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop goes on, and nothing is lost."""
    monkeypatch.setattr(streams.worker.judge_agent, "judge", fail)
    desk = JudgeDesk()
    desk.take([event(0)])
    assert desk.watcher.reasons == ["core_failed"]
    assert desk.state_store.partition(0).position == 1


def test_a_core_that_fails_on_everything_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the configured share it is not one event that is wrong."""
    monkeypatch.setattr(streams.worker.judge_agent, "judge", fail)
    with pytest.raises(CoreError, match="the core failed on 10 of 10 events"):
        JudgeDesk().take([event(n) for n in range(10)])


def test_a_reference_holds_on_its_day() -> None:
    """Where its record lies is no matter; the day before it the one before holds."""
    desk = JudgeDesk()
    known(desk, FIRST_DAY + 1)
    desk.take([event(0)])
    assert desk.profile().reference.version == "prior"
    desk.take([event(n) for n in range(1, 25)])
    assert desk.profile().reference.version == f"day-{FIRST_DAY + 1}"


def test_a_day_without_its_reference_is_waited_for_and_everything_else_goes_on() -> None:
    """What lies before it is judged; days end before the wait, for others may wait for that."""
    desk = JudgeDesk()
    known(desk, FIRST_DAY)
    batch_run = desk.agent.begin(0, batch_of([event(n) for n in range(60)]))
    assert desk.proceed(batch_run) == FIRST_DAY + 1
    assert desk.proceed(batch_run) == FIRST_DAY + 1
    first_of_next_day = desk.state_store.partition(0).position
    assert first_of_next_day == batch_run.counts.judged
    desk.reference_log.apply(DayMissed(partition=0, day=FIRST_DAY + 9))
    assert desk.proceed(batch_run) is None
    assert batch_run.counts.judged == 60
    messages = [read_summary(value) for value in desk.values("t.summaries")]
    closed = [each.day for each in messages if isinstance(each, DayClosed)]
    assert closed == list(range(closed[0], FIRST_DAY + 2))


def test_a_marker_ends_the_days_of_who_has_fallen_silent() -> None:
    """The institution's last day is summarised without another event of it."""
    desk = JudgeDesk()
    desk.take([event(0), marker(1, 1_767_600_000_000 + 3 * DAY_MS)])
    messages = [read_summary(value) for value in desk.values("t.summaries")]
    assert [each.day for each in messages if isinstance(each, DailySummary)] == [FIRST_DAY]


@pytest.mark.parametrize("value", [b"", b"{", b"{}", b"x" * 2_000_000])
def test_a_broken_control_record_is_rejected(value: bytes) -> None:
    """It changes no reference and stops nobody."""
    desk = JudgeDesk()
    desk.take([control(0, value), event(1)])
    assert len(desk.watcher.reasons) == 1
    assert desk.profile().reference.version == "prior"


def test_an_unknown_control_record_is_rejected() -> None:
    """A kind of a later version is kept in dead letters, not guessed."""
    desk = JudgeDesk()
    desk.take([control(0, b"{}", kind="new")])
    assert desk.watcher.reasons == ["unknown_value"]


FORGED = encode_marker(TimeMarker(at_ms=1_767_600_000_000))
SIGNED = control(0, FORGED)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(KafkaRecord(0, FORGED, headers=SIGNED.headers[:1]), id="without a signature"),
        pytest.param(control(0, FORGED, keys=keys_from_text(None)), id="by another key"),
        pytest.param(control(0, FORGED, partition=1), id="copied from another partition"),
        pytest.param(
            KafkaRecord(0, FORGED + b" ", headers=SIGNED.headers), id="with changed bytes"
        ),
        pytest.param(KafkaRecord(0, None, headers=SIGNED.headers), id="without its value"),
        pytest.param(
            KafkaRecord(0, FORGED, headers=(("headgate-control", b"other"), SIGNED.headers[1])),
            id="as another kind",
        ),
        pytest.param(
            KafkaRecord(0, FORGED, headers=(SIGNED.headers[0], ("headgate-signature", b""))),
            id="with an empty signature",
        ),
    ],
)
def test_a_control_record_that_is_not_signed_for_its_place_is_rejected(forged: KafkaRecord) -> None:
    """Whoever may write events moves no threshold: a dead letter, counted by its reason."""
    desk = JudgeDesk()
    desk.take([forged, event(1)])
    assert desk.watcher.reasons == ["unsigned"]
    assert desk.values("t.dead-letters") == [forged.value]
    assert desk.profile().reference.version == "prior"

import asyncio
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streams.worker.judge_agent
from detectors.config import CoreConfig
from detectors.errors import CoreError
from detectors.event import AccessEvent, Participants
from detectors.pipeline import Profile
from detectors.reference import Reference, prior_reference
from detectors.register import Register
from detectors.snapshot import dump
from detectors.verdict import Effect
from streams.control.records import control_record, encode_reference
from streams.ingest.codec import DecodeConfig, decode_limits, encode
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Durable, Outgoing
from streams.kafka.records import Batch, RecordPosition, Span
from streams.state.envelope import StateKeys, keys_from_text
from streams.state.phases import Phase
from streams.state.positions import OffsetGapError
from streams.state.profiles import ProfileCore
from streams.state.protocol import StateStore
from streams.state.store import Saved
from streams.worker.batch_run import Counts
from streams.worker.judge_agent import JudgeAgent
from streams.worker.kafka_sinks import KafkaSinks

KEYS = StateKeys("sixteen characters")
PRIOR = prior_reference(CoreConfig().reference)
HOUR_MS = 3_600_000


class Kept(NamedTuple):
    """A record as Kafka gives it."""

    offset: int
    value: bytes | None
    key: bytes | None = b"north"
    timestamp: int = 1_800_000_000_000
    headers: Sequence[tuple[str, bytes]] = ()


class Desk:
    """A judge agent whose posted records and counts lie open."""

    def __init__(self) -> None:
        """Begin at offset 0 of partition 0."""
        self.posted: list[Outgoing] = []
        self.refused_as: list[str] = []
        self.state_store: StateStore[Profile] = StateStore(
            ProfileCore(CoreConfig(), register=Register())
        )
        self.state_store.partition(0).store.partition_record = Saved(0, b"")
        self.agent = JudgeAgent(
            self.state_store,
            topic="events",
            limits=decode_limits(DecodeConfig(), CoreConfig().cohort),
            keys=KEYS,
            base=CoreConfig(),
            sinks=KafkaSinks("t"),
            poster=self,
            watcher=self,
            dead_letter_ratio_max=0.01,
        )

    def post(self, record: Outgoing) -> Durable:
        """Keep the record."""
        self.posted.append(record)
        return asyncio.Future(loop=_LOOP)

    def judged(self, position: RecordPosition, counts: Counts) -> None:
        """Count nothing."""

    def rejected(self, reject: Rejected, durable: Durable) -> None:
        """Keep the reason."""
        del durable
        self.refused_as.append(reject.reason.value)

    def happened(self, effect: Effect, position: RecordPosition, durable: Durable) -> None:
        """Count nothing."""

    def take(self, *records: Kept) -> int:
        """Judge consecutive records as one batch."""
        span = Span(records[0].offset, records[-1].offset + 1)
        return self.agent.handle(0, Batch(records, span))

    def profile(self, institution: str = "north") -> Profile:
        """Return a live profile."""
        found = self.state_store.partition(0).profile(institution, 10**9)
        assert found is not None
        return found


_LOOP = asyncio.new_event_loop()


@pytest.fixture(autouse=True, scope="module")
def _closed_loop() -> object:
    yield
    _LOOP.close()


def event(number: int, *, taken: int = 10, institution: str = "north") -> Kept:
    """Return the record of one event, an hour after the one before."""
    made = AccessEvent(
        id=f"e{number}",
        time=1_767_600_000_000 + number * HOUR_MS,
        institution=institution,
        dataset="imaging",
        participants=Participants(ranges=[(number * 1_000, number * 1_000 + taken - 1)]),
    )
    return Kept(number, encode(made), institution.encode())


def control(
    offset: int,
    value: bytes,
    *,
    kind: str = "reference",
    keys: StateKeys = KEYS,
    partition: int = 0,
) -> Kept:
    """Return a control record, signed."""
    made = control_record(kind, value, topic="events", partition=partition, key=b"all", keys=keys)
    return Kept(offset, made.value, made.key, headers=made.headers)


def reference(offset: int, version: str, *, day: int = 0) -> Kept:
    """Return a control record with a reference."""
    made: Reference = msgspec.structs.replace(PRIOR, version=version, day=day)
    return control(offset, encode_reference(made))


LOG = [
    *(event(n, institution="north" if n % 2 else "south") for n in range(20)),
    Kept(20, b"not json"),
    reference(21, "day-1"),
    *(event(n, taken=n * 900, institution="north" if n % 3 else "south") for n in range(22, 60)),
]


def whole(desk: Desk) -> tuple[list[Outgoing], list[bytes]]:
    """Return everything that came of the log."""
    return desk.posted, [dump(desk.profile(name)).main for name in ("north", "south")]


@given(cuts=st.sets(st.integers(1, len(LOG) - 1)))
@settings(max_examples=25)
def test_how_the_log_is_cut_into_batches_changes_nothing(cuts: set[int]) -> None:
    """Outputs and states are the same, byte for byte, whatever the batches."""
    one, many = Desk(), Desk()
    one.take(*LOG)
    bounds = [0, *sorted(cuts), len(LOG)]
    for first, last in itertools.pairwise(bounds):
        many.take(*LOG[first:last])
    assert whole(one) == whole(many)


def test_a_grab_is_posted_with_its_offset_noted() -> None:
    """The alert is on its way, and the state says that the event is in it."""
    desk = Desk()
    desk.take(*LOG)
    topics = {record.topic for record in desk.posted}
    assert {"t.alerts", "t.dead-letters", "t.summaries"} <= topics
    assert desk.state_store.partition(0).position == len(LOG)


def test_a_replayed_batch_is_skipped() -> None:
    """What a state contains is not judged again."""
    desk = Desk()
    desk.take(*LOG)
    before = whole(desk)
    assert desk.take(*LOG) == 0
    assert whole(desk) == before


def test_what_a_saved_state_contains_is_skipped_within_a_batch() -> None:
    """States may be further than the partition record; their next batch then begins before them."""
    straight, restarted = Desk(), Desk()
    straight.take(*LOG)
    restarted.take(*LOG[:10])
    checkpoint = restarted.state_store.begin_checkpoint()
    for phase in (Phase.PARTS, Phase.MAINS):
        restarted.state_store.saved(checkpoint.writes[phase])
    restarted.state_store.drop()
    # Neither the unreadable record nor the reference is judged.
    assert restarted.take(*LOG) == len(LOG) - 10 - 2
    assert whole(restarted)[1] == whole(straight)[1]


def test_a_batch_that_begins_too_late_raises() -> None:
    """A hole is never passed over."""
    with pytest.raises(OffsetGapError, match="records 0 to 4 of partition 0 were passed over"):
        Desk().take(event(5))


def test_a_refused_record_is_returned_as_it_came() -> None:
    """The dead letter holds the original bytes and key, and says where they came from."""
    desk = Desk()
    desk.take(Kept(0, b"\xff\x00", b"key"))
    (letter,) = desk.posted
    assert (letter.key, letter.value, letter.partition) == (b"key", b"\xff\x00", 0)
    assert ("headgate-offset", b"0") in letter.headers
    assert desk.refused_as == ["not_json"]


def fail(*_: object) -> tuple[Effect, ...]:
    """Be a core with a bug."""
    raise ZeroDivisionError


def test_a_failure_of_the_core_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop goes on, and nothing is lost."""
    monkeypatch.setattr(streams.worker.judge_agent, "judge", fail)
    desk = Desk()
    desk.take(event(0))
    assert desk.refused_as == ["core_failed"]
    assert desk.state_store.partition(0).position == 1


def test_a_core_that_fails_on_everything_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the configured share it is not one event that is wrong."""
    monkeypatch.setattr(streams.worker.judge_agent, "judge", fail)
    with pytest.raises(CoreError, match="the core failed on 10 of 10 events"):
        Desk().take(*(event(n) for n in range(10)))


def test_a_reference_holds_from_its_place_in_the_log() -> None:
    """A judge adopts it with the next event, and the partition record keeps it for a restart."""
    desk = Desk()
    desk.take(event(0), reference(1, "day-1"))
    assert desk.profile().reference.version == "prior"
    desk.take(event(2))
    assert desk.profile().reference.version == "day-1"
    context = desk.state_store.partition(0).context
    assert msgspec.json.decode(context, type=Reference).version == "day-1"


def test_a_restart_goes_on_under_the_reference_of_its_barrier() -> None:
    """What the log said before the partition record is not read again, but still holds."""
    desk = Desk()
    record = reference(0, "day-7")
    desk.state_store.partition(0).store.partition_record = Saved(5, record.value or b"")
    desk.take(event(5))
    assert desk.profile().reference.version == "day-7"


@pytest.mark.parametrize("value", [b"", b"{", b"{}", b"x" * 2_000_000])
def test_a_broken_control_record_is_refused(value: bytes) -> None:
    """It changes no reference and stops nobody."""
    desk = Desk()
    desk.take(control(0, value), event(1))
    assert len(desk.refused_as) == 1
    assert desk.profile().reference.version == "prior"


def test_an_unknown_control_record_is_refused() -> None:
    """A kind of a later version is kept in dead letters, not guessed."""
    desk = Desk()
    desk.take(control(0, b"{}", kind="new"))
    assert desk.refused_as == ["unknown_value"]


MADE = encode_reference(msgspec.structs.replace(PRIOR, version="forged", day=9))
SIGNED = control(0, MADE)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(Kept(0, MADE, headers=SIGNED.headers[:1]), id="without a signature"),
        pytest.param(control(0, MADE, keys=keys_from_text(None)), id="by another key"),
        pytest.param(control(0, MADE, partition=1), id="copied from another partition"),
        pytest.param(Kept(0, MADE + b" ", headers=SIGNED.headers), id="with changed bytes"),
        pytest.param(Kept(0, None, headers=SIGNED.headers), id="without its value"),
        pytest.param(
            Kept(0, MADE, headers=(("headgate-control", b"other"), SIGNED.headers[1])),
            id="as another kind",
        ),
        pytest.param(
            Kept(0, MADE, headers=(SIGNED.headers[0], ("headgate-signature", b""))),
            id="with an empty signature",
        ),
    ],
)
def test_a_control_record_that_is_not_signed_for_its_place_is_refused(forged: Kept) -> None:
    """Whoever may write events moves no threshold: a dead letter, counted by its reason."""
    desk = Desk()
    desk.take(forged, event(1))
    assert desk.refused_as == ["unsigned"]
    assert [letter.value for letter in desk.posted] == [forged.value]
    assert desk.profile().reference.version == "prior"


def test_an_older_reference_that_is_said_again_changes_nothing() -> None:
    """A copy of yesterday's record, signature and all, takes nothing back."""
    desk = Desk()
    desk.take(reference(0, "day-2", day=2), reference(1, "day-1", day=1), event(2))
    assert (desk.refused_as, desk.profile().reference.version) == ([], "day-2")

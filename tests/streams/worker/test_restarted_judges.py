"""Judges that begin anew: at states that are further than their partition, and before others."""

import itertools

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.config import CoreConfig
from detectors.instants import DAY_MS, HOUR_MS
from detectors.peers.reference import prior_reference
from detectors.snapshot import dump
from streams.control.partition_time import TIME, TimeMarker, encode_marker
from streams.control.records import control_record
from streams.control.reference_log import DayMissed, DayReference, ReferenceLog
from streams.ingest.codec import encode
from streams.state.phases import Phase
from tests.builders import KafkaRecord, taking
from tests.desks import KEYS, JudgeDesk, batch_of

PRIOR = prior_reference(CoreConfig().reference)
START_MS = 1_767_571_200_000
FIRST_DAY = START_MS // DAY_MS
SPELLINGS = ("north", "North", "NORTH")


def event(number: int, *, spelt: str = "north") -> KafkaRecord:
    """Return the record of one event, an hour after the one before."""
    at_ms = START_MS + number * HOUR_MS
    access = taking(number, first=number * 1_000, id=f"e{number}", time=at_ms, institution=spelt)
    return KafkaRecord(number, encode(access), b"north")


def marker(offset: int, *, day: int) -> KafkaRecord:
    """Return a marker that closes a day."""
    value = encode_marker(TimeMarker(at_ms=(day + 2) * DAY_MS))
    signed = control_record(TIME, value, topic="events", partition=0, key=b"all", keys=KEYS)
    return KafkaRecord(offset, signed.value, signed.key, headers=signed.headers)


def reference(day: int) -> DayReference:
    """Return the record of a day whose reference differs from all others."""
    usual = {group: (float(day),) * len(usual) for group, usual in PRIOR.usual.items()}
    replaced = msgspec.structs.replace(PRIOR, version=f"day-{day}", day=day, usual=usual)
    return DayReference(day=day, reference=replaced)


def desk_until(day: int) -> JudgeDesk:
    """Return judges who know the references of all days up to one."""
    desk = JudgeDesk()
    desk.reference_log = ReferenceLog(desk.file.reference)
    for known_day in range(FIRST_DAY, day + 1):
        desk.reference_log.apply(reference(known_day))
    desk.start()
    return desk


def test_a_state_ahead_of_its_partition_stays_under_the_reference_of_its_day() -> None:
    """The day that it has open is a later one than that to which the partition goes back."""
    straight, restarted = desk_until(FIRST_DAY + 9), desk_until(FIRST_DAY + 9)
    log = [event(number) for number in range(72)]
    straight.take(log)
    restarted.take(log[:10])
    restarted.save()
    restarted.take(log[10:50])
    checkpoint = restarted.state_store.begin_checkpoint(rewrite_count=0)
    for phase in (Phase.PARTS, Phase.MAINS):
        restarted.state_store.saved(checkpoint.writes[phase])
    restarted.state_store.drop()
    for first, last in itertools.pairwise((10, 20, 55, 60)):
        restarted.take(log[first:last])
    assert restarted.profile().reference.version == f"day-{FIRST_DAY + 2}"
    restarted.take(log[60:])
    assert dump(restarted.profile()).main == dump(straight.profile()).main
    assert restarted.values("t.summaries")[-1] == straight.values("t.summaries")[-1]


def test_a_state_begun_by_a_reference_keeps_it_whatever_is_missed_later() -> None:
    """A partition that had gone on without a few days, and then without others, loads the same."""
    desk = desk_until(FIRST_DAY)
    desk.reference_log.apply(DayMissed(partition=0, day=FIRST_DAY + 2))
    desk.reference_log.apply(reference(FIRST_DAY + 1))
    desk.reference_log.apply(DayMissed(partition=0, day=FIRST_DAY + 3))
    desk.take([event(0), event(1), event(2)._replace(value=event(75).value)])
    assert desk.profile().reference.version == f"day-{FIRST_DAY + 1}"
    desk.save()
    desk.start()
    desk.take([event(3)._replace(value=event(76).value)])
    assert desk.profile().reference.version == f"day-{FIRST_DAY + 1}"


def test_no_marker_ends_a_day_before_the_reference_of_the_saved_day_is_read() -> None:
    """A worker that has just started has read nothing of the references yet."""
    straight, restarted = desk_until(FIRST_DAY + 9), desk_until(FIRST_DAY + 9)
    log = [*(event(number) for number in range(30)), marker(30, day=FIRST_DAY + 1), event(31)]
    straight.take(log)
    restarted.take(log[:30])
    restarted.save()
    restarted.reference_log = ReferenceLog(restarted.file.reference)
    restarted.start()
    batch_run = restarted.agent.begin(0, batch_of(log[30:]))
    assert restarted.proceed(batch_run) == FIRST_DAY + 1
    assert restarted.state_store.partition(0).position == 30
    for day in range(FIRST_DAY, FIRST_DAY + 10):
        restarted.reference_log.apply(reference(day))
    assert restarted.proceed(batch_run) is None
    assert restarted.posted == straight.posted
    assert dump(restarted.profile()).main == dump(straight.profile()).main


@given(
    spelt=st.lists(st.tuples(st.sampled_from(SPELLINGS), st.booleans()), min_size=2, max_size=6),
    cuts=st.sets(st.integers(1, 5)),
)
@settings(max_examples=50)
def test_the_first_spelling_is_shown_wherever_batches_end(
    spelt: list[tuple[str, bool]], cuts: set[int]
) -> None:
    """Of a rejected record too, where an institution's first ones cannot be read."""
    log = []
    for number, (spelling, is_rejected) in enumerate(spelt):
        record = event(number, spelt=spelling)
        broken = (record.value or b"").replace(b'"time":', b'"at":')
        log.append(record._replace(value=broken) if is_rejected else record)
    desk = JudgeDesk()
    bounds = [0, *sorted(cut for cut in cuts if cut < len(log)), len(log)]
    for first, last in itertools.pairwise(bounds):
        desk.take(log[first:last])
    assert desk.profile().state.institution == spelt[0][0]

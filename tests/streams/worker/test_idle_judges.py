"""Judges that leave memory while they are idle judge as if they had stayed."""

from itertools import pairwise
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.instants import HOUR_MS
from detectors.snapshot import dump
from streams.ingest.codec import encode
from streams.state.packed_records import PackedRecords, SavedRecord
from tests.builders import KafkaRecord, taking
from tests.desks import JudgeDesk

START_MS: Final = 1_767_600_000_000


def log(who: list[int], *, step_hours: int) -> list[KafkaRecord]:
    """Return one event of each institution in turn; now and then one takes a great deal."""
    records = []
    for number, institution in enumerate(who):
        name = f"i{institution}"
        event = taking(
            50 + 40_000 * (number % 17 == 16),
            first=number * 700,
            id=f"e{number}",
            time=START_MS + number * step_hours * HOUR_MS,
            institution=name,
        )
        records.append(KafkaRecord(number, encode(event), name.encode()))
    return records


def judged(
    records: list[KafkaRecord], cuts: list[int], *, resident_max: int
) -> tuple[list[tuple[str, bytes | None]], dict[str, bytes]]:
    """Return all that was sent, and all states, with a checkpoint at each cut."""
    desk = JudgeDesk()
    partition = desk.state_store.partition(0)
    for start, end in pairwise([0, *cuts, len(records)]):
        desk.take(records[start:end])
        # Between changes and checkpoint nobody may go.
        partition.evict_idle(resident_max=resident_max, needed=lambda _: False)
        desk.save()
        partition.evict_idle(resident_max=resident_max, needed=lambda _: False)
        assert partition.resident_count <= max(resident_max, 1)
    names = {(record.key or b"").decode() for record in records}
    states = {name: dump(desk.profile(name)).main for name in sorted(names)}
    return [(record.topic, record.value) for record in desk.posted], states


@settings(max_examples=10, deadline=None)
@given(data=st.data(), step_hours=st.sampled_from([1, 7, 30]))
def test_alerts_summaries_and_states_are_the_same_bytes(
    data: st.DataObject, step_hours: int
) -> None:
    """With two judges in memory after each checkpoint, and with all of them."""
    who = data.draw(st.lists(st.integers(0, 7), min_size=20, max_size=60))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(who) - 1), max_size=6)))
    records = log(who, step_hours=step_hours)
    assert judged(records, cuts, resident_max=2) == judged(records, cuts, resident_max=100)


def test_who_is_needed_stays() -> None:
    """Whoever has an open incident is shown, however long nothing comes."""
    desk = JudgeDesk()
    desk.take(log([0, 1, 2, 3], step_hours=1))
    desk.save()
    partition = desk.state_store.partition(0)
    partition.evict_idle(
        resident_max=2, needed=lambda profile: profile.state.institution in ("i2", "i3", "i1")
    )
    assert [name for name, _ in partition.profiles()] == ["i1", "i2", "i3"]
    assert (list(partition.idle()), partition.institutions_count) == (["i0"], 4)


@given(
    records=st.dictionaries(
        st.text(max_size=5), st.builds(SavedRecord, st.integers(-1, 2**62), st.binary())
    )
)
def test_packed_records_are_the_records(records: dict[str, SavedRecord]) -> None:
    """Small or large, packed or not."""
    packed = PackedRecords()
    for name, saved in records.items():
        packed[name] = SavedRecord(0, b"before" * 900)
        packed[name] = saved
    assert dict(packed) == records
    assert {name: packed.offset(name) for name in records} == {
        name: saved.offset for name, saved in records.items()
    }

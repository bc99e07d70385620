from datetime import UTC, datetime, timedelta, timezone

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from detectors.config import CohortConfig, CoreConfig
from detectors.event import COUNT_MAX, AccessEvent, FieldCount, Participants, time_ms
from detectors.pipeline import judge, open_profile
from detectors.snapshot import dump, load
from streams.ingest.codec import DecodeConfig, check, decode, decode_limits, encode

POSITIONS = CoreConfig()
HUGE = CoreConfig(cohort=CohortConfig(size=2**40))
HASHED = CoreConfig(cohort=CohortConfig(size=2**40, participant_ids="hashed"))

EARLIEST_MS = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000
LATEST_MS = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1_000

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)
COUNTS = st.one_of(st.sampled_from([0, 1, 10**6, COUNT_MAX]), st.integers(0, COUNT_MAX))
ZONES = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
TIMES = st.one_of(
    st.integers(EARLIEST_MS, LATEST_MS),
    st.sampled_from([EARLIEST_MS, LATEST_MS]),
    st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=ZONES),  # noqa: DTZ001
)
# Times that no codec admits, for a judge fed by another hand.
RAW_TIMES = st.integers(-(10**15), 10**15) | st.sampled_from([-1, 0, 2**53])


@st.composite
def ranges_below(draw: st.DrawFn, size: int) -> list[tuple[int, int]]:
    """Return ranges in any order, apart from one another, up to the whole cohort."""
    # The ends of the cohort are where arithmetic goes wrong.
    ends = st.integers(0, size - 1) | st.sampled_from([0, size - 1])
    bounds = sorted(draw(st.sets(ends, max_size=8)))
    pairs = list(zip(bounds[::2], bounds[1::2], strict=False))
    return draw(st.permutations(pairs)) if pairs else [(size // 2, size // 2)]


def participants_of(config: CoreConfig) -> st.SearchStrategy[Participants | None]:
    """Return every way to say whose data left that the codec admits under `config`."""
    size = config.cohort.size
    hashed = config.cohort.participant_ids == "hashed"
    largest = (2**64 if hashed else size) - 1
    ids = st.integers(0, largest) | st.sampled_from([0, largest])
    ways: list[st.SearchStrategy[Participants | None]] = [
        st.none(),
        st.builds(Participants, ids=st.lists(ids, max_size=20)),
        st.builds(Participants, count=st.integers(0, size) | st.just(size)),
    ]
    if not hashed:
        ways.append(st.builds(Participants, ranges=ranges_below(min(size, 2**32))))
        positions = st.sets(st.integers(0, min(size, 2**32) - 1), max_size=20)
        ways.append(positions.map(lambda members: Participants(bitmap=BitMap(members).serialize())))
    return st.one_of(ways)


def events_of(
    config: CoreConfig, times: st.SearchStrategy[int | datetime]
) -> st.SearchStrategy[AccessEvent]:
    """Return any event of one institution."""
    return st.builds(
        AccessEvent,
        id=TEXT,
        time=times,
        institution=st.just("north"),
        project=st.none() | TEXT,
        user=st.none() | TEXT,
        action=st.sampled_from(["download", "query", "export"]),
        dataset=TEXT,
        bytes=COUNTS,
        rows=COUNTS,
        files=COUNTS,
        participants=participants_of(config),
        fields=st.none() | st.lists(TEXT, max_size=4) | st.builds(FieldCount, count=COUNTS),
        outcome=st.sampled_from(["success", "success", "denied", "error"]),
        source_ip=st.none() | TEXT,
        client=st.none() | TEXT,
        destination=st.none() | TEXT,
        query_hash=st.none() | TEXT,
    )


def judge_and_save(config: CoreConfig, events: list[AccessEvent]) -> bytes:
    """Judge `events`; the state must be savable and readable after each. Return the last one."""
    profile = open_profile("north", config=config)
    for event in events:
        effects = judge(profile, event)
        msgspec.msgpack.encode(effects)
        snapshot = dump(profile)
        profile = load(snapshot.main, parts=snapshot.parts, config=config)
        assert dump(profile) == snapshot
    return dump(profile).main


def judge_saved_and_unsaved(config: CoreConfig, events: list[AccessEvent]) -> None:
    """Judge `events` twice: whether the state is saved on the way must not matter."""
    unsaved = open_profile("north", config=config)
    for event in events:
        judge(unsaved, event)
    assert dump(unsaved).main == judge_and_save(config, events)


@given(events=st.lists(events_of(POSITIONS, TIMES), max_size=8))
def test_any_event_that_the_codec_admits_is_judged(events: list[AccessEvent]) -> None:
    """Whatever passes the codec, the judge stands it, and its state can be saved and read."""
    limits = decode_limits(DecodeConfig(), POSITIONS.cohort)
    for event in events:
        assert check(event, time_ms(event), limits) is None
        assert decode(encode(event), limits=limits) == event
    judge_saved_and_unsaved(POSITIONS, events)


@given(events=st.lists(events_of(HUGE, TIMES), max_size=8))
def test_a_cohort_as_large_as_configuration_allows_is_judged(events: list[AccessEvent]) -> None:
    """A million million participants are only larger numbers."""
    judge_saved_and_unsaved(HUGE, events)


@given(events=st.lists(events_of(HASHED, TIMES), max_size=8))
def test_hashed_participants_are_judged(events: list[AccessEvent]) -> None:
    """All 64 bits of a participant's hash count."""
    judge_saved_and_unsaved(HASHED, events)


@given(events=st.lists(events_of(POSITIONS, RAW_TIMES), max_size=8))
def test_times_outside_the_calendar_do_not_end_the_judge(events: list[AccessEvent]) -> None:
    """Before the epoch or after the sun: the codec refuses them, the judge stands them."""
    judge_and_save(POSITIONS, events)


@given(
    count=st.integers(1, 80),
    huge=st.sampled_from(
        [
            {"bytes": COUNT_MAX, "rows": COUNT_MAX},
            {"participants": Participants(count=500_000), "fields": FieldCount(count=COUNT_MAX)},
            {"participants": Participants(ranges=[(0, 499_999)])},
        ]
    ),
)
def test_the_same_huge_event_over_and_over_is_judged(count: int, huge: dict[str, object]) -> None:
    """Sums of the largest amounts still fit a saved state: no event is a poison."""
    start = AccessEvent(id="0", time=EARLIEST_MS, institution="north", dataset="imaging")
    events = [
        msgspec.structs.replace(start, id=str(number), time=EARLIEST_MS + number, **huge)
        for number in range(count)
    ]
    judge_saved_and_unsaved(POSITIONS, events)

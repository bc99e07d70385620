"""Step 1: whatever bytes come, an event within the limits or a dead_letter; never anything else."""

import base64

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from pyroaring import BitMap

from detectors.config import CohortConfig
from detectors.event import AccessEvent, time_ms
from detectors.features.participant_sets import bitmap_of
from streams.ingest.codec import DecodeConfig, decode, decode_limits, encode
from streams.ingest.headers import Headers
from streams.ingest.rejects import DETAIL_LENGTH_MAX, Rejected
from streams.ingest.roaring import bitmap_problem

COHORT = 200_000
LIMITS = decode_limits(DecodeConfig(event_bytes_max=16_384), CohortConfig(size=COHORT))
GOOD = [
    b'{"id":"e","time":1775044800000,"institution":"i","dataset":"d"}',
    (
        b'{"id":"e","time":"2026-04-01T12:00:00.5+02:00","institution":"i","project":"p","user":"u",'
        b'"action":"query","dataset":"d","bytes":12,"rows":3,"files":1,'
        b'"participants":{"ranges":[[1,20],[40,40]]},"fields":["a","b"],"outcome":"denied"}'
    ),
    b'{"id":"e","time":1775044800000,"institution":"i","dataset":"d","participants":{"ids":[1]}}',
    (
        b'{"specversion":"1.0","id":"c","source":"s","type":"t","time":"2026-04-01T12:00:00Z",'
        b'"data":{"institution":"i","dataset":"d","fields":{"count":3}}}'
    ),
    b'{"id":"e","time":1775044800000,"institution":"i","dataset":"d","participants":{"bitmap":"'
    + base64.b64encode(BitMap([1, 2, 3, 70_000]).serialize())
    + b'"}}',
]
SETS = (
    BitMap(),
    BitMap([0]),
    BitMap(range(10)),
    BitMap(range(0, 9_000, 2)),
    BitMap(range(0, 200_000, 3)),
    BitMap([5, 70_000, 140_000, 199_999]),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
keys = st.sampled_from([*AccessEvent.__struct_fields__, "specversion", "data"])
participants = st.dictionaries(
    st.sampled_from(["ids", "ranges", "bitmap", "count"]),
    json_values
    | st.lists(st.integers(min_value=-5, max_value=COHORT + 5))
    | st.lists(st.lists(st.integers(min_value=-5, max_value=COHORT + 5), max_size=3)),
    max_size=2,
)
headers = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "ce_id", "ce_specversion", "ce_source", "ce_type", "x"])
        | st.text(max_size=5),
        st.none()
        | st.sampled_from([b"1.0", b"application/cloudevents+json", b"application/json", b"a"])
        | st.binary(max_size=8),
    ),
    max_size=6,
)


def assert_bounded(
    raw: bytes | None, *, of: Headers = (), key: bytes | None = None, at_ms: int | None = None
) -> None:
    """Decode, and check all that may be relied on afterwards."""
    result = decode(raw, limits=LIMITS, headers=of, kafka_time_ms=at_ms)
    if isinstance(result, Rejected):
        assert len(result.detail) <= DETAIL_LENGTH_MAX
        return
    assert LIMITS.earliest_ms <= time_ms(result) <= LIMITS.latest_ms
    assert 1 <= len(result.id) <= 128
    assert 1 <= len(result.institution.encode()) <= 512
    assert min(result.bytes, result.rows, result.files) >= 0
    if key is not None:
        assert key == result.institution.encode()
    if result.participants is not None:
        named = bitmap_of(result.participants)
        assert named is None or not named or named.max() < COHORT
    # What was accepted can be sent on, and says the same again.
    assert decode(encode(result), limits=LIMITS) == result


@given(raw=st.none() | st.binary(max_size=300), of=headers, key=st.none() | st.binary(max_size=3))
def test_any_bytes(raw: bytes | None, of: Headers, key: bytes | None) -> None:
    """With any headers and any key."""
    assert_bounded(raw, of=of, key=key, at_ms=0)


@given(document=json_values, of=headers)
def test_any_json(document: object, of: Headers) -> None:
    """Of any shape."""
    assert_bounded(msgspec.json.encode(document), of=of)


@given(
    base=st.sampled_from(GOOD[:3]),
    changes=st.dictionaries(keys, json_values, max_size=4),
    taken=st.none() | participants,
    of=headers,
)
def test_any_value_under_any_key_of_a_good_event(
    base: bytes, changes: dict[str, object], taken: object, of: Headers
) -> None:
    """The nearest that a wrong producer comes."""
    document = msgspec.json.decode(base) | changes
    if taken is not None:
        document["participants"] = taken
    assert_bounded(msgspec.json.encode(document), of=of)


@given(
    base=st.sampled_from(GOOD),
    edits=st.lists(
        st.tuples(st.integers(min_value=0, max_value=400), st.binary(max_size=3)), max_size=4
    ),
    of=headers,
)
def test_a_good_event_with_a_few_bytes_changed(
    base: bytes, edits: list[tuple[int, bytes]], of: Headers
) -> None:
    """Overwritten, inserted or cut."""
    raw = bytearray(base)
    for place, piece in edits:
        raw[place % len(raw) : place % len(raw) + 1] = piece
        raw = raw or bytearray(b"{")
    assert_bounded(bytes(raw), of=of)


@given(
    base=st.sampled_from(SETS),
    runs=st.booleans(),
    edits=st.lists(
        st.tuples(st.integers(min_value=0, max_value=60_000), st.integers(0, 255)), max_size=6
    ),
    cut=st.integers(min_value=0, max_value=12),
)
@example(base=BitMap(), runs=False, edits=[], cut=0)
def test_a_bitmap_that_passes_the_check_is_safe_and_says_what_it_holds(
    base: BitMap, *, runs: bool, edits: list[tuple[int, int]], cut: int
) -> None:
    """A few bytes changed near the head or anywhere: sound, or rejected before it is opened."""
    values = base.copy()
    if runs:
        values.run_optimize()
    raw = bytearray(values.serialize())
    for place, byte in edits:
        # Half of the edits fall into the header, where they matter most.
        raw[place % min(len(raw), 32) if place % 2 else place % len(raw)] = byte
    whole = bytes(raw[: len(raw) - cut])
    if bitmap_problem(whole, end=COHORT) is not None:
        return
    opened = BitMap.deserialize(whole)
    listed = list(opened)
    assert listed == sorted(set(listed))
    assert len(listed) == len(opened)
    assert not listed or listed[-1] < COHORT
    assert BitMap(listed) == opened


@given(raw=st.binary(max_size=64))
def test_a_bitmap_of_noise_is_rejected_or_sound(raw: bytes) -> None:
    """With each of the two cookies before it, too."""
    for whole in (raw, b"\x3a\x30\x00\x00" + raw, b"\x3b\x30" + raw):
        if bitmap_problem(whole, end=2**32) is None:
            assert list(BitMap.deserialize(whole)) == sorted(BitMap.deserialize(whole))


@given(values=st.sets(st.integers(min_value=0, max_value=COHORT - 1)), optimised=st.booleans())
def test_every_honest_bitmap_passes(values: set[int], *, optimised: bool) -> None:
    """Whatever it holds and however it is packed."""
    honest = BitMap(values)
    if optimised:
        honest.run_optimize()
    assert bitmap_problem(honest.serialize(), end=COHORT) is None


@given(spans=st.lists(st.tuples(st.integers(0, COHORT - 1), st.integers(1, 9_000)), max_size=6))
def test_every_honest_bitmap_of_spans_passes(spans: list[tuple[int, int]]) -> None:
    """Runs, arrays and bitsets beside one another."""
    honest = BitMap()
    for first, length in spans:
        honest |= BitMap(range(first, min(first + length, COHORT)))
    assert bitmap_problem(honest.serialize(), end=COHORT) is None
    honest.run_optimize()
    assert bitmap_problem(honest.serialize(), end=COHORT) is None

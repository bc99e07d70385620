"""How deep a message may nest, exactly, whatever its brackets and its texts."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.event import AccessEvent
from streams.ingest.codec import decode
from streams.ingest.headers import Headers
from streams.ingest.lenient_json import text_under
from streams.ingest.nesting import NESTING_MAX, nesting_problem
from streams.ingest.rejects import Rejected, RejectReason
from tests.streams.ingest.raw_events import LIMITS, with_text

RUNS = st.lists(st.tuples(st.sampled_from("[{]}"), st.integers(1, 210)), min_size=1, max_size=8)


def test_brackets_inside_texts_are_no_nesting() -> None:
    """Nor does a text hide any."""
    text = '"' + "[{" * 1_000 + r"\"" + '"'
    assert isinstance(decode(with_text(f'"x":{text}'), limits=LIMITS), AccessEvent)
    hidden = with_text(f'"x":"{"]" * 300}","y":{"[" * 300}{"]" * 300}')
    rejected = decode(hidden, limits=LIMITS)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == RejectReason.NESTING_TOO_DEEP


@pytest.mark.parametrize("headers", [(), ((b"trace", b"1"),)])
def test_what_nests_too_deeply_is_told_of_its_institution(headers: Headers) -> None:
    """Many such messages of one institution are an alert about it."""
    rejected = decode(with_text('"x":' + "[" * 600 + "]" * 600), LIMITS, headers)
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, rejected.institution) == (
        RejectReason.NESTING_TOO_DEEP,
        text_under(with_text('"x":1'), "institution"),
    )
    assert rejected.institution


@pytest.mark.parametrize(("depth", "good"), [(NESTING_MAX - 1, True), (NESTING_MAX, False)])
def test_the_limit_of_nesting_is_exact(depth: int, *, good: bool) -> None:
    """The event itself is the first level; what the caller's stack holds has no influence."""
    result = decode(with_text('"x":' + "[" * depth + "]" * depth + ',"y":[],"z":{}'), limits=LIMITS)
    assert isinstance(result, AccessEvent) is good


@given(runs=RUNS, closed=st.booleans())
def test_nesting_is_what_a_walk_through_the_brackets_finds(
    runs: list[tuple[str, int]], *, closed: bool
) -> None:
    """Whatever the brackets, in one pass."""
    raw = "".join(bracket * count for bracket, count in runs)
    depths = list(accumulate(1 if bracket in "[{" else -1 for bracket in raw))
    if closed and depths[-1] > 0:
        raw += "]" * depths[-1]
        depths.append(0)
    reason = None
    if depths[-1] != 0 or min(depths) < 0:
        reason = RejectReason.NOT_JSON
    elif max(depths) > NESTING_MAX:
        reason = RejectReason.NESTING_TOO_DEEP
    problem = nesting_problem(raw.encode())
    # Too few to nest deeply are left to the decoder, whether they are in order or not.
    few = raw.count("[") + raw.count("{") <= NESTING_MAX
    assert (problem and problem.reason) == (None if few else reason)

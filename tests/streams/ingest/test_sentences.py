"""msgspec's sentences, by which rejects are labelled: each is still said, and means what we say."""

import msgspec
import pytest

from detectors.event import AccessEvent
from streams.ingest.codec import SENTENCES, reason_of
from streams.ingest.rejects import RejectReason

EVENT = {"id": "e", "time": 1, "institution": "north", "dataset": "imaging"}
# What the sentence of each row of the table is said of.
MISTAKES: dict[str, dict[str, object]] = {
    "enum value": {"action": "steal"},
    "missing required field": {"fields": {}},
    "RFC3339": {"time": "yesterday"},
    "timezone component": {"time": "2026-04-01T12:00:00"},
    "base64": {"participants": {"bitmap": "?"}},
    "`array` of length": {"participants": {"ranges": [[1]]}},
    ", got `": {"bytes": "many"},
    "of length": {"id": ""},
    "`int` >=": {"bytes": -1},
    "`int` <=": {"bytes": 2**53 + 1},
    "out of range": {"bytes": 1e308},
}


def sentence_of(changes: dict[str, object]) -> str:
    """Return what msgspec says of an event with a mistake."""
    raw = msgspec.json.encode(EVENT | changes).replace(b"1e308", b"1e999")
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(raw, type=AccessEvent)
    return str(refused.value)


@pytest.mark.parametrize(("part", "reason"), SENTENCES)
def test_a_label_follows_from_what_msgspec_really_says(part: str, reason: RejectReason) -> None:
    """Another release with other words would turn one label into another without an error."""
    sentence = sentence_of(MISTAKES[part])
    assert part in sentence
    assert reason_of(sentence) is reason


@pytest.mark.parametrize("part", MISTAKES)
def test_a_producer_cannot_choose_the_label(part: str) -> None:
    """The sentence about an unknown value quotes it, whatever it says."""
    assert reason_of(sentence_of({"action": part})) is RejectReason.UNKNOWN_VALUE

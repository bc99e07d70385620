"""Whatever bytes lie on a topic of ours end as a reject or an error that is awaited."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import pytest

from detectors.response.decoding import decode_json
from detectors.response.entries import parse_entry
from streams.response.alert_outcomes import outcomes_in
from streams.sinks.alert_reader import read_alert, read_finding
from streams.sinks.cloudevent import cloudevent, read_cloudevent
from streams.sinks.suspensions import suspension_of
from tests.desks import AgentDesk, CollusionDesk, OnePartitionGroup
from tests.streams.worker.reference_desk import ReferenceDesk

DEPTH: Final = 100_000
DEEP: Final = b'{"a":' * DEPTH + b"1" + b"}" * DEPTH
HOSTILE: Final = {
    "no UTF-8": b'{"specversion":"\xff"}',
    "noise": b"\xff",
    "deep objects": DEEP,
    "deep arrays": b"[" * DEPTH + b"]" * DEPTH,
    "never closed": b"[" * DEPTH,
    "half a surrogate": rb'{"specversion":"\ud800"}',
}


def enveloped(data: bytes) -> bytes:
    """Return data in an envelope of ours, whatever it is."""
    whole = cloudevent(event_id="e", kind="k", subject="s", at_ms=0, data=b"DATA")
    return whole.replace(b"DATA", data)


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    "read",
    [
        read_alert,
        lambda raw: read_alert(enveloped(raw)),
        read_finding,
        read_cloudevent,
        suspension_of,
        lambda raw: suspension_of(enveloped(raw)),
        parse_entry,
        lambda raw: decode_json(raw, kind=dict[str, object]),
    ],
    ids=["alerts", "alerts, within", "findings", "envelopes", "suspensions", "suspensions, within",
         "audit", "anything"],
)  # fmt: skip
def test_no_reader_raises_anything_but_its_one_error(
    read: Callable[[bytes], object], raw: bytes
) -> None:
    """Whoever may write to a topic must not end who reads it."""
    with pytest.raises(msgspec.DecodeError):
        read(raw)


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_an_audit_is_read_past_what_is_no_entry(raw: bytes) -> None:
    """Somebody else's record; `audit verify` tells of it."""
    assert outcomes_in([raw]) == {}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("make", [CollusionDesk, ReferenceDesk], ids=["holdings", "summaries"])
def test_an_agent_goes_on_after_bytes_that_are_nothing(
    make: Callable[[OnePartitionGroup], AgentDesk], raw: bytes
) -> None:
    """They are dead letters, or logged."""
    desk = make(OnePartitionGroup(committed=0))

    async def scenario() -> None:
        await desk.agent.recovery_complete()
        await desk.give(raw, first=0)
        await desk.give(raw, first=1)

    # Nothing is raised.
    asyncio.run(scenario())

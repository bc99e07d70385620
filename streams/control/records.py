"""Control records: what every judge of a partition must see, in the partition's own order.

They lie among the access events, one in each partition, so that a judge's state stays a function
of its partition's log: the worker and a replay of the topic follow them at the same event.

Many may write events, and none of them may move a threshold. So each control record is signed, by
the key that signs states, for its kind and its place; what is not signed is rejected as any event.
"""

from typing import Annotated, Final, Protocol

import msgspec
from msgspec import Meta, Struct

from detectors.config import CoreConfig
from detectors.config_schedule import Scheduled
from detectors.event import AccessEvent, UnreadEvent
from detectors.feedback import Feedback
from detectors.register import Registered
from detectors.response.decoding import json_decoder
from streams.control.config_record import CONFIG, decode_scheduled
from streams.control.partition_time import TIME, TimeMarker, decode_marker
from streams.ingest.headers import Headers, header_value
from streams.ingest.rejects import Rejected, RejectReason, rejected
from streams.kafka.records import OutgoingRecord
from streams.state.envelope import StateKeys, framed

CONTROL_HEADER: Final = "headgate-control"
SIGNATURE_HEADER: Final = "headgate-signature"
INSTRUCTION: Final = "instruction"

_KEY_ID_BYTES: Final = 4


class Instruction(Struct, frozen=True, kw_only=True):
    """What the recorder tells the judge of one institution: its register entry, or feedback."""

    sequence: Annotated[int, Meta(description="of the audit; a repeat of it has no effect")]
    body: Registered | Feedback


# What a control record tells all judges of its partition.
ControlMessage = Instruction | Scheduled | TimeMarker
# What a topic of access events records besides what is rejected.
OnRecord = AccessEvent | UnreadEvent | ControlMessage


class ControlRecord(Struct, frozen=True, kw_only=True, gc=False):
    """A control record whose signature is ours."""

    kind: str
    value: bytes


_instruction_decoder: Final = json_decoder(Instruction)


class _Read(Protocol):
    @property
    def value(self) -> bytes | None:
        """Its value."""

    @property
    def headers(self) -> Headers:
        """Its headers."""


def control_kind(headers: Headers) -> str | None:
    """Return what kind of control record these headers announce, None for an event."""
    kind = header_value(headers, CONTROL_HEADER)
    return None if kind is None else kind.decode(errors="replace")


def control_record(
    kind: str, value: bytes, *, topic: str, partition: int, key: bytes, keys: StateKeys
) -> OutgoingRecord:
    """Return a control record, signed for its place."""
    signed = _signed(kind.encode(), value, topic=topic, partition=partition)
    return OutgoingRecord(
        topic=topic,
        key=key,
        value=value,
        partition=partition,
        headers=(
            (CONTROL_HEADER, kind.encode()),
            (SIGNATURE_HEADER, keys.signing_id + keys.sign(signed)),
        ),
    )


def read_control(
    record: _Read, *, topic: str, partition: int, keys: StateKeys
) -> ControlRecord | Rejected:
    """Return what a control record says, if it is signed for where it lies."""
    kind = header_value(record.headers, CONTROL_HEADER) or b""
    value = record.value or b""
    signature = header_value(record.headers, SIGNATURE_HEADER) or b""
    signed = _signed(kind, value, topic=topic, partition=partition)
    if not keys.check(signature[:_KEY_ID_BYTES], signed, signature[_KEY_ID_BYTES:]):
        name = kind.decode(errors="replace")
        detail = f"a control record of kind {name!r} that no key of ours has signed for this place"
        return rejected(RejectReason.UNSIGNED, detail)
    return ControlRecord(kind=kind.decode(), value=value)


def decode_control(
    record: _Read, *, topic: str, partition: int, keys: StateKeys, base: CoreConfig
) -> ControlMessage | Rejected:
    """Return what a control record tells judges whose file says `base`, or why it tells nothing."""
    control = read_control(record, topic=topic, partition=partition, keys=keys)
    if isinstance(control, Rejected):
        return control
    if control.kind == TIME:
        return decode_marker(control.value)
    if control.kind == INSTRUCTION:
        return decode_instruction(control.value)
    if control.kind == CONFIG:
        return decode_scheduled(control.value, base=base)
    detail = f"no control record of kind {control.kind!r} is known"
    return rejected(RejectReason.UNKNOWN_VALUE, detail)


def encode_instruction(instruction: Instruction) -> bytes:
    """Return an instruction as the value of a control record; the same one, the same bytes."""
    return msgspec.json.encode(instruction, order="sorted")


def decode_instruction(raw: bytes) -> Instruction | Rejected:
    """Return the instruction in a control record, or why there is none."""
    try:
        return _instruction_decoder(raw)
    except msgspec.DecodeError as error:
        return rejected(RejectReason.WRONG_TYPE, f"instruction: {error}")


def _signed(kind: bytes, value: bytes, *, topic: str, partition: int) -> bytes:
    return framed(b"headgate control", topic.encode(), b"%d" % partition, kind) + value

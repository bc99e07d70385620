"""Step 1 of 7: CloudEvents on Kafka, structured or binary -> the bytes of the canonical event.

The mode follows from the headers alone: structured when `content-type` begins with
`application/cloudevents`, binary when there are `ce_` headers; otherwise it is no CloudEvent.

Source: CloudEvents 1.0.2, "Kafka Protocol Binding"; it knows no batches.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from streams.ingest.headers import Headers
from streams.ingest.rejects import Rejected, RejectReason, rejected

_CONTENT_TYPE: Final = "content-type"
_PREFIX: Final = "ce_"
_STRUCTURED: Final = "application/cloudevents"
_STRUCTURED_JSON: Final = "application/cloudevents+json"
_REQUIRED: Final = ("specversion", "id", "source", "type")
_SPEC_VERSION: Final = "1.0"

_Text = Annotated[str, Meta(min_length=1)]


class Envelope(Struct, frozen=True, kw_only=True):
    """A structured CloudEvent, as far as it matters here; extensions are let through."""

    specversion: _Text
    id: _Text
    source: _Text
    type: _Text
    time: str | None = None
    data: Raw = Raw(b"")
    data_base64: bytes | None = None


class Payload(Struct, frozen=True, kw_only=True):
    """The event inside, and what its envelope knows where the event says nothing."""

    raw: bytes
    defaults: dict[str, str]


_envelopes: Final = msgspec.json.Decoder(Envelope)
_objects: Final = msgspec.json.Decoder(dict[str, Raw])


def payload_of(raw: bytes, headers: Headers) -> Payload | Rejected | None:
    """Return the event inside a CloudEvent, why it is none, or None for a plain message."""
    own_headers = {
        name.lower(): value or b""
        for name, value in headers
        if name[:3].lower() == _PREFIX or name.lower() == _CONTENT_TYPE
    }
    if not own_headers:
        return None
    content_type = own_headers.pop(_CONTENT_TYPE, b"").decode("utf-8", "replace").strip().lower()
    if content_type.startswith(_STRUCTURED):
        return _structured(raw, media_type=content_type.partition(";")[0].strip())
    return _binary(raw, own_headers, content_type=content_type) if own_headers else None


def completed(payload: Payload) -> bytes | None:
    """Return the event with the envelope's `id` and `time` where it has none of its own.

    >>> completed(Payload(raw=b'{"time":1}', defaults={"id": "a", "time": "2026-04-01T00:00:00Z"}))
    b'{"id":"a","time":1}'
    """
    try:
        own = _objects.decode(payload.raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return msgspec.json.encode({**payload.defaults, **own})


def _structured(raw: bytes, *, media_type: str) -> Payload | Rejected:
    if media_type != _STRUCTURED_JSON:
        return _invalid(f"expected {_STRUCTURED_JSON}, got {media_type!r}")
    try:
        envelope = _envelopes.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _invalid(f"not a structured CloudEvent, as its content-type says: {error}")
    if envelope.specversion != _SPEC_VERSION:
        return _invalid(f"expected specversion {_SPEC_VERSION}, got {envelope.specversion!r}")
    inside = bytes(envelope.data) if envelope.data_base64 is None else envelope.data_base64
    if not inside or inside == b"null":
        return _invalid("a structured CloudEvent without data")
    return Payload(raw=inside, defaults=_defaults(envelope.id, envelope.time))


def _binary(
    raw: bytes, own_headers: Mapping[str, bytes], *, content_type: str
) -> Payload | Rejected:
    media_type = content_type.partition(";")[0].strip()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        return _invalid(f"expected JSON data, got {media_type!r}")
    try:
        attributes = {
            name.removeprefix(_PREFIX): value.decode() for name, value in own_headers.items()
        }
    except UnicodeDecodeError:
        return _invalid("a ce_ header that is not UTF-8")
    missing = [name for name in _REQUIRED if not attributes.get(name)]
    if missing:
        return _invalid(f"expected the header {_PREFIX}{missing[0]}")
    if attributes["specversion"] != _SPEC_VERSION:
        return _invalid(f"expected specversion {_SPEC_VERSION}, got {attributes['specversion']!r}")
    return Payload(raw=raw, defaults=_defaults(attributes["id"], attributes.get("time")))


def _defaults(event_id: str, time: str | None) -> dict[str, str]:
    return {"id": event_id} if time is None else {"id": event_id, "time": time}


def _invalid(detail: str) -> Rejected:
    return rejected(RejectReason.CLOUDEVENTS_INVALID, detail)

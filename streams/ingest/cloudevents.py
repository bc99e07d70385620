"""Step 1 of 7: CloudEvents on Kafka, structured or binary -> the bytes of the canonical event.

The mode follows from the headers alone: structured when `content-type` begins with
`application/cloudevents`, binary when there are `ce_` headers; otherwise it is no CloudEvent.

Source: CloudEvents 1.0.2, "Kafka Protocol Binding"; it knows no batches.
"""

from collections.abc import Mapping
from hashlib import blake2b
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
# As long as an event's id may be.
_ID_MAX: Final = 128

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


def identity_in_source(source: str, event_id: str) -> str:
    """Return an id as it is unique: by itself it is so within its source only.

    >>> identity_in_source("/portal", "17")
    '/portal 17'
    """
    joined = f"{source} {event_id}"
    # A source is a URI, without blanks.
    if len(joined) <= _ID_MAX and " " not in source:
        return joined
    return blake2b(f"{source}\0{event_id}".encode("utf-8", "replace"), digest_size=16).hexdigest()


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


def unannounced(raw: bytes) -> Payload | None:
    """Return the event inside a structured CloudEvent that no header announces.

    So do SDKs that write `application/json`, and lines of files, which have no headers. None where
    it is none, or says itself whose event it is: then it is a plain one with other keys.
    """
    try:
        own = _objects.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if "institution" in own or not own.keys() >= {"specversion", "id", "source", "type"}:
        return None
    payload = _structured(raw, media_type=_STRUCTURED_JSON)
    return payload if isinstance(payload, Payload) else None


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
    event_id = identity_in_source(envelope.source, envelope.id)
    return Payload(raw=inside, defaults=_defaults(event_id, envelope.time))


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
    event_id = identity_in_source(attributes["source"], attributes["id"])
    return Payload(raw=raw, defaults=_defaults(event_id, attributes.get("time")))


def _defaults(event_id: str, time: str | None) -> dict[str, str]:
    return {"id": event_id} if time is None else {"id": event_id, "time": time}


def _invalid(detail: str) -> Rejected:
    return rejected(RejectReason.CLOUDEVENTS_INVALID, detail)

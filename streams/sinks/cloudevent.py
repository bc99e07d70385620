"""Step 7 of 7: data -> a CloudEvent around it, in structured mode; and the data back."""

from typing import Final

import msgspec

from detectors.instants import rfc3339
from streams.ingest.headers import Headers

CLOUDEVENT_HEADERS: Final[Headers] = (
    ("content-type", b"application/cloudevents+json; charset=UTF-8"),
)


def cloudevent(*, event_id: str, kind: str, subject: str, at_ms: int, data: bytes) -> bytes:
    """Return the envelope around `data`, which is JSON and stays as it is, byte for byte."""
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": "/headgate",
            "type": kind,
            "subject": subject,
            "time": rfc3339(at_ms),
            "datacontenttype": "application/json",
            "data": msgspec.Raw(data),
        }
    )


def data_of(raw: bytes) -> msgspec.Raw:
    """Return the data in an envelope of ours, byte for byte.

    Raises:
        msgspec.DecodeError: it is no envelope.
    """
    return _decode(raw).data


class _Envelope(msgspec.Struct, frozen=True):
    data: msgspec.Raw


_decode: Final = msgspec.json.Decoder(_Envelope).decode

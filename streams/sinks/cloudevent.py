"""Step 7 of 7: data -> a CloudEvent around it, in structured mode; and the data back."""

from typing import Final

import msgspec

from detectors.instants import rfc3339
from detectors.response.decoding import json_decoder
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


class CloudEvent(msgspec.Struct, frozen=True):
    """What is read back of one of ours; the data byte for byte."""

    id: str
    data: msgspec.Raw


_decode: Final = json_decoder(CloudEvent)


def read_cloudevent(raw: bytes) -> CloudEvent:
    """Return the event that `cloudevent` made.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _decode(raw)

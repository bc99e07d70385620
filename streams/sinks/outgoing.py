"""Step 7 of 7: what a sink makes: a record that is not on its way yet."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

Headers = Sequence[tuple[str, bytes | None]]

CLOUDEVENT_HEADERS: Final[Headers] = (
    ("content-type", b"application/cloudevents+json; charset=UTF-8"),
)


class OutgoingRecord(Struct, frozen=True, kw_only=True):
    """A record for a topic; its bytes are a function of the effect alone."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

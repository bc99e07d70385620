"""Step 1 of 7: a key that an object gives more than once -> all its values, to choose from."""

import re
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from detectors.event import AccessEvent

_WAYS: Final = (b'"ids"', b'"ranges"', b'"bitmap"', b'"count"')
_SAYS_NOTHING: Final[tuple[object, ...]] = (None, "", [], {})
# Of the key of the people and the key of the way they are given in.
_QUOTES_OF_ONE_WAY: Final = 4
_ESCAPED_LETTER: Final = re.compile(rb"\\u00[67]")
_encode_into: Final = msgspec.json.Encoder().encode_into
_canonical: Final = bytearray()


class Repeated:
    """The values of one key, in their order."""

    __slots__ = ("values",)

    def __init__(self, first: object) -> None:
        """Begin with the value that was given first."""
        self.values: deque[object] = deque([first])


def members_of(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Return an object's members; of a key given more than once, all values.

    >>> list(values_of(members_of([("rows", 3), ("rows", 1)])["rows"]))
    [3, 1]
    """
    members: dict[str, object] = {}
    for key, value in pairs:
        if key not in members:
            members[key] = value
            continue
        before = members[key]
        repeated = before if isinstance(before, Repeated) else Repeated(before)
        repeated.values.append(value)
        members[key] = repeated
    return members


def values_of(value: object) -> Sequence[object]:
    """Return every value that a key was given; the last is the one that decoders take."""
    return tuple(value.values) if isinstance(value, Repeated) else (value,)


def last_of(value: object) -> object:
    """Return the last value that a key was given, if any is, one that says something.

    Whose name is followed by an empty one would have taken nothing.

    >>> [
    ...     last_of(members_of([("user", a), ("user", b)])["user"])
    ...     for a, b in (("u", ""), ("u", "v"))
    ... ]
    ['u', 'v']
    """
    values = values_of(value)
    return next((each for each in reversed(values) if each not in _SAYS_NOTHING), values[-1])


def may_repeat_an_amount(raw: bytes, event: AccessEvent) -> bool:
    """Tell whether `raw` may give twice what left; decoders take the last and say nothing.

    >>> raw = b'{"id":"e","time":0,"institution":"i","dataset":"d","rows":%s3}'
    >>> event = AccessEvent(id="e", time=0, institution="i", dataset="d", rows=3)
    >>> may_repeat_an_amount(raw % b"", event), may_repeat_an_amount(raw % b'9,"rows":', event)
    (False, True)
    """
    # To write the event costs less than to look for any key, and what it is written as has each
    # key once.
    _encode_into(event, _canonical)
    return raw != _canonical and not _has_as_many_keys(raw, _canonical) and _repeats_a_key(raw)


def _has_as_many_keys(raw: bytes, canonical: bytearray) -> bool:
    """Tell whether `raw` has the keys and texts of the event and no more, in whatever order.

    Each has two quotes, and without an escape no text has one in it.
    """
    return raw.find(b"\\") < 0 and raw.count(b'"') == canonical.count(b'"')


def _repeats_a_key(raw: bytes) -> bool:
    """Tell whether a key that counts is there twice.

    A text that names a key is written with its quotes escaped, and is not counted.
    """
    return (
        raw.count(b'"bytes"') > 1
        or raw.count(b'"rows"') > 1
        or raw.count(b'"files"') > 1
        or raw.count(b'"participants"') > 1
        or not (_gives_people_in_one_way(raw) or not any(raw.count(way) > 1 for way in _WAYS))
        # Most have no escape at all, which is seen at a glance.
        or (raw.find(b"\\") >= 0 and escapes_a_letter(raw))
    )


def _gives_people_in_one_way(raw: bytes) -> bool:
    begin = raw.find(b'"participants"')
    people = raw[begin : raw.find(b"}", begin)]
    return people.count(b'"') == _QUOTES_OF_ONE_WAY and people.count(b"{") == 1


def escapes_a_letter(raw: bytes) -> bool:
    """Tell whether a letter is written as an escape: it may be one of a key that is repeated."""
    return _ESCAPED_LETTER.search(raw) is not None

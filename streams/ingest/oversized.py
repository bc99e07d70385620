"""Step 1 of 7: a message too large to decode -> the same message with its lists only counted.

The largest theft must not be the unseen one. What an institution, a time, a user and a number of
rows say is small; what makes a message large are lists of people, and how long they are can be
counted without building them. A text costs nothing, however long: a bitmap stays as it is.
"""

import re
from typing import Final

# A text, ended by the message's end too, or a list: possessive, so linear whatever the bytes.
_TEXT: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_LIST: Final = rb'\[(?:[^\[\]{}"]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+\]'
# Shorter lists stay as they are.
_LIST_BYTES_MIN: Final = 1_024
_PAIRS: Final = rb"\[(?:\s*+\[[^\[\]{}]*+\]\s*+,?+){100,}+\s*+\]"
# Texts come first, and what lies in them is no list.
_PARTS: Final = re.compile(rb"(?s:%s)|(%s)|(%s)" % (_TEXT, _LIST, _PAIRS))
_EVERYBODY: Final = b"[[0,18446744073709551615]]"
# What is read key by key is read slowly: of more values, or texts, it would take seconds.
_VALUES_MAX: Final = 2_000_000
_OBJECTS_MAX: Final = 20_000
_QUOTES_MAX: Final = 4_000_000


def is_costly(raw: bytes) -> bool:
    """Tell whether reading a message key by key could take more than about a second.

    >>> is_costly(b'{"bitmap":"' + b"A" * 10**7 + b'"}'), is_costly(b"[" + b"7," * 10**7 + b"7]")
    (False, True)
    """
    return (
        raw.count(b",") > _VALUES_MAX
        or raw.count(b"{") > _OBJECTS_MAX
        or raw.count(b'"') > _QUOTES_MAX
    )


def without_lists(raw: bytes) -> bytes:
    """Return the JSON with each long list replaced by how many it holds.

    A long list of ranges becomes one of everybody, for their sum would have to be read.

    >>> without_lists(b'{"ids":[' + b",".join([b"123456"] * 200) + b"]}")
    b'{"ids":200}'
    """
    return _PARTS.sub(_counted, raw)


def _counted(match: re.Match[bytes]) -> bytes:
    if match[2] is not None:
        return _EVERYBODY
    if match[1] is None or len(match[1]) < _LIST_BYTES_MIN:
        return match[0]
    return b"%d" % (match[1].count(b",") + 1)

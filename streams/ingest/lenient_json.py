"""Step 1 of 7: bytes that are no clean JSON -> the object in them, as far as it can be read."""

import json
import re
from functools import lru_cache
from typing import Final

from streams.ingest.repairs import RepairReason, Repairs
from streams.ingest.repeated import members_of

# More than any count or id; Python itself stops reading at 4,300 digits.
_DIGITS_MAX: Final = 40
_LONG_NUMBER: Final = re.compile(rf"\d{{{_DIGITS_MAX + 1}}}")
# An escape, or a backslash that begins none, as servers write that escape in a way of their own.
# What the usual decoder does not read as it should be.
_UNUSUAL: Final = re.compile(rf"NaN|Infinity|\d{{{_DIGITS_MAX + 1}}}")
_decode: Final = json.JSONDecoder(strict=False, object_pairs_hook=members_of).decode
_HEAD_BYTES: Final = 65_536
# Of one process: the event's own key, and that of its mapping.
_NAMES_MAX: Final = 16
_ESCAPES_MAX: Final = 100_000
_ESCAPES: Final = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')


def read_object(raw: bytes, repairs: Repairs) -> dict[str, object] | None:
    """Return the JSON object with every value of each key; None where there is none.

    What is no UTF-8, a control character, or an escape that JSON does not know, costs the text it
    stands in and no more: a client may call itself whatever it likes. NaN and Infinity, as some
    writers have them, are no value.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        repairs[RepairReason.TEXT_UNREADABLE] += 1
        text = raw.decode("utf-8-sig", "replace")

    try:
        document = _parsed(text, repairs)
    except (ValueError, RecursionError):
        document = _parsed_with_escapes(text, repairs)
    return document if isinstance(document, dict) else None


def _parsed_with_escapes(text: str, repairs: Repairs) -> object:
    """Return the document in which a backslash that begins no escape is one letter; else None."""
    if not 0 < text.count("\\") <= _ESCAPES_MAX:
        return None
    repaired = _ESCAPES.sub(lambda match: match[0] if match[0] != "\\" else "\\\\", text)
    repairs[RepairReason.TEXT_UNREADABLE] += 1
    try:
        return _parsed(repaired, repairs)
    except (ValueError, RecursionError):
        return None


def _parsed(text: str, repairs: Repairs) -> object:
    no_values: Repairs = Repairs()

    def no_value(_name: str) -> None:
        no_values[RepairReason.AMOUNT_UNREADABLE] += 1

    if not _UNUSUAL.search(text):
        return _decode(text)
    # Calling for each number costs most of the time, and only very long ones need it.
    parse_int = _integer if _LONG_NUMBER.search(text) else None
    document = json.loads(
        text,
        strict=False,
        object_pairs_hook=members_of,
        parse_int=parse_int,
        parse_constant=no_value,
    )
    repairs.update(no_values)
    return document


def _integer(digits: str) -> int:
    """Return a number; one of too many digits keeps its size, not its value."""
    return int(digits[:_DIGITS_MAX])


@lru_cache(_NAMES_MAX)
def _text_pattern(name: str) -> re.Pattern[bytes]:
    pattern = rb'(?<!\\)"%s"\s*:\s*("(?:[^"\\]|\\.){1,256}")' % re.escape(name.encode())
    return re.compile(pattern, re.DOTALL)


def text_under(raw: bytes, name: str) -> str | None:
    r"""Return the text under a name in bytes that are no JSON; None where there is none, or two.

    >>> text_under(b'{"institution": "north", "rows": 3', "institution")
    'north'
    """
    texts = set(_text_pattern(name).findall(raw, 0, _HEAD_BYTES))
    if len(texts) != 1:
        return None
    try:
        text = json.loads(texts.pop().decode("utf-8", "replace"), strict=False)
    except ValueError:
        return None
    return text if isinstance(text, str) else None

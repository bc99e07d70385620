"""JSON bytes -> a value of its type, or one kind of error, whatever the bytes are.

The library has three: what is no UTF-8 and what nests too deeply raise errors that are no
`msgspec.DecodeError`, and would end whoever awaits only that.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

Value = TypeVar("Value")


def json_decoder(kind: type[Value]) -> Callable[[bytes | str], Value]:
    r"""Return what decodes JSON as a value of `kind`; it raises nothing but `msgspec.DecodeError`.

    >>> decode = json_decoder(str)
    >>> decode(b'"a"')
    'a'
    >>> decode(b'"\xff"')
    Traceback (most recent call last):
    ...
    msgspec.DecodeError: invalid start byte
    """
    decode = msgspec.json.Decoder(kind).decode

    def decode_value(raw: bytes | str) -> Value:
        try:
            return decode(raw)
        except UnicodeDecodeError as error:
            raise msgspec.DecodeError(error.reason) from error
        except RecursionError as error:
            raise msgspec.DecodeError(str(error)) from error

    return decode_value


def decode_json(raw: bytes | str, *, kind: type[Value]) -> Value:
    """Return the value in `raw`.

    Raises:
        msgspec.DecodeError: there is none of that kind.
    """
    return json_decoder(kind)(raw)

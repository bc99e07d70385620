"""Saved state as signed, versioned bytes: what lies on the state topic.

Whoever can write the topic must not own the worker, and a state must not be swapped for
another's. So the payload is plain data (never pickle), signed together with where it belongs,
and the signature is checked before anything is decompressed. What does not check is refused
loudly with `StateError`: an institution's past is never taken as empty.

    magic 4 | schema 1 | key id 4 | applied offset 8 | plain size 4 | HMAC-SHA256 32 | zlib payload
"""

import hashlib
import hmac
import struct
import zlib
from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.errors import ConfigError, StateError

MAGIC: Final = b"HGS1"
SCHEMA_VERSION: Final = 1
# A full cohort of 500,000 is 64 kB; a hundredfold of that is no honest state.
PLAIN_BYTES_MAX: Final = 16 * 2**20
# What the state topic takes as one record (streams.kafka.topics), with room for key and framing.
SEALED_BYTES_MAX: Final = 8 * 2**20 - 64 * 2**10
# Level 1: bitmaps and msgpack gain little from more, and the snapshot blocks the judge.
COMPRESSION_LEVEL: Final = 1
# Used, with a warning, where HEADGATE_STATE_KEY is unset: public, so it protects nothing.
DEVELOPMENT_SECRET: Final = "headgate-development-key-not-for-production"  # noqa: S105
STATE_KEY_VARIABLE: Final = "HEADGATE_STATE_KEY"
SECRET_LENGTH_MIN: Final = 16

_HEADER: Final = struct.Struct(">4sB4sqI")
_MAC_BYTES: Final = 32


class Address(Struct, frozen=True, kw_only=True):
    """Where a state belongs; signed, so that it cannot be moved elsewhere."""

    app: str
    topic: str
    partition: int
    key: bytes


class Opened(Struct, frozen=True, kw_only=True):
    """A checked state."""

    applied_offset: Annotated[int, Meta(description="last input offset that the state contains")]
    payload: bytes


class StateKeys:
    """The secrets that sign states: the first signs, all of them check (rotation)."""

    __slots__ = ("_checking", "_signing_id")

    def __init__(self, *secrets: str) -> None:
        """Take the current secret first, then those still accepted.

        Raises:
            ConfigError: a secret is too short.
        """
        for secret in secrets:
            if len(secret) < SECRET_LENGTH_MIN:
                message = f"expected at least {SECRET_LENGTH_MIN} characters in every key"
                raise ConfigError(STATE_KEY_VARIABLE, message)
        ids = [_key_id(secret) for secret in secrets]
        self._signing_id = ids[0]
        self._checking = {
            key_id: secret.encode() for key_id, secret in zip(ids, secrets, strict=True)
        }

    def sign(self, signed: bytes) -> bytes:
        """Return the signature by the current key."""
        return hmac.digest(self._checking[self._signing_id], signed, hashlib.sha256)

    def check(self, key_id: bytes, signed: bytes, mac: bytes) -> bool:
        """Return whether `mac` is the signature by the key of that id, if we hold it."""
        secret = self._checking.get(key_id)
        if secret is None:
            return False
        return hmac.compare_digest(mac, hmac.digest(secret, signed, hashlib.sha256))

    @property
    def signing_id(self) -> bytes:
        """The id of the current key; it tells nothing about the key."""
        return self._signing_id


def keys_from_text(text: str | None) -> StateKeys:
    """Return the keys that `current` or `current,previous` names; none is for development."""
    if not text:
        return StateKeys(DEVELOPMENT_SECRET)
    return StateKeys(*(secret.strip() for secret in text.split(",")))


def seal(payload: bytes, *, address: Address, applied_offset: int, keys: StateKeys) -> bytes:
    """Return `payload` compressed and signed for `address`.

    >>> keys = StateKeys("sixteen characters")
    >>> home = Address(app="headgate", topic="headgate.state", partition=0, key=b"i")
    >>> raw = seal(b"state", address=home, applied_offset=41, keys=keys)
    >>> open_sealed(raw, address=home, keys=keys)
    Opened(applied_offset=41, payload=b'state')

    Raises:
        StateError: it is too large for the topic.
    """
    if len(payload) > PLAIN_BYTES_MAX:
        message = (
            f"state of {_named(address)} has {len(payload)} bytes, more than {PLAIN_BYTES_MAX}"
        )
        raise StateError(message)
    header = _HEADER.pack(MAGIC, SCHEMA_VERSION, keys.signing_id, applied_offset, len(payload))
    packed = zlib.compress(payload, COMPRESSION_LEVEL)
    if len(packed) > SEALED_BYTES_MAX:
        message = (
            f"state of {_named(address)} packs to {len(packed)} bytes, over {SEALED_BYTES_MAX}"
        )
        raise StateError(message)
    return header + keys.sign(_signed(header, address, packed)) + packed


def open_sealed(raw: bytes, *, address: Address, keys: StateKeys) -> Opened:
    """Return what `seal` was given.

    Raises:
        StateError: it is damaged, of another schema, or not signed by us for this place.
    """
    if len(raw) < _HEADER.size + _MAC_BYTES or raw[:4] != MAGIC:
        message = f"state of {_named(address)} is not a Headgate state ({len(raw)} bytes)"
        raise StateError(message)
    header, rest = raw[: _HEADER.size], raw[_HEADER.size :]
    _, schema, key_id, applied_offset, plain_size = _HEADER.unpack(header)
    if schema != SCHEMA_VERSION:
        message = f"state of {_named(address)} has schema {schema}, expected {SCHEMA_VERSION}"
        raise StateError(message)
    mac, packed = rest[:_MAC_BYTES], rest[_MAC_BYTES:]
    if not keys.check(key_id, _signed(header, address, packed), mac):
        message = f"state of {_named(address)} is not signed by a key of ours for this place"
        raise StateError(message)
    return Opened(applied_offset=applied_offset, payload=_plain(packed, plain_size, address))


def _plain(packed: bytes, plain_size: int, address: Address) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        payload = decompressor.decompress(packed, min(plain_size, PLAIN_BYTES_MAX) + 1)
    except zlib.error as error:
        message = f"state of {_named(address)} does not decompress: {error}"
        raise StateError(message) from error
    if len(payload) != plain_size:
        message = f"state of {_named(address)} is not of its stated {plain_size} bytes"
        raise StateError(message)
    return payload


def framed(*pieces: bytes) -> bytes:
    """Return pieces as one, each with its length: no two lists may run together to the same."""
    return b"".join(b"%d:%b" % (len(piece), piece) for piece in pieces)


def _signed(header: bytes, address: Address, packed: bytes) -> bytes:
    place = (address.app.encode(), address.topic.encode(), b"%d" % address.partition, address.key)
    return framed(*place, header) + packed


def _key_id(secret: str) -> bytes:
    return hashlib.sha256(b"headgate key id\0" + secret.encode()).digest()[:4]


def _named(address: Address) -> str:
    return f"{address.key!r} in {address.topic}[{address.partition}]"

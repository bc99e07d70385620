"""Decisions as signed texts: who decided what, checked against the keys in the configuration.

What is signed is the text itself, topic and signer in it, so that nothing can be signed for one
place and shown at another. Ed25519, by `cryptography`.
"""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec import Struct

from detectors.errors import ConfigError
from detectors.instants import Moment
from detectors.response.journal import DecisionMade, Verb
from streams.ingest.rejects import Rejected, RejectReason, rejected

# An entry of the register with all its projects and fields; a person's word is far smaller.
_RECORD_BYTES_MAX: Final = 900_000
# Keeps these signatures apart from whatever else the same key may sign.
_DOMAIN: Final = b"headgate decision 1\n"


class Decision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is signed."""

    decision_id: str
    topic: str
    who: str
    note: str
    at_ms: Moment
    verb: Verb


class SignedDecision(Struct, frozen=True, kw_only=True):
    """The record on the topic: a decision as text, and its signature in base64."""

    signed: str
    signature: str


_encode: Final = msgspec.json.Encoder(order="sorted").encode


def sign(decision: Decision, key: Ed25519PrivateKey) -> bytes:
    """Return the record of a decision."""
    text = _encode(decision)
    signature = base64.b64encode(key.sign(_DOMAIN + text)).decode()
    return _encode(SignedDecision(signed=text.decode(), signature=signature))


def checked(
    raw: bytes | None, *, topic: str, keys: Mapping[str, Ed25519PublicKey]
) -> DecisionMade | Rejected:
    """Return the decision in a record if somebody of `keys` has signed it for `topic`."""
    if not raw or len(raw) > _RECORD_BYTES_MAX:
        return rejected(RejectReason.EMPTY_VALUE, "no decision, or one that is too long")
    try:
        record = msgspec.json.decode(raw, type=SignedDecision)
        decision = msgspec.json.decode(record.signed, type=Decision)
        signature = base64.b64decode(record.signature, validate=True)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        return rejected(RejectReason.WRONG_TYPE, f"not a signed decision: {error}")
    key = keys.get(decision.who)
    if key is None:
        return rejected(RejectReason.UNKNOWN_VALUE, f"no key is known of {decision.who!r}")
    try:
        key.verify(signature, _DOMAIN + record.signed.encode())
    except InvalidSignature:
        return rejected(RejectReason.UNKNOWN_VALUE, f"not signed by the key of {decision.who!r}")
    if decision.topic != topic:
        return rejected(RejectReason.UNKNOWN_VALUE, f"signed for the topic {decision.topic!r}")
    return DecisionMade(
        decision_id=decision.decision_id,
        who=decision.who,
        note=decision.note,
        at_ms=decision.at_ms,
        verb=decision.verb,
        signed=record.signed,
        signature=record.signature,
    )


def signature_problem(made: DecisionMade, keys: Mapping[str, str]) -> str | None:
    """Return what is wrong with a recorded decision; None if the keys show that it was made so."""
    signed = _encode(SignedDecision(signed=made.signed, signature=made.signature))
    try:
        topic = msgspec.json.decode(made.signed, type=Decision).topic
    except msgspec.DecodeError:
        return "its signed text is no decision"
    found = checked(signed, topic=topic, keys=public_keys(keys))
    if isinstance(found, Rejected):
        return found.detail
    return None if found == made else "it says something else than what was signed"


def public_keys(texts: Mapping[str, str]) -> dict[str, Ed25519PublicKey]:
    """Return the keys of the configuration, or raise `ConfigError` with the name of a wrong one."""
    return {name: _public_key(name, text) for name, text in texts.items()}


def _public_key(name: str, text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        path, problem = f"response.keys.{name}", "expected a public Ed25519 key: 32 bytes in base64"
        raise ConfigError(path, problem) from error


def public_text(key: Ed25519PrivateKey) -> str:
    """Return the public key as the configuration holds it."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def private_pem(key: Ed25519PrivateKey) -> bytes:
    """Return a private key as a file holds it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Return the key in a PEM file."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(str(path), f"expected an Ed25519 key in PEM: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(str(path), "expected an Ed25519 key, got one of another kind")
    return key

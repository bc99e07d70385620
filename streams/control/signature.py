"""Decisions as signed texts: who decided what, checked against the keys in the configuration.

A decision is a compact JWS (RFC 7515) signed by Ed25519 (RFC 8037, by the name of RFC 9864). Its
protected header says what it is, who signed it and for which topic, so that nothing can be signed
for one place or purpose and shown at another. Any JOSE library can check it.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.registry import HeaderParameter
from joserfc.util import urlsafe_b64decode
from msgspec import Struct

from detectors.errors import HeadgateError
from detectors.instants import Moment
from detectors.response.decoding import decode_json
from detectors.response.entries import DecisionMade, Verb
from streams.control.keys import private_pem, public_keys
from streams.ingest.rejects import Rejected, RejectReason, rejected

ALGORITHM: Final = "Ed25519"
TYPE: Final = "vnd.headgate.decision+jws"
# An entry of the register with all its projects and fields; a person's word is far smaller.
RECORD_BYTES_MAX: Final = 900_000
# A topic's name has at most 249 characters; the rest is the signer's name and what is fixed.
_HEADER_BYTES_MAX: Final = 2_048
_SEGMENTS_COUNT: Final = 3


class Decision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is signed, beside the header."""

    decision_id: str
    note: str
    at_ms: Moment
    verb: Verb


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The protected header: these four and nothing else, so no other algorithm, key or extension.

    `kid` is the signer's name in the configuration, `topic` where the decision counts.
    """

    alg: Literal["Ed25519"]
    kid: str
    topic: str
    typ: Literal["vnd.headgate.decision+jws"]


_registry: Final = jws.JWSRegistry(
    header_registry={"topic": HeaderParameter("Topic that the decision counts on", "str")},
    algorithms=[ALGORITHM],
)
_registry.max_header_length = _HEADER_BYTES_MAX
_registry.max_payload_length = RECORD_BYTES_MAX


def sign(decision: Decision, key: Ed25519PrivateKey, *, who: str, topic: str) -> bytes:
    """Return the record of a decision that `who` signs for `topic`.

    Raises:
        HeadgateError: it is larger than what is read.
    """
    header = Header(alg=ALGORITHM, kid=who, topic=topic, typ=TYPE)
    payload = msgspec.json.encode(decision, order="sorted")
    private = OKPKey.import_key(private_pem(key))
    protected = msgspec.structs.asdict(header)
    record = jws.serialize_compact(protected, payload, private, registry=_registry).encode()
    if len(record) > RECORD_BYTES_MAX:
        message = f"a signed decision of {len(record):,} bytes, more than {RECORD_BYTES_MAX:,}"
        raise HeadgateError(message)
    return record


def checked(
    raw: bytes | None, *, topic: str, keys: Mapping[str, Ed25519PublicKey]
) -> DecisionMade | Rejected:
    """Return the decision in a record if somebody of `keys` has signed it for `topic`."""
    if not raw or len(raw) > RECORD_BYTES_MAX:
        return rejected(RejectReason.EMPTY_VALUE, "no decision, or one that is too long")
    header = _header(raw)
    if isinstance(header, Rejected):
        return header
    payload = _payload(raw, header, keys)
    if isinstance(payload, Rejected):
        return payload
    if header.topic != topic:
        return rejected(RejectReason.UNKNOWN_VALUE, f"signed for the topic {header.topic!r}")
    try:
        decision = decode_json(payload, kind=Decision)
    except (msgspec.DecodeError, RecursionError) as error:
        return rejected(RejectReason.WRONG_TYPE, f"not a signed decision: {error}")
    return DecisionMade(
        decision_id=decision.decision_id,
        who=header.kid,
        note=decision.note,
        at_ms=decision.at_ms,
        verb=decision.verb,
        jws=raw.decode(),
    )


def _header(raw: bytes) -> Header | Rejected:
    """Return the header of a compact JWS, read before any library sees the record.

    The library would parse whatever is nested in it, however deep, and let an error of that out.
    """
    segment, *others = raw.split(b".", maxsplit=2)
    if len(others) + 1 != _SEGMENTS_COUNT or len(segment) > _HEADER_BYTES_MAX:
        return rejected(RejectReason.WRONG_TYPE, "not a signed decision: no compact JWS")
    try:
        return decode_json(urlsafe_b64decode(segment), kind=Header)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        return rejected(RejectReason.WRONG_TYPE, f"not a signed decision: {error}")


def _payload(raw: bytes, header: Header, keys: Mapping[str, Ed25519PublicKey]) -> bytes | Rejected:
    """Return what was signed if it was by the key of whom the header names."""
    key = keys.get(header.kid)
    if key is None:
        return rejected(RejectReason.UNKNOWN_VALUE, f"no key is known of {header.kid!r}")
    try:
        return jws.deserialize_compact(raw, _public(key), registry=_registry).payload or b""
    except JoseError:
        return rejected(RejectReason.UNKNOWN_VALUE, f"not signed by the key of {header.kid!r}")


def _public(key: Ed25519PublicKey) -> OKPKey:
    text = base64.urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode()
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": text})


def signature_problem(decision: DecisionMade, *, topic: str, keys: Mapping[str, str]) -> str | None:
    """Return what is wrong with a recorded decision; None if the keys show that it was made so.

    Raises:
        ConfigError: a text of `keys` is no key.
    """
    signed = checked(decision.jws.encode(), topic=topic, keys=public_keys(keys))
    if isinstance(signed, Rejected):
        return signed.detail
    return None if signed == decision else "it says something else than what was signed"

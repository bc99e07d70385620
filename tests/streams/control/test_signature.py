"""Signed decisions: who may say what, where; in an envelope that any JOSE library reads."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey
from msgspec.structs import replace

from detectors.errors import ConfigError, HeadgateError
from detectors.feedback import Label
from detectors.response.entries import DecisionMade, Labelled, Released
from streams.control.keys import load_private_key, private_pem, public_text
from streams.control.signature import ALGORITHM, RECORD_BYTES_MAX, TYPE, Decision, checked, sign
from streams.decisions.submit import signer
from streams.ingest.rejects import Rejected

ANN: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EVE: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEYS: Final = {"ann": ANN.public_key()}
TOPIC: Final = "t.decisions"
DECISION: Final = Decision(decision_id="d", note="", at_ms=5, verb=Released(suspension_id="s"))
RECORD: Final = sign(DECISION, ANN, who="ann", topic=TOPIC)
HEADER: Final[dict[str, object]] = {
    "alg": ALGORITHM,
    "kid": "ann",
    "topic": TOPIC,
    "typ": TYPE,
}


def signed(decision: Decision) -> bytes:
    """Return the record of a decision that Ann signs where it belongs."""
    return sign(decision, ANN, who="ann", topic=TOPIC)


def encoded(value: bytes) -> bytes:
    """Return bytes as a JWS holds them."""
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def under(header: bytes | dict[str, object], *, key: Ed25519PrivateKey = ANN) -> bytes:
    """Return a compact JWS of the decision with any header, truly signed."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    text = encoded(head) + b"." + encoded(msgspec.json.encode(DECISION))
    return text + b"." + encoded(key.sign(text))


def test_the_envelope_of_these_tests_is_right() -> None:
    """Else what is refused below might be so for another reason."""
    assert isinstance(checked(under(HEADER), topic=TOPIC, keys=KEYS), DecisionMade)


def refusals() -> Iterator[object]:
    """Yield records that must not count, each with what is said of it."""
    elsewhere = sign(DECISION, ANN, who="ann", topic="u")
    labelled = Labelled(alert_id="a", label=Label.EXPECTED, until_ms=10**17)
    no_date = (replace(DECISION, at_ms=10**17), replace(DECISION, verb=labelled))
    yield pytest.param(None, "no decision", id="nothing")
    yield pytest.param(b"x" * (RECORD_BYTES_MAX + 1), "too long", id="too much")
    yield pytest.param(b"{" * 70, "no compact JWS", id="no JWS")
    yield pytest.param(RECORD + b".", "not signed by the key", id="a segment too many")
    yield pytest.param(b"e30.e30.e30", "missing required field", id="an empty header")
    yield pytest.param(b"?" + RECORD, "not a signed decision", id="no base64")
    yield pytest.param(
        sign(DECISION, EVE, who="ann", topic=TOPIC),
        "not signed by the key of 'ann'",
        id="another's key",
    )
    yield pytest.param(
        sign(DECISION, EVE, who="eve", topic=TOPIC), "no key is known of 'eve'", id="a stranger"
    )
    yield pytest.param(elsewhere, "signed for the topic 'u'", id="elsewhere")
    yield pytest.param(signed(no_date[0]), "not a signed decision", id="no date")
    yield pytest.param(signed(no_date[1]), "not a signed decision", id="until no date")


@pytest.mark.parametrize(("record", "detail"), list(refusals()))
def test_what_is_not_rightly_signed_is_refused(record: bytes | None, detail: str) -> None:
    """With a sentence that says why."""
    reject = checked(record, topic=TOPIC, keys=KEYS)
    assert isinstance(reject, Rejected)
    assert detail in reject.detail


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"alg": "none"}, id="no algorithm"),
        pytest.param({"alg": "HS256"}, id="the public key as a shared secret"),
        pytest.param({"alg": "EdDSA"}, id="a name that leaves the curve open"),
        pytest.param({"typ": "JWT"}, id="signed for something else"),
        pytest.param({"crit": ["exp"], "exp": 1}, id="an extension that we do not know"),
        pytest.param({"crit": ["b64"], "b64": False}, id="a payload that is not encoded"),
        pytest.param({"crit": []}, id="no extension, but criticality"),
        pytest.param({"jwk": OKPKey.import_key(private_pem(EVE)).as_dict()}, id="a key of its own"),
        pytest.param({"kid": 7}, id="no name"),
    ],
)
def test_a_header_says_these_four_things_and_no_other(changed: dict[str, object]) -> None:
    """The algorithm is not the sender's to choose, however truly the record is signed."""
    reject = checked(under(HEADER | changed), topic=TOPIC, keys=KEYS)
    assert isinstance(reject, Rejected)
    assert "not a signed decision" in reject.detail


def test_a_deeply_nested_header_is_refused() -> None:
    """It would exhaust the stack of a parser that reads whatever there is."""
    reject = checked(under(b"[" * 1_500), topic=TOPIC, keys=KEYS)
    assert isinstance(reject, Rejected)


@given(record=st.binary() | st.lists(st.binary(), max_size=4).map(b".".join))
@example(record=b"..")
@example(record=b"\xff.\xff.\xff")
def test_whatever_lies_on_the_topic_is_refused_and_nothing_raised(record: bytes) -> None:
    """The recorder must outlive everybody who can write there."""
    assert isinstance(checked(record, topic=TOPIC, keys=KEYS), Rejected)


@given(place=st.integers(0, len(RECORD) - 1), other=st.integers(1, 255))
def test_no_byte_of_a_signed_record_can_be_changed(place: int, other: int) -> None:
    """Not in the header, the decision or the signature, nor to another way of writing the same."""
    changed = bytearray(RECORD)
    changed[place] ^= other
    assert isinstance(checked(bytes(changed), topic=TOPIC, keys=KEYS), Rejected)


@pytest.mark.parametrize("bytes_count", [10, 600_000])
def test_a_signed_decision_is_read_as_it_was_meant(bytes_count: int) -> None:
    """Who, what and when, however much there is to say, with the signed text kept as proof."""
    record = signed(replace(DECISION, note="n" * bytes_count))
    decision = checked(record, topic=TOPIC, keys=KEYS)
    assert isinstance(decision, DecisionMade)
    assert (decision.who, decision.verb, decision.at_ms) == ("ann", Released(suspension_id="s"), 5)
    assert (decision.jws.encode(), len(decision.note)) == (record, bytes_count)


def test_what_would_not_be_read_is_not_signed() -> None:
    """Whoever pushes a register that is too large hears it at once, not from the audit."""
    large = replace(DECISION, note="n" * (RECORD_BYTES_MAX * 3 // 4))
    with pytest.raises(HeadgateError, match="bytes, more than 900,000"):
        signed(large)


def test_a_jose_library_reads_a_decision() -> None:
    """Nothing of ours is needed: the public key and what to accept."""
    key = OKPKey.import_key(private_pem(ANN))
    registry = jws.JWSRegistry(algorithms=["Ed25519"], strict_check_header=False)
    read = jws.deserialize_compact(RECORD, key, registry=registry)
    assert read.headers() == HEADER
    assert json.loads(read.payload or b"")["verb"] == {"type": "release", "suspension_id": "s"}


def test_a_key_says_whose_it_is(tmp_path: Path) -> None:
    """The name is the configuration's; a key that nobody there has is refused."""
    path = tmp_path / "ann.pem"
    path.write_bytes(private_pem(ANN))
    key = load_private_key(path)
    assert signer(key, {"ann": public_text(ANN)}) == "ann"
    with pytest.raises(ConfigError, match="nobody has the public key"):
        signer(key, {"eve": public_text(EVE)})
    path.write_text("-----BEGIN NOTHING-----")
    with pytest.raises(ConfigError, match="expected an Ed25519 key in PEM"):
        load_private_key(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_private_key(path.with_name("none"))

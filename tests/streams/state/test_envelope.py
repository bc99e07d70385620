import random
import struct
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import ConfigError, StateError
from streams.state.envelope import (
    PLAIN_BYTES_MAX,
    Address,
    Opened,
    StateKeys,
    keys_from_text,
    open_sealed,
    seal,
)

KEYS = StateKeys("the current secret")
HOME = Address(app="headgate", topic="headgate.state", partition=3, key=b"north")
SEALED = seal(b"a state", address=HOME, applied_offset=41, keys=KEYS)
ELSEWHERE = {
    "another app": Address(app="other", topic="headgate.state", partition=3, key=b"north"),
    "another topic": Address(app="headgate", topic="other", partition=3, key=b"north"),
    "another partition": Address(app="headgate", topic="headgate.state", partition=4, key=b"north"),
    "another institution": Address(
        app="headgate", topic="headgate.state", partition=3, key=b"south"
    ),
}


@given(payload=st.binary(max_size=2000), offset=st.integers(-1, 2**62))
def test_what_was_sealed_is_opened_unchanged(payload: bytes, offset: int) -> None:
    """Payload and offset survive sealing."""
    raw = seal(payload, address=HOME, applied_offset=offset, keys=KEYS)
    expected = Opened(applied_offset=offset, payload=payload)
    assert expected == open_sealed(raw, address=HOME, keys=KEYS)


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_state_moved_elsewhere_is_refused(place: str) -> None:
    """The signature binds a state to where it belongs."""
    with pytest.raises(StateError, match="not signed"):
        open_sealed(SEALED, address=ELSEWHERE[place], keys=KEYS)


@given(at=st.integers(0, len(SEALED) - 1), flip=st.integers(1, 255))
def test_no_changed_byte_passes(at: int, flip: int) -> None:
    """Whatever byte is changed, the state is refused."""
    changed = bytearray(SEALED)
    changed[at] ^= flip
    with pytest.raises(StateError):
        open_sealed(bytes(changed), address=HOME, keys=KEYS)


@given(raw=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(raw: bytes) -> None:
    """Foreign bytes raise `StateError`, nothing else."""
    with pytest.raises(StateError):
        open_sealed(raw, address=HOME, keys=KEYS)


@given(length=st.integers(0, len(SEALED) - 1))
def test_a_truncated_state_is_refused(length: int) -> None:
    """A cut state is refused."""
    with pytest.raises(StateError):
        open_sealed(SEALED[:length], address=HOME, keys=KEYS)


def signed(packed: bytes, *, plain_size: int) -> bytes:
    """Return what somebody with the key would sign, whatever it unpacks to."""
    header = struct.pack(">4sB4sqI", b"HGS1", 1, KEYS.signing_id, 0, plain_size)
    place = (b"headgate", b"headgate.state", b"3", b"north", header)
    framed = b"".join(b"%d:%b" % (len(piece), piece) for piece in place)
    return header + KEYS.sign(framed + packed) + packed


def test_what_ends_with_its_signature_is_a_state_that_nobody_signed() -> None:
    """From header and signature on it is read as a state; one byte less is none."""
    bare = SEALED[: len(signed(b"", plain_size=0))]
    with pytest.raises(StateError, match="not signed"):
        open_sealed(bare, address=HOME, keys=KEYS)
    with pytest.raises(StateError, match=r"is not a Headgate state \(52 bytes\)"):
        open_sealed(bare[:-1], address=HOME, keys=KEYS)


def test_a_signed_state_that_is_not_packed_is_named() -> None:
    """A bug of ours, most likely: it says which record to look at."""
    with pytest.raises(StateError, match=r"state of b'north' in .* does not decompress: "):
        open_sealed(signed(b"plain text", plain_size=10), address=HOME, keys=KEYS)


def test_a_future_schema_is_refused_by_name() -> None:
    """A state of a newer version is refused with both versions."""
    future = SEALED[:4] + b"\x02" + SEALED[5:]
    with pytest.raises(StateError, match="schema 2, expected 1"):
        open_sealed(future, address=HOME, keys=KEYS)


def test_a_state_signed_by_the_previous_key_is_opened_and_signed_anew() -> None:
    """While keys rotate, both are accepted and the current one signs."""
    rotated = keys_from_text("the next secret..,the current secret")
    expected = Opened(applied_offset=41, payload=b"a state")
    assert expected == open_sealed(SEALED, address=HOME, keys=rotated)
    anew = seal(b"a state", address=HOME, applied_offset=41, keys=rotated)
    with pytest.raises(StateError, match="not signed"):
        open_sealed(anew, address=HOME, keys=KEYS)


def test_a_bomb_is_not_inflated_beyond_its_stated_size() -> None:
    """Even a signed payload takes no more memory than what it says and what it is packed in."""
    bomb = signed(zlib.compress(b"\0" * 2**24), plain_size=10)
    tracemalloc.start()
    try:
        with pytest.raises(StateError, match="not of its stated 10 bytes"):
            open_sealed(bomb, address=HOME, keys=KEYS)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2**20


def test_the_largest_state_is_sealed_and_packed_in_no_time() -> None:
    """The bound itself is allowed; level 1 of zlib, since a judge waits for it."""
    payload = bytes(PLAIN_BYTES_MAX)
    raw = seal(payload, address=HOME, applied_offset=0, keys=KEYS)
    assert open_sealed(raw, address=HOME, keys=KEYS).payload == payload
    assert raw[len(signed(b"", plain_size=0)) :] == zlib.compress(payload, 1)


def test_too_large_a_state_is_not_sealed() -> None:
    """A state beyond the limit is refused where it arises."""
    with pytest.raises(StateError, match="more than"):
        seal(b"\0" * (PLAIN_BYTES_MAX + 1), address=HOME, applied_offset=0, keys=KEYS)


def test_a_state_that_the_topic_would_refuse_is_not_sealed() -> None:
    """What does not compress below the limit of a record is refused by name, not by the broker."""
    noise = random.Random(1).randbytes(9 * 2**20)
    with pytest.raises(StateError, match=r"state of b'north' in .* packs to"):
        seal(noise, address=HOME, applied_offset=0, keys=KEYS)


def test_a_short_key_is_a_config_error() -> None:
    """A key that could be guessed names the variable to change."""
    with pytest.raises(ConfigError, match="HEADGATE_STATE_KEY: expected at least 16"):
        keys_from_text("short")


def test_a_key_of_sixteen_characters_is_long_enough() -> None:
    """The bound itself is allowed, as its message says."""
    keys = StateKeys("k" * 16)
    assert open_sealed(
        seal(b"x", address=HOME, applied_offset=1, keys=keys), address=HOME, keys=keys
    ) == Opened(applied_offset=1, payload=b"x")


def test_without_a_key_states_are_signed_by_the_public_one() -> None:
    """A development machine needs no secret, and its states read back."""
    raw = seal(b"x", address=HOME, applied_offset=1, keys=keys_from_text(None))
    assert open_sealed(raw, address=HOME, keys=keys_from_text("")).payload == b"x"


def test_what_is_no_state_is_named_with_its_place_and_size() -> None:
    """An operator must find the record among thousands."""
    with pytest.raises(StateError, match=r"north.* is not a Headgate state \(3 bytes\)"):
        open_sealed(b"abc", address=HOME, keys=KEYS)

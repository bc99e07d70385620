"""Keys of those who may decide: what the configuration and a file hold, and what neither may."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from detectors.errors import ConfigError
from streams.control.keys import load_private_key, private_pem, public_keys, public_text

ANN = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def test_a_key_comes_back_from_its_file_and_from_its_text(tmp_path: Path) -> None:
    """What was made by `headgate key` signs what the configured key checks."""
    path = tmp_path / "ann.pem"
    path.write_bytes(private_pem(ANN))
    signature = load_private_key(path).sign(b"words")
    keys = public_keys({"ann": public_text(ANN), "ben": public_text(Ed25519PrivateKey.generate())})
    assert list(keys) == ["ann", "ben"]
    keys["ann"].verify(signature, b"words")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("not base64!", id="no base64"),
        pytest.param("AAAA", id="too short"),
        pytest.param(public_text(ANN) + public_text(ANN), id="two keys"),
        pytest.param(f" {public_text(ANN)}", id="with a space"),
    ],
)
def test_a_text_that_is_no_key_is_refused_by_its_owners_name(text: str) -> None:
    """So that whoever configures it finds the line."""
    with pytest.raises(ConfigError, match="32 bytes in base64") as refused:
        public_keys({"ann": public_text(ANN), "eve": text})
    assert refused.value.path == "response.keys.eve"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "expected an Ed25519 key in PEM", id="empty"),
        pytest.param(b"words", "expected an Ed25519 key in PEM", id="no PEM"),
        pytest.param(
            X25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            "got one of another kind",
            id="a key for something else",
        ),
        pytest.param(
            ANN.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
            ),
            "expected an Ed25519 key in PEM",
            id="locked by a password",
        ),
    ],
)
def test_a_file_without_a_key_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    """With its path, and without a word of what it holds."""
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as refused:
        load_private_key(path)
    assert refused.value.path == str(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Absent, or a directory."""
    for path in (tmp_path / "absent.pem", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_private_key(path)

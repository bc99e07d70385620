"""Ed25519 keys of those who may decide: as the configuration and as a file holds them."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from detectors.errors import ConfigError


def public_keys(texts: Mapping[str, str]) -> dict[str, Ed25519PublicKey]:
    """Return the keys of the configuration by their owners' names.

    Raises:
        ConfigError: a text is no key; the path names whose.
    """
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
    """Return the key in a PEM file.

    Raises:
        ConfigError: the file cannot be read, or holds no Ed25519 key.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(str(path), f"expected an Ed25519 key in PEM: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(str(path), "expected an Ed25519 key, got one of another kind")
    return key

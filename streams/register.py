"""The register as a file: TOML or JSON, checked to the last key, refused with the key's path."""

import tomllib
from pathlib import Path

import msgspec

from detectors.errors import ConfigError
from detectors.register import Register


def load_register(path: Path | None) -> Register:
    """Return the register in `path`; without a path an empty one, in which nobody is exempt."""
    if path is None:
        return Register()
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror or error}") from error
    try:
        if path.suffix == ".toml":
            return msgspec.convert(tomllib.loads(raw.decode()), type=Register)
        return msgspec.json.decode(raw, type=Register)
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), str(error)) from error

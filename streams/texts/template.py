"""Step 7 of 7: the words of one jurisdiction, from a file, checked to the last placeholder."""

import tomllib
from collections.abc import Iterator
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from detectors.errors import ConfigError
from streams.config_errors import config_error

PLACEHOLDERS: Final = frozenset(
    {"institution", "scope", "reason", "since", "until", "contact", "case"}
)
_ENGLISH: Final = "english.toml"
_WORDS_MAX: Final = 2_000

Words = Annotated[str, Meta(min_length=1, max_length=_WORDS_MAX)]


class Scopes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom it concerns."""

    user: Words
    project: Words
    institution: Words


class Measured(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said when a measure is in effect."""

    title: Words
    reason: Words
    next_steps: Words
    appeal: Words
    ends: Words
    ends_by_people: Words


class Over(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said when it is over."""

    title: Words
    reason: Words
    next_steps: Words


class Wording(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of words."""

    language: Annotated[str, Meta(min_length=2, max_length=35, description="BCP 47, such as en")]
    contact: Words
    scopes: Scopes
    throttle: Measured
    suspend: Measured
    release: Over


def read_wording(name: str | None) -> Wording:
    """Return the words of a file, or the English ones.

    Raises:
        ConfigError: the file cannot be used; the error names what is wrong.
    """
    try:
        raw = (
            files("streams.texts").joinpath(_ENGLISH).read_bytes()
            if name is None
            else Path(name).read_bytes()
        )
        document = tomllib.loads(raw.decode())
    except OSError as error:
        raise ConfigError(str(name), f"cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(name), f"expected TOML: {error}") from error
    try:
        wording = msgspec.convert(document, Wording)
    except msgspec.ValidationError as error:
        wrong = config_error(str(error), document, Wording)
        where = f"{name}: {wrong.path}"
        raise ConfigError(where, wrong.problem) from error
    for key, words in _all_words(document):
        _check(words, f"{name}: {key}")
    return wording


def wording_hash(wording: Wording) -> str:
    """Return the name under which a letter quotes the words it was written in."""
    return blake2b(msgspec.json.encode(wording, order="sorted"), digest_size=8).hexdigest()


def _all_words(part: dict[str, object], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in part.items():
        if isinstance(value, dict):
            yield from _all_words(value, f"{path}{key}.")
        elif isinstance(value, str):
            yield f"{path}{key}", value


def _check(words: str, path: str) -> None:
    """Refuse a placeholder that nothing would fill."""
    template = Template(words)
    if not template.is_valid():
        raise ConfigError(path, "a $ begins a placeholder; expected $$ for a dollar sign")
    unknown = [name for name in template.get_identifiers() if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"${name}" for name in sorted(PLACEHOLDERS))
        raise ConfigError(path, f"unknown placeholder ${unknown[0]}; expected one of {known}")

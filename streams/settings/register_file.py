"""The register as a file: TOML or JSON, checked to the last key, refused with the key's path."""

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from detectors.errors import ConfigError
from detectors.register import UNKNOWN_NAME, Exemption, Institution, Project, Register
from detectors.response.decoding import decode_json
from streams.config_errors import config_error
from streams.ingest.identity import identity_of


def load_register(path: Path | None) -> Register:
    """Return the register in `path`; without a path an empty one, in which nobody is exempt.

    Raises:
        ConfigError: it cannot be used; the error names the key.
    """
    if path is None:
        return Register()
    document = _document(path)
    try:
        register = msgspec.convert(document, type=Register)
    except msgspec.ValidationError as error:
        raise config_error(str(error), document, Register) from error
    _refuse_twins("institutions", (identity_of(entry.id) for entry in register.institutions))
    _refuse_reserved(register.institutions)
    _refuse_taken_aliases(register)
    for number, entry in enumerate(register.institutions):
        _check(f"institutions[{number}]", entry)
    return register


def _document(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text) if path.suffix == ".toml" else decode_json(text, kind=object)
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), str(error)) from error
    if not isinstance(document, dict):
        raise ConfigError(str(path), "expected a table with the key institutions")
    return document


def _check(path: str, entry: Institution) -> None:
    _refuse_twins(f"{path}.projects", (project.id for project in entry.projects))
    _refuse_twins(f"{path}.exemptions", (exemption.id for exemption in entry.exemptions))
    for number, project in enumerate(entry.projects):
        _refuse_backwards(f"{path}.projects[{number}]", project)
    for number, exemption in enumerate(entry.exemptions):
        _refuse_backwards(f"{path}.exemptions[{number}]", exemption)


def _refuse_reserved(entries: Sequence[Institution]) -> None:
    for number, entry in enumerate(entries):
        identity = identity_of(entry.id)
        if identity == UNKNOWN_NAME or not identity:
            problem = f"{entry.id!r} names nobody; unknown is who the register does not name"
            where = f"institutions[{number}].id"
            raise ConfigError(where, problem)


def _refuse_taken_aliases(register: Register) -> None:
    """Refuse an alias that leads to two, to itself, or to what is an alias itself."""
    owners: dict[tuple[str, object], str] = {}
    with_aliases = {identity_of(entry.id) for entry in register.institutions if entry.aliases}
    for number, entry in enumerate(register.institutions):
        for place, alias in enumerate(entry.dated_aliases):
            name, where = identity_of(alias.id), f"institutions[{number}].aliases[{place}]"
            if name in with_aliases or name in (UNKNOWN_NAME, ""):
                problem = f"{alias.id!r} has aliases itself, or is nobody's name"
                raise ConfigError(where, problem)
            if owners.setdefault((name, alias.valid_from), entry.id) != entry.id:
                taken_by = owners[name, alias.valid_from]
                raise ConfigError(where, f"{alias.id!r} is a name of {taken_by!r} already")


def _refuse_twins(path: str, ids: Iterable[str]) -> None:
    before: set[str] = set()
    for number, each in enumerate(ids):
        if each in before:
            where = f"{path}[{number}].id"
            raise ConfigError(where, f"{each!r} is there twice")
        before.add(each)


def _refuse_backwards(path: str, period: Project | Exemption) -> None:
    if period.valid_from and period.valid_to and period.valid_to <= period.valid_from:
        where = f"{path}.valid_to"
        raise ConfigError(where, "expected a time after valid_from")

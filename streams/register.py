"""The register as a file: TOML or JSON, checked to the last key, refused with the key's path."""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from detectors.errors import ConfigError
from detectors.register import Exemption, Instant, Institution, Project, Register

_Id = Annotated[str, Meta(min_length=1, max_length=128)]
_Cap = Annotated[int, Meta(ge=0)]


class _Project(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A project as a file declares it; the core's type cannot be decoded into, see below."""

    id: _Id
    datasets: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    participants_max: _Cap | None = None
    valid_from: Instant | None = None
    valid_to: Instant | None = None


class _Exemption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: _Id
    valid_from: Instant
    valid_to: Instant
    participants_max: _Cap | None = None
    dataset: str | None = None
    project: str | None = None
    approver: str | None = None


class _Institution(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: _Id
    group: str = "default"
    jurisdiction: str | None = None
    contact: str | None = None
    participants_max: _Cap | None = None
    projects: tuple[_Project, ...] = ()
    exemptions: tuple[_Exemption, ...] = ()


# The bounds of the core's own types stand on `int | None`, on which msgspec refuses them, so the
# file is checked by these and the core's values are built from what they found.
class _Register(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    institutions: tuple[_Institution, ...] = ()


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
            found = msgspec.convert(tomllib.loads(raw.decode()), type=_Register)
        else:
            found = msgspec.json.decode(raw, type=_Register)
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), str(error)) from error
    return Register(institutions=tuple(_institution(entry) for entry in found.institutions))


def _institution(entry: _Institution) -> Institution:
    projects = tuple(Project(**msgspec.structs.asdict(each)) for each in entry.projects)
    exemptions = tuple(Exemption(**msgspec.structs.asdict(each)) for each in entry.exemptions)
    plain = msgspec.structs.asdict(entry)
    return Institution(**plain | {"projects": projects, "exemptions": exemptions})

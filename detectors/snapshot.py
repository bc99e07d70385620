"""Profile <-> versioned bytes: what survives a restart, as plain numbers and portable bitmaps.

`main` is small and changes with every event; `parts` are the base holdings, which change
rarely. A part's bytes are a function of its name, so a part once written is never rewritten.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from pyroaring import BitMap64

from detectors.cohort import Holding
from detectors.config import CoreConfig
from detectors.errors import StateError
from detectors.features.dedupe import DedupeState
from detectors.features.ledger import LedgerState
from detectors.profile import Profile, ProfileState
from detectors.reference import Reference, prior_reference
from detectors.register import Institution

SCHEMA: Final = 1


class Snapshot(Struct, frozen=True, kw_only=True):
    """The bytes of one institution."""

    main: bytes
    parts: dict[str, bytes]


class _SavedHolding(Struct, frozen=True, kw_only=True, array_like=True):
    recent: bytes
    base_version: int
    counted_participants: int


class _Saved(Struct, frozen=True, kw_only=True):
    schema: int
    profile: ProfileState
    dedupe: DedupeState
    holdings: dict[str, _SavedHolding]
    held_participants: int
    exempted: dict[str, int]


class _Schema(Struct):
    schema: int


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Saved)
_SCHEMA_DECODER: Final = msgspec.msgpack.Decoder(_Schema)


def part_name(dataset: str, holding_version: int) -> str:
    """Return the name under which a base holding is kept."""
    return f"{dataset}@{holding_version}"


def dump(profile: Profile, *, known: frozenset[str] = frozenset()) -> Snapshot:
    """Return the profile's bytes; parts named in `known` are already kept and left out."""
    ledger = profile.ledger.state
    saved = _Saved(
        schema=SCHEMA,
        profile=profile.state,
        dedupe=profile.dedupe.state,
        holdings={
            name: _SavedHolding(
                recent=holding.recent.serialize(),
                base_version=holding.base_version,
                counted_participants=holding.counted_participants,
            )
            for name, holding in ledger.holdings.items()
        },
        held_participants=ledger.held_participants,
        exempted=ledger.exempted,
    )
    parts = {}
    for name, holding in ledger.holdings.items():
        part = part_name(name, holding.base_version)
        if holding.base_version and part not in known:
            parts[part] = holding.base.serialize()
    return Snapshot(main=_ENCODER.encode(saved), parts=parts)


def part_names(main: bytes) -> frozenset[str]:
    """Return the parts that `main` needs."""
    return frozenset(
        part_name(name, holding.base_version)
        for name, holding in _decoded(main).holdings.items()
        if holding.base_version
    )


def load(
    main: bytes,
    *,
    parts: Mapping[str, bytes],
    config: CoreConfig,
    entry: Institution | None = None,
    reference: Reference | None = None,
) -> Profile:
    """Return the profile that `dump` saved.

    Raises:
        StateError: the bytes are not a snapshot of this schema, or a part is missing.
    """
    saved = _decoded(main)
    ledger = LedgerState(held_participants=saved.held_participants, exempted=saved.exempted)
    for name, holding in saved.holdings.items():
        ledger.holdings[name] = Holding(
            base=_base(name, holding.base_version, parts),
            recent=_bitmap(holding.recent, name=name),
            base_version=holding.base_version,
            counted_participants=holding.counted_participants,
        )
    return Profile(
        state=saved.profile,
        dedupe=saved.dedupe,
        ledger=ledger,
        config=config,
        entry=entry or Institution(id=saved.profile.institution),
        reference=reference or prior_reference(config.reference),
    )


def _decoded(main: bytes) -> _Saved:
    try:
        found = _SCHEMA_DECODER.decode(main).schema
        if found != SCHEMA:
            raise StateError(f"the state has schema {found}; this version reads {SCHEMA}")
        return _DECODER.decode(main)
    except msgspec.MsgspecError as error:
        raise StateError(f"the state is damaged: {error}") from error


def _base(name: str, version: int, parts: Mapping[str, bytes]) -> BitMap64:
    if not version:
        return BitMap64()
    part = part_name(name, version)
    if part not in parts:
        raise StateError(f"the state needs part {part!r}, which is missing")
    return _bitmap(parts[part], name=part)


def _bitmap(raw: bytes, *, name: str) -> BitMap64:
    try:
        return BitMap64.deserialize(raw)
    except ValueError as error:
        raise StateError(f"the holdings of {name!r} are damaged") from error

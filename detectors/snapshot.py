"""Profile <-> versioned bytes: what survives a restart, as plain numbers and portable bitmaps.

`main` is small and changes with every event; `parts` are the base holdings, which change
rarely. A part's bytes are a function of its name, so a part once written is never rewritten.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct
from pyroaring import BitMap64

from detectors.config import CoreConfig
from detectors.errors import StateError
from detectors.features.dedupe import DedupeState
from detectors.features.ledger import LedgerState
from detectors.features.participant_sets import Holding
from detectors.profile import Profile
from detectors.profile_state import ProfileMemory, ProfileState
from detectors.reference import Reference, prior_reference
from detectors.register import Institution
from detectors.registry import DETECTORS

SCHEMA: Final = 3
_DATASET: Final = "dataset"
_PROJECT: Final = "project"


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
    # What each detector remembers, under its name, as it gives it.
    detectors: dict[str, msgspec.Raw]
    dedupe: DedupeState
    holdings: dict[str, _SavedHolding]
    projects: dict[str, _SavedHolding]
    today: bytes
    held_participants: int
    exempted: dict[str, int]
    capped_bytes: dict[str, int] = {}


class _Schema(Struct):
    schema: int


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Saved)
_SCHEMA_DECODER: Final = msgspec.msgpack.Decoder(_Schema)


def part_name(kind: str, name: str, version: int) -> str:
    """Return the name under which a base holding is kept; `kind` is dataset or project."""
    return f"{kind}/{name}@{version}"


def dump(profile: Profile, *, known: frozenset[str] = frozenset()) -> Snapshot:
    """Return the profile's bytes; parts named in `known` are already kept and left out."""
    profile.windows.settle()
    ledger = profile.ledger.state
    saved = _Saved(
        schema=SCHEMA,
        profile=profile.state,
        detectors={
            name: msgspec.Raw(_ENCODER.encode(state))
            for name, state in profile.detector_states.items()
        },
        dedupe=profile.dedupe.state,
        holdings=_saved(ledger.holdings),
        projects=_saved(ledger.projects),
        today=ledger.today.serialize(),
        held_participants=ledger.held_participants,
        exempted=ledger.exempted,
        capped_bytes=ledger.capped_bytes,
    )
    parts = {
        part: holding.base.serialize() for part, holding in _bases(profile) if part not in known
    }
    return Snapshot(main=_ENCODER.encode(saved), parts=parts)


def part_names(profile: Profile) -> frozenset[str]:
    """Return the parts that the profile's `main` needs."""
    return frozenset(part for part, _ in _bases(profile))


def _bases(profile: Profile) -> Iterator[tuple[str, Holding]]:
    ledger = profile.ledger.state
    for kind, holdings in ((_DATASET, ledger.holdings), (_PROJECT, ledger.projects)):
        for name, holding in holdings.items():
            if holding.base_version:
                yield part_name(kind, name, holding.base_version), holding


def _saved(holdings: Mapping[str, Holding]) -> dict[str, _SavedHolding]:
    return {
        name: _SavedHolding(
            recent=holding.recent.serialize(),
            base_version=holding.base_version,
            counted_participants=holding.counted_participants,
        )
        for name, holding in holdings.items()
    }


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
    today = _bitmap(saved.today, name="today")
    ledger = LedgerState(
        holdings=_loaded(_DATASET, saved.holdings, parts),
        projects=_loaded(_PROJECT, saved.projects, parts),
        today=today,
        today_count=len(today),
        held_participants=saved.held_participants,
        exempted=saved.exempted,
        capped_bytes=saved.capped_bytes,
    )
    memory = ProfileMemory(
        state=saved.profile,
        detectors=_detector_states(saved.detectors),
        dedupe=saved.dedupe,
        ledger=ledger,
    )
    return Profile(
        memory,
        config=config,
        entry=entry or Institution(id=saved.profile.institution),
        reference=reference or prior_reference(config.reference),
    )


def _decoded(main: bytes) -> _Saved:
    try:
        found = _SCHEMA_DECODER.decode(main).schema
        if found != SCHEMA:
            msg = f"the state has schema {found}; this version reads {SCHEMA}"
            raise StateError(msg)
        return _DECODER.decode(main)
    except msgspec.MsgspecError as error:
        msg = f"the state is damaged: {error}"
        raise StateError(msg) from error


def _detector_states(saved: Mapping[str, msgspec.Raw]) -> dict[str, Struct]:
    """Return what detectors remember; of one that is gone nothing is kept."""
    states: dict[str, Struct] = {}
    for name, raw in saved.items():
        row = DETECTORS.get(name)
        if row is not None and row.state is not None:
            states[name] = _detector_state(name, raw, row.state)
    return states


def _detector_state(name: str, raw: msgspec.Raw, kind: type[Struct]) -> Struct:
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        msg = f"the state of detector {name!r} is damaged: {error}"
        raise StateError(msg) from error


def _loaded(
    kind: str, saved: Mapping[str, _SavedHolding], parts: Mapping[str, bytes]
) -> dict[str, Holding]:
    return {name: _holding(kind, name, holding, parts) for name, holding in saved.items()}


def _holding(kind: str, name: str, saved: _SavedHolding, parts: Mapping[str, bytes]) -> Holding:
    base = _base(part_name(kind, name, saved.base_version), saved.base_version, parts)
    recent = _bitmap(saved.recent, name=name)
    return Holding(
        base=base,
        recent=recent,
        base_count=len(base),
        recent_count=len(recent),
        base_version=saved.base_version,
        counted_participants=saved.counted_participants,
    )


def _base(part: str, version: int, parts: Mapping[str, bytes]) -> BitMap64:
    if not version:
        return BitMap64()
    if part not in parts:
        msg = f"the state needs part {part!r}, which is missing"
        raise StateError(msg)
    return _bitmap(parts[part], name=part)


def _bitmap(raw: bytes, *, name: str) -> BitMap64:
    try:
        return BitMap64.deserialize(raw)
    except ValueError as error:
        msg = f"the holdings of {name!r} are damaged"
        raise StateError(msg) from error

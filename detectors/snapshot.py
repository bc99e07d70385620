"""Profile <-> versioned bytes: what survives a restart, as plain numbers and portable bitmaps.

`main` is small and changes with every event; `parts` are the base holdings and other large sets,
which change rarely. Each machine gives and takes its own state; here they are put together, and
nothing else.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from detectors.config import CoreConfig
from detectors.detector import PartedState
from detectors.errors import StateError
from detectors.features.dedupe import DedupeState
from detectors.features.saved_ledger import SavedLedger, load_ledger, parts_of, save_ledger
from detectors.peers.reference import Reference, prior_reference
from detectors.profile import Profile
from detectors.profile_state import ProfileMemory, ProfileState
from detectors.register import Institution
from detectors.registry import DETECTORS

SCHEMA: Final = 3


class Snapshot(Struct, frozen=True, kw_only=True):
    """The bytes of one institution."""

    main: bytes
    parts: dict[str, bytes]


class _Saved(Struct, frozen=True, kw_only=True):
    schema: int
    profile: ProfileState
    # What each detector remembers, under its name, as it gives it.
    detectors: dict[str, msgspec.Raw]
    dedupe: DedupeState
    ledger: SavedLedger


class _Schema(Struct):
    schema: int


# Whose state has parts: to ask each state for its methods would cost more than to save it.
_PARTED: Final = tuple(name for name, row in DETECTORS.items() if row.set_rule is not None)
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Saved)
_SCHEMA_DECODER: Final = msgspec.msgpack.Decoder(_Schema)


def dump(profile: Profile, *, known: frozenset[str] = frozenset()) -> Snapshot:
    """Return the profile's bytes and change nothing; parts named in `known` are left out."""
    ledger = profile.ledger.state
    saved = _Saved(
        schema=SCHEMA,
        profile=msgspec.structs.replace(profile.state, windows=profile.windows.snapshot()),
        detectors={
            name: msgspec.Raw(_ENCODER.encode(_without_parts(name, state)))
            for name, state in profile.detector_states.items()
        },
        dedupe=profile.dedupe.state,
        ledger=save_ledger(ledger),
    )
    parts = {part: base.serialize() for part, base in parts_of(ledger) if part not in known}
    parts |= {part: raw for part, raw in _detector_parts(profile) if part not in known}
    return Snapshot(main=_ENCODER.encode(saved), parts=parts)


def part_names(profile: Profile) -> frozenset[str]:
    """Return the parts that the profile's `main` needs."""
    ledger = (part for part, _ in parts_of(profile.ledger.state))
    return frozenset((*ledger, *(part for part, _ in _detector_parts(profile))))


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
    memory = ProfileMemory(
        state=saved.profile,
        detectors=_detector_states(saved.detectors, parts),
        dedupe=saved.dedupe,
        ledger=load_ledger(saved.ledger, parts),
    )
    return Profile(
        memory,
        config=config,
        entry=entry or Institution(id=saved.profile.institution),
        reference=reference or prior_reference(config.reference),
    )


def _decoded(main: bytes) -> _Saved:
    try:
        schema = _SCHEMA_DECODER.decode(main).schema
        if schema != SCHEMA:
            msg = f"the state has schema {schema}; this version reads {SCHEMA}"
            raise StateError(msg)
        return _DECODER.decode(main)
    except msgspec.MsgspecError as error:
        msg = f"the state is damaged: {error}"
        raise StateError(msg) from error


def _without_parts(name: str, state: Struct) -> Struct:
    if name in _PARTED and isinstance(state, PartedState):
        return state.without_parts()
    return state


def _detector_parts(profile: Profile) -> Iterator[tuple[str, bytes]]:
    for name in _PARTED:
        state = profile.detector_states[name]
        if isinstance(state, PartedState):
            yield from state.parts()


def _detector_states(
    saved: Mapping[str, msgspec.Raw], parts: Mapping[str, bytes]
) -> dict[str, Struct]:
    """Return what detectors remember; of one that is gone nothing is kept."""
    states: dict[str, Struct] = {}
    for name, raw in saved.items():
        row = DETECTORS.get(name)
        if row is not None and row.state is not None:
            state = states[name] = _detector_state(name, raw, row.state)
            if name in _PARTED and isinstance(state, PartedState):
                state.restore(parts)
    return states


def _detector_state(name: str, raw: msgspec.Raw, kind: type[Struct]) -> Struct:
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        msg = f"the state of detector {name!r} is damaged: {error}"
        raise StateError(msg) from error

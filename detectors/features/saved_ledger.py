"""Step 3 of 7: the ledger of one institution <-> what survives a restart, as portable bitmaps.

Base holdings change rarely: they are kept as parts beside the rest. A part's bytes are a function
of its name, so a part once written is never rewritten.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct
from pyroaring import BitMap64

from detectors.errors import StateError
from detectors.features.ledger_state import LedgerState
from detectors.features.participant_sets import Holding

_DATASET: Final = "dataset"
_PROJECT: Final = "project"


class SavedHolding(Struct, frozen=True, kw_only=True, array_like=True):
    """A holding without its base, which is a part of its own where `base_version` is not 0."""

    recent: bytes
    base_version: int
    counted_participants: int


class SavedLedger(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ledger without the bases of its holdings."""

    holdings: dict[str, SavedHolding]
    projects: dict[str, SavedHolding]
    today: bytes
    held_participants: int
    exempted: dict[str, int]
    capped_bytes: dict[str, int]
    exempted_participants: int = 0
    classes: dict[str, int] = {}
    estimated: dict[str, int] = {}


def save_ledger(state: LedgerState) -> SavedLedger:
    """Return a ledger as it is saved; its bases are among `parts_of`."""
    return SavedLedger(
        holdings=_saved(state.holdings),
        projects=_saved(state.projects),
        today=state.today.serialize(),
        held_participants=state.held_participants,
        exempted=state.exempted,
        exempted_participants=state.exempted_participants,
        capped_bytes=state.capped_bytes,
        classes=state.classes,
        estimated=state.estimated,
    )


def parts_of(state: LedgerState) -> Iterator[tuple[str, BitMap64]]:
    """Yield each base with the name of its part."""
    for kind, holdings in ((_DATASET, state.holdings), (_PROJECT, state.projects)):
        for name, holding in holdings.items():
            if holding.base_version:
                yield _part_name(kind, name, holding.base_version), holding.base


def load_ledger(saved: SavedLedger, parts: Mapping[str, bytes]) -> LedgerState:
    """Return the ledger that was saved.

    Raises:
        StateError: a part is missing, or a bitmap is damaged.
    """
    today = _bitmap(saved.today, name="today")
    return LedgerState(
        holdings=_loaded(_DATASET, saved.holdings, parts),
        projects=_loaded(_PROJECT, saved.projects, parts),
        today=today,
        today_count=len(today),
        held_participants=saved.held_participants,
        exempted=saved.exempted,
        exempted_participants=saved.exempted_participants,
        capped_bytes=saved.capped_bytes,
        classes=saved.classes,
        estimated=saved.estimated,
    )


def _part_name(kind: str, name: str, version: int) -> str:
    return f"{kind}/{name}@{version}"


def _saved(holdings: Mapping[str, Holding]) -> dict[str, SavedHolding]:
    return {
        name: SavedHolding(
            recent=holding.recent.serialize(),
            base_version=holding.base_version,
            counted_participants=holding.counted_participants,
        )
        for name, holding in holdings.items()
    }


def _loaded(
    kind: str, saved: Mapping[str, SavedHolding], parts: Mapping[str, bytes]
) -> dict[str, Holding]:
    return {name: _holding(kind, name, holding, parts) for name, holding in saved.items()}


def _holding(kind: str, name: str, saved: SavedHolding, parts: Mapping[str, bytes]) -> Holding:
    base = _base(_part_name(kind, name, saved.base_version), saved.base_version, parts)
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

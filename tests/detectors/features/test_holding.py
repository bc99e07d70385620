"""Who is held, at the sizes where the way of counting changes; and what of it survives."""

import pytest
from msgspec.structs import replace
from pyroaring import BitMap, BitMap64

from detectors.errors import StateError
from detectors.event import Participants
from detectors.features.ledger_state import LedgerState
from detectors.features.participant_sets import (
    FOLD_PARTICIPANTS_MIN,
    NO_PARTICIPANTS,
    ParticipantSet,
    as_bitmap,
    empty_holding,
    held_together,
    participants_of,
    take,
    unheld,
)
from detectors.features.saved_ledger import load_ledger, parts_of, save_ledger

# Beside the size at which one by one gives way to the algebra of bitmaps.
SIZES = (1, 63, 64, 65, 66, 200)


def people_of(first: int, size: int, kind: str) -> ParticipantSet:
    """Return neighbours, as one of the three kinds of set."""
    neighbours = range(first, first + size)
    kinds: dict[str, ParticipantSet] = {
        "range": neighbours,
        "set": set(neighbours),
        "bitmap": BitMap64(neighbours),
    }
    return kinds[kind]


@pytest.mark.parametrize("kind", ["range", "set", "bitmap"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("folded", [False, True])
def test_whoever_is_not_held_is_new(kind: str, size: int, *, folded: bool) -> None:
    """None, some or all of them, in the recent part or the base, whatever they are given as."""
    holding = empty_holding()
    before = FOLD_PARTICIPANTS_MIN + folded
    assert take(holding, range(before)) == range(before)
    assert (holding.base_version, holding.recent_count) == ((1, 0) if folded else (0, before))
    for new in {0, 1, size // 2, size}:
        people = people_of(before + new - size, size, kind)
        expected = set(range(before, before + new))
        assert set(unheld(people, holding)) == expected
    first = before - size // 2
    assert len(take(holding, people_of(first, size, kind))) == size - size // 2
    assert held_together([holding]) == holding.held_participants == before + size - size // 2


def test_whoever_is_held_partly_in_the_base_is_held() -> None:
    """Half were folded, half came since: nobody of them is new, and no set is made to say so."""
    holding = empty_holding()
    take(holding, range(FOLD_PARTICIPANTS_MIN + 1))
    first = FOLD_PARTICIPANTS_MIN + 1
    take(holding, range(first, first + 10))
    assert (holding.base_count, holding.recent_count) == (first, 10)
    for kind in ("range", "set"):
        assert unheld(people_of(first - 10, 20, kind), holding) is NO_PARTICIPANTS
        assert unheld(people_of(first, 10, kind), holding) is NO_PARTICIPANTS


def test_a_base_is_folded_when_a_quarter_has_come_and_four_thousand() -> None:
    """Not one participant before; a fold is a version of its own."""
    holding = empty_holding()
    take(holding, range(40_000))
    assert (holding.base_version, holding.base_count, holding.recent_count) == (1, 40_000, 0)
    take(holding, range(40_000, 40_000 + FOLD_PARTICIPANTS_MIN + 10_000))
    assert (holding.base_version, holding.base_count) == (1, 40_000)
    take(holding, {99_999})
    assert (holding.base_version, holding.base_count, holding.recent_count) == (2, 54_097, 0)
    assert (len(holding.base), len(holding.recent)) == (54_097, 0)


@pytest.mark.parametrize("size", SIZES)
def test_people_are_read_whatever_they_are_given_as(size: int) -> None:
    """Ids, ranges, several ranges and a bitmap; of a count nobody is known."""
    ids = [3 * number for number in range(size)]
    assert as_bitmap(participants_of(Participants(ids=ids)) or set()) == BitMap64(ids)
    assert participants_of(Participants(ranges=[(7, 6 + size)])) == range(7, 7 + size)
    several = participants_of(Participants(ranges=[(0, size - 1), (500, 500)]))
    assert several == BitMap64([*range(size), 500])
    assert participants_of(Participants(count=size)) is None


def test_people_may_be_given_as_a_bitmap_of_32_bits() -> None:
    """As libraries of Roaring bitmaps write it."""
    people = [0, 7, 70_000, 2**32 - 1]
    given = participants_of(Participants(bitmap=BitMap(people).serialize()))
    assert given is not None
    assert sorted(given) == people


def state_of_a_folded_ledger() -> LedgerState:
    """Return a ledger whose one dataset and one project have a base and something recent."""
    state = LedgerState()
    for holdings in (state.holdings, state.projects):
        holding = holdings["name"] = empty_holding()
        take(holding, range(5_000))
        take(holding, {9_000})
    return state


def test_a_base_is_a_part_named_after_kind_name_and_version() -> None:
    """So that a project is never taken for a dataset."""
    state = state_of_a_folded_ledger()
    state.holdings["small"] = empty_holding()
    state.today, state.today_count = BitMap64([3]), 1
    for holdings in (state.holdings, state.projects):
        holdings["name"].counted_participants = 70
    parts = {name: base.serialize() for name, base in parts_of(state)}
    assert set(parts) == {"dataset/name@1", "project/name@1"}
    loaded = load_ledger(save_ledger(state), parts)
    for holdings in (loaded.holdings, loaded.projects):
        assert (holdings["name"].base_count, holdings["name"].recent_count) == (5_000, 1)
        assert (len(holdings["name"].base), list(holdings["name"].recent)) == (5_000, [9_000])
        assert (holdings["name"].base_version, holdings["name"].counted_participants) == (1, 70)
    assert (list(loaded.today), loaded.today_count) == ([3], 1)


def test_all_counts_of_a_ledger_survive() -> None:
    """Each beside the sets that it is not read off."""
    counts = {
        "held_participants": 5,
        "exempted_participants": 3,
        "exempted": {"export": 3},
        "capped_bytes": {"": 7},
        "classes": {"genome": 5},
        "estimated": {"imaging": 11},
    }
    state = LedgerState()
    for name, value in counts.items():
        setattr(state, name, value)
    loaded = load_ledger(save_ledger(state), {})
    assert {name: getattr(loaded, name) for name in counts} == counts


def test_a_ledger_whose_part_is_missing_or_damaged_is_refused_by_its_name() -> None:
    """An institution's past is never taken as empty."""
    state = state_of_a_folded_ledger()
    parts = {name: base.serialize() for name, base in parts_of(state)}
    missing = {name: raw for name, raw in parts.items() if name != "project/name@1"}
    with pytest.raises(StateError, match="needs part 'project/name@1', which is missing"):
        load_ledger(save_ledger(state), missing)
    with pytest.raises(StateError, match="holdings of 'dataset/name@1' are damaged"):
        load_ledger(save_ledger(state), parts | {"dataset/name@1": b"x"})


@pytest.mark.parametrize("name", ["name", "today"])
def test_recent_holdings_that_are_damaged_are_refused_by_their_name(name: str) -> None:
    """The rest of the ledger says nothing of them."""
    state = state_of_a_folded_ledger()
    parts = {part: base.serialize() for part, base in parts_of(state)}
    saved = save_ledger(state)
    if name == "today":
        saved = replace(saved, today=b"x")
    else:
        damaged = replace(saved.holdings["name"], recent=b"x")
        saved = replace(saved, holdings={"name": damaged})
    with pytest.raises(StateError, match=f"holdings of '{name}' are damaged"):
        load_ledger(saved, parts)

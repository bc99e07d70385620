"""Profiles in the checkpoint protocol: opened and loaded with their entry, dumped in parts."""

import pytest

from detectors.config import CoreConfig
from detectors.pipeline import judge
from detectors.register import UNKNOWN, UNKNOWN_NAME, Institution, Register
from detectors.snapshot import dump
from streams.state.partition_state import LoadedProfile
from streams.state.profile_core import ProfileCore, show_as
from tests.builders import taking

ENTRY = Institution(id="north", participants_max=1_000)
CORE = ProfileCore(CoreConfig(), register=Register(institutions=(ENTRY,)))


def test_a_profile_is_opened_and_loaded_with_its_own_entry() -> None:
    """Its caps hold from its first event on, and after every restart; nobody else has them."""
    north = CORE.open("north")
    saved = CORE.dump(north, known=frozenset())
    loaded = CORE.load(saved.main, saved.new_parts, institution="north")
    assert north.entry.participants_max == loaded.entry.participants_max == 1_000
    assert CORE.open("south").entry.participants_max is None


def test_a_profile_is_shown_as_registered() -> None:
    """However its identity is written; an unknown one as it came, and all the others as unknown."""
    register = Register(institutions=(Institution(id="Uni-Bern"),))
    core = ProfileCore(CoreConfig(), register=register)
    shown = [core.open(judge).state.institution for judge in ("uni-bern", "uni-basel", UNKNOWN)]
    assert shown == ["Uni-Bern", "uni-basel", UNKNOWN_NAME]


def test_what_is_known_is_not_dumped_again() -> None:
    """Large parts never change under one name, and are written once."""
    north = CORE.open("north")
    judge(north, taking(20_000, time=1_767_225_600_000))
    first = CORE.dump(north, known=frozenset())
    assert first.new_parts
    assert first.names == frozenset(first.new_parts)
    again = CORE.dump(north, known=first.names)
    assert (again.main, again.names, again.new_parts) == (first.main, first.names, {})
    loaded = CORE.load(first.main, first.new_parts, institution="north")
    assert dump(loaded).main == dump(north).main


@pytest.mark.parametrize(
    ("institution", "applied_offset", "shown"),
    [
        pytest.param("south", -1, "South", id="nothing has come under a name yet"),
        pytest.param("south", 0, "south", id="the first spelling stays"),
        pytest.param("north", -1, "north", id="a registered one is called as registered"),
        pytest.param("north", 0, "north", id="registered and known"),
    ],
)
def test_who_is_in_no_register_is_shown_as_first_spelt(
    institution: str, applied_offset: int, shown: str
) -> None:
    """What people read is a name that somebody wrote, and it does not change."""
    profile = CORE.open(institution)
    show_as(LoadedProfile(profile, applied_offset), institution.title())
    assert profile.state.institution == shown

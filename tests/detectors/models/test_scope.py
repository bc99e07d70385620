"""Scope of institutions: who stands in no register, and who has approvals to be held against."""

import pytest

from detectors.detector import Breach
from detectors.models.scope import Scope, ScopeConfig, scope_of
from detectors.register import UNKNOWN_ENTRY, Institution, Project
from tests.builders import event, rule_input


@pytest.mark.parametrize("exempted", [0, 1])
def test_a_name_that_no_register_has_is_out_of_scope_at_once(exempted: int) -> None:
    """Whatever it read, and for whatever project."""
    read = rule_input(event(project="heart"), unregistered=True, exempted=exempted)
    assert Scope(UNKNOWN_ENTRY).evaluate(read) == Breach(
        detector="scope",
        feature="institution_not_registered",
        window_seconds=300,
        observed=1.0,
        expected=0.0,
    )


@pytest.mark.parametrize(
    ("entry", "has_a_rule"),
    [
        (Institution(id="north"), False),
        (Institution(id="north", projects=(Project(id="heart"),)), True),
        (UNKNOWN_ENTRY, True),
    ],
    ids=["no project", "a project", "nobody registered"],
)
def test_there_is_a_rule_where_something_was_approved_or_nobody_is_known(
    entry: Institution, *, has_a_rule: bool
) -> None:
    """An institution without projects has nothing to leave."""
    assert (scope_of(ScopeConfig(), entry) is not None) == has_a_rule

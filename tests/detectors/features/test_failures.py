"""What leaves with requests that failed, and how many of them carry bytes."""

import pytest

from detectors.config import CoreConfig
from detectors.event import AccessEvent, Outcome
from detectors.features.datasets import GIB, DatasetConfig
from detectors.features.failures import (
    ERROR_PAGE_BYTES_MAX,
    FailuresState,
    broke_off,
    failures_of,
    note_failed,
)
from detectors.features.windows import Quantity, Window
from detectors.instants import DAY_MS
from detectors.pipeline import Profile, judge, open_profile
from detectors.register import Institution, Project
from detectors.verdict import FailedRequests
from tests.builders import alerts_of, event, taking

PAGE_BYTES = 512
FAILED: tuple[Outcome, ...] = ("error", "denied")


def judged(*events: AccessEvent, config: CoreConfig | None = None) -> Profile:
    """Return the profile of north after some events."""
    profile = open_profile("north", config=config or CoreConfig())
    for each in events:
        judge(profile, each)
    return profile


@pytest.mark.parametrize("outcome", FAILED)
def test_a_transfer_that_broke_off_counts_as_any_other(outcome: Outcome) -> None:
    """Beyond the size of an error's page it is data that left: of those whom the request names."""
    broken = taking(3_000, outcome=outcome, bytes=ERROR_PAGE_BYTES_MAX + 1)
    assert judged(broken).ledger.taken_participants == 3_000


@pytest.mark.parametrize("outcome", FAILED)
def test_the_page_of_an_error_brings_nobody_and_its_bytes_count(outcome: Outcome) -> None:
    """The people are those asked for; what left are some bytes."""
    profile = judged(taking(3_000, outcome=outcome, bytes=PAGE_BYTES))
    assert profile.ledger.taken_participants == 0
    assert profile.windows.total(Window.DAY, Quantity.BYTES) == PAGE_BYTES
    assert profile.state.today.hour_bytes == PAGE_BYTES
    assert profile.state.unnamed.events_count == 0


@pytest.mark.parametrize("size", [PAGE_BYTES, GIB])
def test_where_bytes_stand_for_people_those_of_an_error_do_too(size: int) -> None:
    """Declared by the GiB, every byte counts, whatever the outcome says."""
    datasets = {"imaging": DatasetConfig(people=200, per="gib")}
    config = CoreConfig(datasets=datasets)
    failed = judged(event(outcome="error", bytes=size), config=config)
    passed = judged(event(bytes=size), config=config)
    assert failed.ledger.taken_participants == passed.ledger.taken_participants > 0


def test_where_files_stand_for_people_the_page_of_an_error_is_no_file() -> None:
    """Declared by the file, only a transfer that broke off counts as one."""
    config = CoreConfig(datasets={"imaging": DatasetConfig(people="all")})
    page, broken = (event(outcome="error", bytes=size) for size in (PAGE_BYTES, GIB))
    assert judged(page, config=config).ledger.taken_participants == 0
    assert judged(broken, config=config).ledger.taken_participants == 500_000


def test_undeclared_bytes_of_an_error_are_unnamed_ones() -> None:
    """Nothing says of whom they are: they are told, and held against the institution's past."""
    profile = judged(event(outcome="error", bytes=GIB))
    assert (profile.state.unnamed.events_count, profile.state.unnamed.bytes) == (1, GIB)
    assert profile.state.today.hour_unnamed_bytes == GIB


def test_bytes_of_pages_count_under_a_cap() -> None:
    """Nobody takes what is capped piece by piece, each in an error's page."""
    entry = Institution(id="north", bytes_max=10 * PAGE_BYTES)
    profile = open_profile("north", config=CoreConfig(), entry=entry)
    pages = [event(id=str(number), outcome="error", bytes=PAGE_BYTES) for number in range(10)]
    (alert,) = alerts_of(profile, [*pages, event(id="last", bytes=1)])
    assert alert.reasons[0].feature == "institution_bytes"
    assert alert.failed == FailedRequests(count=10, with_bytes_count=10, bytes=10 * PAGE_BYTES)


def test_a_request_that_is_denied_breaks_no_approval() -> None:
    """Whoever asks for what is not theirs, and gets a page that says so, has read nothing."""
    entry = Institution(id="north", projects=(Project(id="p", datasets=("genomics",)),))
    profile = open_profile("north", config=CoreConfig(), entry=entry)
    assert alerts_of(profile, [event(project="p", outcome="denied", bytes=PAGE_BYTES)]) == []


def test_failures_are_those_of_seven_days() -> None:
    """Late ones count on their day; what is older than seven days is forgotten."""
    state = FailuresState()
    for day, size in ((10, 0), (10, 5), (12, 7), (3, 9), (9, 1), (16, 0)):
        note_failed(state, event(outcome="error", bytes=size), day=day, open_day=max(10, day))
    assert failures_of(state, 16) == FailedRequests(count=4, with_bytes_count=2, bytes=12)
    assert failures_of(state, 18).with_bytes_ratio == 0.5
    assert failures_of(state, 40) == FailedRequests()
    assert len(state.days) == 3


@pytest.mark.parametrize(
    ("rows", "size", "is_broken_off"),
    [(0, ERROR_PAGE_BYTES_MAX, False), (0, ERROR_PAGE_BYTES_MAX + 1, True), (1, 0, True)],
)
def test_a_row_or_more_than_a_page_is_a_transfer(
    rows: int, size: int, *, is_broken_off: bool
) -> None:
    """The largest page is a page still."""
    assert broke_off(event(outcome="error", rows=rows, bytes=size)) == is_broken_off


def test_seven_days_end_with_the_open_one() -> None:
    """What is dated a week before is none of them, and a byte is bytes."""
    state = FailuresState()
    for day, open_day in ((10, 10), (10, 16), (9, 16)):
        note_failed(state, event(outcome="error", bytes=1), day=day, open_day=open_day)
    assert state.days == {10: (2, 2, 2)}
    assert failures_of(state, 16) == FailedRequests(count=2, with_bytes_count=2, bytes=2)
    assert failures_of(state, 17) == FailedRequests()


def test_the_days_of_failures_are_bounded() -> None:
    """However many years of errors there are."""
    errors = (event(id=str(day), time=day * DAY_MS, outcome="error") for day in range(40))
    assert len(judged(*errors).state.failures.days) == 7

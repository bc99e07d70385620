"""What datasets are declared to be: whom a file stands for, and what is counted apart."""

import msgspec
import pytest

from detectors.config import CoreConfig
from detectors.event import AccessEvent, Participants
from detectors.features.datasets import GIB, DatasetConfig
from detectors.instants import DAY_MS, HOUR_MS
from detectors.models.volume import Volume
from detectors.pipeline import Profile, judge, open_profile
from detectors.register import Institution, Project
from detectors.verdict import Alert
from tests.builders import alerts_of, event, taking

START_MS = 1_767_225_600_000
EVERYBODY = 500_000


def north(entry: Institution | None = None, **datasets: DatasetConfig) -> Profile:
    """Return the profile of an institution never seen before, where datasets are declared."""
    return open_profile("north", config=CoreConfig(datasets=datasets), entry=entry)


def files(count: int, **changes: object) -> AccessEvent:
    """Return an event of whole files that names and counts nobody."""
    return event(files=count, bytes=2 * GIB, time=START_MS, **changes)


@pytest.mark.parametrize(
    ("config", "new"),
    [
        (DatasetConfig(people="all"), EVERYBODY),
        (DatasetConfig(people="all", size=1_200), 1_200),
        (DatasetConfig(people=40), 120),
        (DatasetConfig(people=40, per="request"), 40),
        (DatasetConfig(people=300, per="gib"), 600),
    ],
    ids=["whole cohort", "whole relation", "by file", "by request", "by size"],
)
def test_an_event_that_names_nobody_is_counted_by_the_declaration(
    config: DatasetConfig, new: int
) -> None:
    """Its files, itself or its bytes say how many people left, at most."""
    profile = north(imaging=config)
    judge(profile, files(3))
    assert profile.ledger.taken_participants == new
    assert profile.ledger.state.holdings["imaging"].counted_participants == new
    assert (profile.state.unnamed.events_count, profile.state.counted_events) == (0, 1)


def test_who_is_named_or_counted_is_not_counted_by_a_declaration() -> None:
    """People and rows say more of this one event than what is declared for all."""
    profile = north(imaging=DatasetConfig(people="all"))
    judge(profile, taking(30, id="named", files=1, time=START_MS))
    judge(profile, files(1, id="rows", rows=12))
    assert profile.ledger.taken_participants == 42


def test_a_file_of_everybody_brings_all_but_those_already_held() -> None:
    """Then nobody is left to take: not by name, nor by another file."""
    profile = north(imaging=DatasetConfig(people="all"))
    judge(profile, taking(6_000, id="named", time=START_MS))
    (alert,) = alerts_of(profile, [files(1, id="file")])
    assert alert.taken_participants == EVERYBODY
    assert alert.coverage[0].kind == "upper_bound"
    assert alert.coverage[0].after_ratio == 1.0
    judge(profile, files(1, id="again"))
    judge(profile, taking(9_000, first=200_000, id="later", time=START_MS))
    assert profile.ledger.taken_participants == EVERYBODY


def test_the_genomes_of_people_whose_answers_are_held_are_new() -> None:
    """Each class of datasets is counted apart, and alerted of apart."""
    answers = [taking(EVERYBODY, id="answers", dataset="answers", time=START_MS)]
    genomes = [taking(EVERYBODY, id="genomes", dataset="genomes", time=START_MS + 40 * DAY_MS)]
    apart, alike = north(genomes=DatasetConfig(class_name="genome")), north()
    assert [judge(profile, answers[0]) != () for profile in (apart, alike)] == [True, True]
    changes = [
        [alert.change for alert in alerts_of(profile, genomes)] for profile in (apart, alike)
    ]
    assert changes == [["close", "create"], ["close"]]
    assert apart.ledger.taken_participants == 2 * EVERYBODY


@pytest.mark.parametrize("granted", ["declared", "registered", "registered for the dataset"])
def test_a_class_has_a_cap_of_its_own(granted: str) -> None:
    """Beyond it every new person is a breach; a registered cap goes before the declared one."""
    config = DatasetConfig(
        class_name="genome", participants_max=300 if granted == "declared" else 5
    )
    caps = {
        "declared": {},
        "registered": {"genome": 300},
        "registered for the dataset": {"genome": 9_000, "vcf-1": 300},
    }
    entry = Institution(id="north", participants_max=EVERYBODY, dataset_caps=caps[granted])
    profile = north(entry, **{"vcf-*": config})

    def breaches(first: int) -> list[Alert]:
        taken = taking(100, first=first, id=str(first), dataset="vcf-1", time=START_MS)
        return alerts_of(profile, [taken])

    assert [breaches(first) != [] for first in (0, 100, 200, 200, 300)] == [*[False] * 4, True]


def test_a_file_of_everybody_breaks_the_cap_of_its_class() -> None:
    """A declared file counts towards caps, which a mere count never does."""
    entry = Institution(id="north", dataset_caps={"genome": 300})
    config = DatasetConfig(class_name="genome", people="all")
    (alert,) = alerts_of(north(entry, imaging=config), [files(1)])
    assert "dataset_participants" in {detail.feature for detail in alert.reasons}
    counted = event(participants=Participants(count=900), time=START_MS)
    assert alerts_of(north(entry, imaging=DatasetConfig(class_name="genome")), [counted]) == []


def test_a_file_of_everybody_breaks_the_cap_of_its_dataset() -> None:
    """As much as it is declared to stand for; without a declaration a count breaks none."""
    entry = Institution(id="north", dataset_caps={"imaging": 300})
    (alert,) = alerts_of(north(entry, imaging=DatasetConfig(people=301)), [files(1)])
    assert "dataset_participants" in {detail.feature for detail in alert.reasons}
    assert alerts_of(north(entry, imaging=DatasetConfig(people=300)), [files(1)]) == []
    counted = event(participants=Participants(count=301), time=START_MS)
    assert alerts_of(north(entry), [counted]) == []


def test_a_project_may_hold_so_many_of_each_class() -> None:
    """What it holds of questionnaires does not use up what it may hold of genomes."""
    entry = Institution(id="north", projects=(Project(id="p", participants_max=200),))
    profile = north(entry, genomes=DatasetConfig(class_name="genome"))
    both = [
        taking(200, id=name, dataset=name, project="p", time=START_MS)
        for name in ("answers", "genomes")
    ]
    assert alerts_of(profile, both) == []
    over = taking(201, id="over", dataset="genomes", project="p", time=START_MS)
    (alert,) = alerts_of(profile, [over])
    assert alert.reasons[0].feature == "project_participants"


def test_a_count_that_is_read_again_and_again_never_passes_the_cohort() -> None:
    """Neither in what was taken, nor in what is held, nor in any number of the sentence."""
    profile = north()
    counted = [
        event(
            id=str(number), time=START_MS + number * HOUR_MS, participants=Participants(count=9_000)
        )
        for number in range(120)
    ]
    alerts = alerts_of(profile, counted)
    assert alerts != []
    for alert in alerts:
        assert alert.taken_participants <= EVERYBODY
        assert all(row.held_participants <= EVERYBODY for row in alert.coverage)
        assert all(detail.observed <= EVERYBODY for detail in alert.reasons)
    # A million were read; drawn at random that is nearly nine tenths of everybody.
    assert 0.88 * EVERYBODY < profile.ledger.taken_participants < 0.89 * EVERYBODY


def test_a_sentence_says_that_people_are_weighed_and_counted_by_class() -> None:
    """For then there may be more of them than people in the cohort."""
    profile = north(imaging=DatasetConfig(class_name="image", weight=4.0))
    (alert,) = alerts_of(profile, [taking(400_000, time=START_MS)])
    assert alert.taken_participants == 1_600_000
    assert "weighed, and new once in each class of data" in alert.sentence


def test_what_nobody_is_named_for_is_counted_by_itself() -> None:
    """Without people, rows or a declaration there is only an institution, and bytes."""
    profile = north()
    judge(profile, files(1, id="one"))
    judge(profile, event(id="nothing", time=START_MS))
    unnamed = profile.state.unnamed
    assert (unnamed.events_count, unnamed.bytes) == (1, 2 * GIB)
    assert profile.ledger.taken_participants == 0


def growing(profile: Profile, *, named: bool) -> float:
    """Let an institution move more bytes every week for two months; return the last deviation."""
    people = Participants(ids=[1]) if named else None
    for hour in range(24 * 80):
        week = max(0, hour - 24 * 20) // 168
        size = (1_000_000 + 50_000 * (hour % 7)) * 5**week // 4**week
        moved = event(id=str(hour), time=START_MS + hour * HOUR_MS, bytes=size, participants=people)
        judge(profile, moved)
    volume = next(machine for machine in profile.detectors if isinstance(machine, Volume))
    today = profile.state.today
    at_ms = profile.state.frontier_ms
    return volume.deviations(at_ms, today.hour_bytes, unnamed_bytes=today.hour_unnamed_bytes)


def test_nobody_raises_their_own_usual_while_taking_what_names_nobody() -> None:
    """Bytes of which nothing else is known are held against the institution as it once was."""
    assert growing(north(), named=False) > 2.0 * growing(north(), named=True)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"a": {"weight": 2.0}}, "expected a `class` beside `weight`"),
        (
            {"a": {"class": "x", "weight": 2.0}, "b": {"class": "x"}},
            "datasets.b.weight: class 'x' has another already",
        ),
        (
            {"a*": {"participants_max": 3}},
            r"datasets.a\*.participants_max: expected a `class` beside a pattern's cap",
        ),
    ],
)
def test_declarations_that_cannot_hold_are_refused(
    document: dict[str, object], problem: str
) -> None:
    """One class has one weight, and a cap something to count."""
    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.convert({"datasets": document}, CoreConfig)

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import ceil, prod

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64

from detectors.event import AccessEvent, Participants
from detectors.features.datasets import DatasetConfig, catalogue_of
from detectors.features.ledger import Ledger
from detectors.features.ledger_state import LedgerState
from detectors.features.participant_sets import empty_holding, take
from detectors.features.saved_ledger import load_ledger, parts_of, save_ledger
from detectors.register import Exemption, Institution

COHORT_SIZE = 20_000
START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR_MS = 3_600_000
START_MS = int(START.timestamp()) * 1_000

# Long ranges reach the fold, single people the short end of it.
RANGES = st.tuples(
    st.integers(0, COHORT_SIZE - 1), st.one_of(st.integers(1, 40), st.integers(3_000, 9_000))
).map(lambda pair: (pair[0], min(COHORT_SIZE, pair[0] + pair[1]) - 1))
PEOPLE = st.lists(RANGES, max_size=3)
DATASETS = st.sampled_from(["imaging", "genomes", "surveys", "records"])


def members(ranges: list[tuple[int, int]]) -> set[int]:
    """Return the same people as a plain set."""
    return {participant for first, last in ranges for participant in range(first, last + 1)}


def taking(
    number: int,
    dataset: str,
    participants: Participants | None,
    *,
    rows: int = 0,
    project: str | None = None,
) -> AccessEvent:
    """Return one successful event of one institution, one an hour."""
    return AccessEvent(
        id=str(number),
        time=START_MS + number * HOUR_MS,
        institution="north",
        dataset=dataset,
        participants=participants,
        rows=rows,
        project=project,
    )


def ledger_of(
    *exemptions: Exemption,
    datasets_max: int = 64,
    datasets: Mapping[str, DatasetConfig] = {},
    state: LedgerState | None = None,
) -> Ledger:
    """Return a ledger against a register entry, an empty one unless a state is given."""
    return Ledger(
        LedgerState() if state is None else state,
        Institution(id="north", exemptions=exemptions),
        datasets_max=datasets_max,
        cohort_size=COHORT_SIZE,
        catalogue=catalogue_of(datasets),
    )


@given(takings=st.lists(PEOPLE, max_size=12))
def test_a_holding_is_the_union_of_all_that_was_taken(
    takings: list[list[tuple[int, int]]],
) -> None:
    """Folds move people from recent to base; they lose none, double none, and invent none."""
    holding, everybody = empty_holding(), set[int]()
    versions = [0]
    for ranges in takings:
        people = members(ranges)
        assert set(take(holding, BitMap64(people))) == people - everybody
        everybody |= people
        assert set(holding.base | holding.recent) == everybody
        assert not holding.base & holding.recent
        assert holding.held_participants == len(everybody)
        versions.append(holding.base_version)
    assert versions == sorted(versions)


@given(takings=st.lists(PEOPLE, max_size=12))
def test_a_base_changes_only_under_a_new_version(takings: list[list[tuple[int, int]]]) -> None:
    """What is kept under a version's name is never rewritten with other people."""
    holding = empty_holding()
    named: dict[int, bytes] = {}
    for ranges in takings:
        take(holding, BitMap64(members(ranges)))
        raw = holding.base.serialize()
        assert named.setdefault(holding.base_version, raw) == raw


@given(takings=st.lists(st.tuples(DATASETS, PEOPLE), max_size=12))
def test_new_is_what_was_never_held_in_any_dataset(
    takings: list[tuple[str, list[tuple[int, int]]]],
) -> None:
    """New participants are the set difference to all datasets together, and held is their sum."""
    ledger, everybody = ledger_of(), set[int]()
    by_dataset: dict[str, set[int]] = {}
    for number, (dataset, ranges) in enumerate(takings):
        people = members(ranges)
        event = taking(number, dataset, Participants(ranges=ranges))
        taken = ledger.take(event, at_ms=START_MS)
        assert (taken.read, taken.new) == (len(people), len(people - everybody))
        everybody |= people
        if people:
            by_dataset.setdefault(dataset, set()).update(people)
        assert ledger.state.held_participants == len(everybody)
    holdings = {
        name: set(holding.base | holding.recent) for name, holding in ledger.state.holdings.items()
    }
    assert holdings == by_dataset


@given(ids=st.lists(st.integers(0, COHORT_SIZE - 1), max_size=50), again=st.integers(min_value=1))
def test_reading_the_same_people_again_brings_nobody(ids: list[int], again: int) -> None:
    """The replay of an analysis holds no more than the analysis did."""
    ledger = ledger_of()
    first = ledger.take(taking(0, "imaging", Participants(ids=ids)), at_ms=START_MS)
    later_ms = START_MS + again % 10**12
    second = ledger.take(taking(1, "imaging", Participants(ids=ids)), at_ms=later_ms)
    assert (first.new, second.new) == (len(set(ids)), 0)
    assert second.read == first.read


@given(names=st.lists(st.integers(0, 30), max_size=40), datasets_max=st.integers(1, 8))
def test_ledgers_are_bounded_and_lose_nobody(names: list[int], datasets_max: int) -> None:
    """Datasets beyond the maximum are pooled: new stays exact, however many names there are."""
    ledger, everybody = ledger_of(datasets_max=datasets_max), set[int]()
    for number, name in enumerate(names):
        event = taking(number, f"set-{name}", Participants(ranges=[(name, name + 4)]))
        people = set(range(name, name + 5))
        assert ledger.take(event, at_ms=START_MS).new == len(people - everybody)
        everybody |= people
    assert len(ledger.state.holdings) <= datasets_max + 1
    assert ledger.state.held_participants == len(everybody)


@given(
    caps=st.lists(st.integers(0, 3_000), min_size=1, max_size=3),
    takings=st.lists(st.tuples(DATASETS, PEOPLE), max_size=12),
)
def test_an_exemption_never_covers_more_than_its_cap(
    caps: list[int], takings: list[tuple[str, list[tuple[int, int]]]]
) -> None:
    """What is exempted and what is new add up to the people gained, and no cap is passed."""
    exemptions = [
        Exemption(
            id=f"export-{number}",
            valid_from=START,
            valid_to=START + timedelta(days=9),
            participants_max=cap,
        )
        for number, cap in enumerate(caps)
    ]
    ledger, everybody, exempted = ledger_of(*exemptions), set[int](), 0
    for number, (dataset, ranges) in enumerate(takings):
        people = members(ranges)
        taken = ledger.take(
            taking(number, dataset, Participants(ranges=ranges)), at_ms=START_MS + number
        )
        assert taken.new + taken.exempted == len(people - everybody)
        everybody |= people
        exempted += taken.exempted
        assert exempted == min(sum(caps), len(everybody))
    assert all(ledger.state.exempted.get(f"export-{at}", 0) <= cap for at, cap in enumerate(caps))


@given(
    hours=st.lists(st.integers(-48, 96), max_size=10),
    dataset=st.none() | DATASETS,
    project=st.none() | st.sampled_from(["p1", "p2"]),
)
def test_an_exemption_covers_its_time_dataset_and_project_only(
    hours: list[int], dataset: str | None, project: str | None
) -> None:
    """One hour too late, another dataset or another project: not covered."""
    exemption = Exemption(
        id="export",
        valid_from=START,
        valid_to=START + timedelta(hours=24),
        dataset=dataset,
        project=project,
    )
    ledger = ledger_of(exemption)
    for number, hour in enumerate(hours):
        event = taking(number, "imaging", Participants(ids=[number]), project="p1")
        taken = ledger.take(event, at_ms=START_MS + hour * HOUR_MS)
        covered = 0 <= hour < 24 and dataset in (None, "imaging") and project in (None, "p1")
        assert (taken.exempted, taken.new) == ((1, 0) if covered else (0, 1))


@given(
    counts=st.lists(st.integers(0, 2**53), max_size=10),
    named=st.lists(RANGES, max_size=2),
    rows=st.booleans(),
)
def test_counts_are_a_bound_and_what_is_new_of_them_never_passes_the_cohort(
    counts: list[int], named: list[tuple[int, int]], *, rows: bool
) -> None:
    """Who sends only counts, or only rows, holds at most everybody, and takes nobody twice."""
    ledger, taken_participants = ledger_of(), 0
    for number, count in enumerate(counts):
        event = (
            taking(number, "imaging", None, rows=count)
            if rows
            else taking(number, "imaging", Participants(count=count))
        )
        taken = ledger.take(event, at_ms=START_MS)
        assert taken.read == min(count, COHORT_SIZE)
        assert 0 <= taken.new <= taken.read
        assert taken.named is (count == 0)
        taken_participants += taken.new
    for number, people in enumerate(named):
        event = taking(100 + number, "imaging", Participants(ranges=[people]))
        taken_participants += ledger.take(event, at_ms=START_MS).new
    assert taken_participants == ledger.taken_participants <= COHORT_SIZE
    counted = sum(holding.counted_participants for holding in ledger.state.holdings.values())
    assert counted == min(COHORT_SIZE, sum(min(count, COHORT_SIZE) for count in counts))


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_small_counts_are_not_rounded_away(counts: list[int]) -> None:
    """One person a request is as many as all of them in one: of a large cohort, hardly a repeat."""
    ledger = ledger_of()
    for number, count in enumerate(counts):
        ledger.take(taking(number, "imaging", Participants(count=count)), at_ms=START_MS)
    drawn = COHORT_SIZE * (1.0 - prod(1.0 - count / COHORT_SIZE for count in counts))
    assert drawn - 0.001 <= ledger.taken_participants <= sum(counts)


CLASSES = {
    "genomes": DatasetConfig(class_name="genome"),
    "imaging": DatasetConfig(class_name="image", weight=2.5),
}


@given(takings=st.lists(st.tuples(DATASETS, PEOPLE), max_size=12), place=st.integers(0, 12))
def test_new_is_a_person_of_a_class_weighed(
    takings: list[tuple[str, list[tuple[int, int]]]], place: int
) -> None:
    """Who is held in one class is new in another, once; a restart anywhere changes nothing."""
    ledger = ledger_of(datasets=CLASSES)
    by_class: dict[str, set[int]] = {"": set(), "genome": set(), "image": set()}
    taken_participants = 0
    for number, (dataset, ranges) in enumerate(takings):
        if number == place:
            parts = {name: base.serialize() for name, base in parts_of(ledger.state)}
            state = load_ledger(save_ledger(ledger.state), parts)
            assert state.today_count == ledger.state.today_count
            ledger = ledger_of(datasets=CLASSES, state=state)
        class_name = CLASSES[dataset].class_name if dataset in CLASSES else ""
        by_class[class_name] |= members(ranges)
        event = taking(number, dataset, Participants(ranges=ranges))
        taken_participants += ledger.take(event, at_ms=START_MS).new
        assert ledger.class_participants(dataset) == len(by_class[class_name])
    weighed = len(by_class[""]) + len(by_class["genome"]) + ceil(2.5 * len(by_class["image"]))
    assert taken_participants == ledger.taken_participants == weighed
    # Without its declarations everything is of one class again.
    assert ledger_of(state=ledger.state).taken_participants == len(set().union(*by_class.values()))

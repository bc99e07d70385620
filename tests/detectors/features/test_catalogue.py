"""What is declared of datasets: what holds for a name, and whom an event stands for."""

import pytest

from detectors.features.class_totals import ClassTotals
from detectors.features.datasets import (
    COMMON_CLASS,
    GIB,
    WEIGHT_UNITS,
    Catalogue,
    DatasetConfig,
    Declared,
    caps_of,
    catalogue_of,
    check_datasets,
    people_of,
)
from detectors.features.ledger_state import OF_CLASS, OTHER_DATASETS, LedgerState
from detectors.features.occupancy import PERSON_UNITS, new_units
from tests.builders import event

NAMES = {
    name: DatasetConfig(class_name=f"class of {name}")
    for name in ("vcf-22", "vcf-*", "vcf-2?", "vcf-[0-9]*", "*-22", "*-33")
}


@pytest.mark.parametrize(
    ("dataset", "declaration"),
    [
        pytest.param("vcf-22", "vcf-22", id="its own name"),
        pytest.param("vcf-21", "vcf-[0-9]*", id="the longest pattern"),
        pytest.param("vcf-x", "vcf-*", id="the only pattern"),
        pytest.param("bam-22", "*-22", id="a pattern of the end"),
        pytest.param("VCF-x", None, id="another case"),
        pytest.param("survey", None, id="no pattern"),
    ],
)
def test_the_name_is_meant_before_the_longest_pattern(
    dataset: str, declaration: str | None
) -> None:
    """Whatever is asked for first, and however often."""
    catalogue = Catalogue(NAMES)
    expected = f"class of {declaration}" if declaration else COMMON_CLASS
    for _ in range(2):
        assert catalogue.declared(dataset).class_name == expected


def test_of_patterns_of_one_length_the_first_in_the_alphabet_is_meant() -> None:
    """So that the order of a file says nothing."""
    pair = [("a*", DatasetConfig(class_name="front")), ("*b", DatasetConfig(class_name="back"))]
    for order in (pair, pair[::-1]):
        assert Catalogue(dict(order)).declared("ab").class_name == "back"


def test_weights_are_whole_parts_and_never_nothing() -> None:
    """Undeclared classes weigh one; the least weight is one part of it."""
    catalogue = catalogue_of(
        {
            "a": DatasetConfig(class_name="heavy", weight=2.5),
            "b": DatasetConfig(class_name="light", weight=0.001),
            "c": DatasetConfig(people=3),
        }
    )
    assert catalogue.weights == {COMMON_CLASS: WEIGHT_UNITS, "heavy": 2_560, "light": 1}
    assert catalogue.declared("a").weight_units == 2_560
    assert (bool(catalogue), bool(catalogue_of({}))) == (True, False)
    assert bool(catalogue_of({"a*": DatasetConfig()}))


def test_names_that_are_looked_up_are_not_remembered_for_ever() -> None:
    """Producers may make up a name for each event."""
    catalogue = catalogue_of({"vcf-*": DatasetConfig(class_name="genome")})
    for number in range(10_000):
        assert catalogue.declared(f"vcf-{number}").class_name == "genome"
        assert len(catalogue._cached) <= 4_096


@pytest.mark.parametrize(
    ("config", "files", "size", "people"),
    [
        pytest.param(DatasetConfig(), 3, 5, 0, id="nothing is declared"),
        pytest.param(DatasetConfig(people=40), 3, 5, 120, id="by file"),
        pytest.param(DatasetConfig(people=40), 0, 5, 40, id="one file where none is said"),
        pytest.param(DatasetConfig(people=40, per="request"), 3, 5, 40, id="by request"),
        pytest.param(DatasetConfig(people=40, per="gib"), 3, GIB, 40, id="by one GiB"),
        pytest.param(DatasetConfig(people=40, per="gib"), 3, GIB + 1, 41, id="rounded up"),
        pytest.param(DatasetConfig(people=40, per="gib"), 3, 0, 0, id="of no bytes nobody"),
        pytest.param(DatasetConfig(people="all"), 1, 5, 1_000, id="all of the cohort"),
        pytest.param(DatasetConfig(people="all", size=70), 9, 5, 70, id="all of it, once"),
        pytest.param(DatasetConfig(people=600), 2, 5, 1_000, id="never more than the cohort"),
        pytest.param(DatasetConfig(people=600, size=2_000), 2, 5, 1_000, id="nor than its size"),
        pytest.param(DatasetConfig(people=60, size=70), 2, 5, 70, id="never more than there are"),
        pytest.param(
            DatasetConfig(people="all", per="gib"), 1, GIB // 2, 500, id="half a GiB is half"
        ),
        pytest.param(DatasetConfig(people="all", per="gib"), 1, 3 * GIB, 1_000, id="three are all"),
    ],
)
def test_an_event_stands_for_as_many_as_are_declared(
    config: DatasetConfig, files: int, size: int, people: int
) -> None:
    """At most, of a cohort of a thousand."""
    taken = event(files=files, bytes=size)
    assert people_of(Declared(config=config), taken, cohort_size=1_000) == people


def test_the_least_cap_of_a_class_holds() -> None:
    """By the class where there is one, else by the dataset."""
    assert caps_of(
        {
            "a": DatasetConfig(class_name="genome", participants_max=300),
            "b": DatasetConfig(class_name="genome", participants_max=200),
            "c": DatasetConfig(class_name="genome", participants_max=400),
            "d": DatasetConfig(participants_max=0),
            "e": DatasetConfig(),
        }
    ) == {"genome": 200, "d": 0}


@pytest.mark.parametrize(
    ("count", "held", "size", "people"),
    [
        (400, 0.0, 1_000, 400.0),
        (400, 500.0, 1_000, 200.0),
        (2_000, 250.0, 1_000, 750.0),
        (400, 1_000.0, 1_000, 0.0),
        (400, 1_100.0, 1_000, 0.0),
        (0, 0.0, 1_000, 0.0),
    ],
)
def test_of_a_count_as_many_are_new_as_are_not_held(
    count: int, held: float, size: int, people: float
) -> None:
    """In proportion, never more than are left."""
    units = new_units(count, held_units=round(held * PERSON_UNITS), size=size)
    assert units == people * PERSON_UNITS


def test_many_small_requests_lose_nobody() -> None:
    """Parts of a person are rounded up."""
    assert new_units(1, held_units=PERSON_UNITS, size=3 * PERSON_UNITS) == PERSON_UNITS
    assert new_units(1, held_units=3 * PERSON_UNITS - 1, size=3) == 1


def test_a_weight_is_that_of_a_class() -> None:
    """Of the common class it is one."""
    with pytest.raises(ValueError, match=r"^expected a `class` beside `weight`$"):
        DatasetConfig(weight=2.0)


def test_a_pool_is_of_its_class() -> None:
    """Of one that is declared no more it is of the common one."""
    catalogue = catalogue_of({"vcf-*": DatasetConfig(class_name="genome")})
    totals = ClassTotals(LedgerState(), catalogue, cohort_size=10, has_spaces=False)
    names = [OTHER_DATASETS, *(OTHER_DATASETS + OF_CLASS + name for name in ("genome", "image"))]
    assert [totals.class_of(name) for name in names] == [COMMON_CLASS, "genome", COMMON_CLASS]
    assert [totals.class_of(name) for name in ("vcf-1", "imaging")] == ["genome", COMMON_CLASS]


def test_each_class_has_a_weight_of_its_own() -> None:
    """Another class may have another; one class has one."""
    genome, exome = (
        DatasetConfig(class_name=name, weight=weight) for name, weight in (("g", 2.0), ("x", 3.0))
    )
    check_datasets({"a": genome, "b": exome, "c": genome, "d": DatasetConfig()})
    with pytest.raises(ValueError, match="class 'g' has another already"):
        check_datasets({"a": genome, "b": DatasetConfig(class_name="g", weight=2.5)})

"""Caps on bytes, of a project and of its institution: who is over, by which number."""

import pytest

from detectors.detector import Breach
from detectors.models.coverage import Coverage, CoverageConfig, coverage_of
from detectors.register import Institution, Project
from tests.builders import event, rule_input

CAPPED = Institution(
    id="north",
    bytes_max=1_000,
    projects=(Project(id="heart", bytes_max=100), Project(id="liver")),
)


def over(feature: str, observed: float, expected: float) -> Breach:
    """Return what coverage says of a cap."""
    return Breach(
        detector="coverage",
        feature=feature,
        window_seconds=2_592_000,
        observed=observed,
        expected=expected,
    )


@pytest.mark.parametrize(
    ("project", "size", "project_bytes", "institution_bytes", "expected"),
    [
        pytest.param("heart", 5, 100, 1_000, None, id="both caps are met exactly"),
        pytest.param(
            "heart", 5, 101, 101, ("project_bytes", 101.0, 100.0), id="the project is over"
        ),
        pytest.param(
            "heart",
            5,
            103,
            1_003,
            ("project_bytes", 103.0, 100.0),
            id="both are over, and the narrower cap is said",
        ),
        pytest.param("heart", 2, 104, 104, None, id="over before, and no tenth further"),
        pytest.param(
            "heart",
            2,
            104,
            1_001,
            ("institution_bytes", 1_001.0, 1_000.0),
            id="no tenth further for the project, but the institution is over",
        ),
        pytest.param(
            "liver",
            5,
            0,
            1_005,
            ("institution_bytes", 1_005.0, 1_000.0),
            id="a project without a cap counts at the institution",
        ),
        pytest.param(
            None,
            5,
            0,
            1_001,
            ("institution_bytes", 1_001.0, 1_000.0),
            id="no project counts at the institution",
        ),
        pytest.param(None, 50, 0, 1_090, None, id="the institution was over, no tenth further"),
    ],
)
def test_a_cap_on_bytes_is_said_by_project_and_by_institution(
    project: str | None,
    size: int,
    project_bytes: int,
    institution_bytes: int,
    expected: tuple[str, float, float] | None,
) -> None:
    """When it is passed, and at each tenth of it beyond."""
    left = rule_input(
        event(project=project, bytes=size),
        project_bytes=project_bytes,
        institution_bytes=institution_bytes,
    )
    breach = Coverage(CAPPED).evaluate(left)
    assert breach == (expected and over(*expected))


@pytest.mark.parametrize(
    ("held_under_caps", "new", "feature"),
    [
        pytest.param(((300, 300),), 1, None, id="as many as may be held"),
        pytest.param(((301, 300),), 1, "dataset_participants", id="one more"),
        pytest.param(((9, 300), (301, 300)), 1, "dataset_participants", id="of the second cap"),
        pytest.param(((301, 300),), 0, None, id="nobody new came"),
    ],
)
def test_a_cap_on_a_dataset_is_said_when_somebody_new_is_beyond_it(
    held_under_caps: tuple[tuple[int, int], ...], new: int, feature: str | None
) -> None:
    """A dataset may have a cap of its own and one of its class."""
    read = rule_input(event(), new=new, held_under_caps=held_under_caps)
    breach = Coverage(Institution(id="north")).evaluate(read)
    assert breach == (feature and over(feature, 301.0, 300.0))


@pytest.mark.parametrize(
    ("entry", "is_limited"),
    [
        (Institution(id="north", projects=(Project(id="heart"),)), False),
        (Institution(id="north", participants_max=0), True),
        (Institution(id="north", bytes_max=0), True),
        (Institution(id="north", dataset_caps={"imaging": 0}), True),
        (Institution(id="north", projects=(Project(id="heart", participants_max=0),)), True),
        (Institution(id="north", projects=(Project(id="heart", bytes_max=0),)), True),
    ],
)
def test_there_is_a_rule_where_any_amount_is_limited(
    entry: Institution, *, is_limited: bool
) -> None:
    """A limit of nothing is a limit too."""
    assert (coverage_of(CoverageConfig(), entry) is not None) == is_limited

"""Step 4 of 7: the table of detectors and rules. A new one is a module, a row here and a card.

Everything else iterates over the rows: the configuration, the profile and its saved state, the
roll-over of the day, calibration, the explanation, sinks, the report and the pages of the site.
"""

from typing import Final

from msgspec import Struct

from detectors.calibration.tail import Tail
from detectors.detector import DetectorRow, Feature
from detectors.errors import CoreError
from detectors.models.canary import CanaryConfig, canary_of
from detectors.models.collusion.config import CollusionConfig
from detectors.models.coverage import CoverageConfig, coverage_of
from detectors.models.differencing.config import DifferencingConfig
from detectors.models.differencing.rule import Differencing
from detectors.models.differencing.state import DifferencingState
from detectors.models.drip import Drip, DripConfig, DripState
from detectors.models.excess import Excess, ExcessConfig
from detectors.models.multivariate import (
    Multivariate,
    MultivariateConfig,
    MultivariateState,
    channels_of,
)
from detectors.models.quota import QuotaConfig, quota_of
from detectors.models.scope import ScopeConfig, scope_of
from detectors.models.sweep import Sweep, SweepConfig
from detectors.models.unreadable import UnreadableConfig, UnreadableState
from detectors.models.volume import Volume, VolumeConfig, VolumeState

# What stands for every feature that a row does not name: those that the settings name.
ANY_FEATURE: Final = ""


def _took(what: str, *, against: str = "expected") -> str:
    return f"took {{observed:,.0f}} {what} in {{window}} ({against} {{expected:,.0f}})"


def _holds(what: str) -> str:
    return f"holds {{observed:,.0f}} {what} (approved {{expected:,.0f}})"


def _told_apart(whose: str) -> str:
    return (
        "asked {observed:,.0f} times in {window} for nearly the same people as before, all but a "
        f"few, for {whose} (allowed {{expected:,.0f}})"
    )


# Knots and slopes were fitted on calibration worlds; see docs/quality.md.
_ROWS: Final[dict[str, DetectorRow]] = {
    "excess": DetectorRow(
        config=ExcessConfig,
        card="docs/detectors/excess.md",
        detector=Excess,
        features={
            "new_participants": Feature(
                clause=_took("new participants"), counts_new_participants=True, shares_basis="new"
            )
        },
        tails={"excess": Tail(knots=((3.0, -1.0), (4.0, -1.9), (4.4, -2.5)), slope=2.3)},
    ),
    "sweep": DetectorRow(
        config=SweepConfig,
        card="docs/detectors/sweep.md",
        detector=Sweep,
        features={
            "walked_participants": Feature(
                clause=_took("participants in ascending order"), counts_new_participants=True
            ),
            "sliced_participants": Feature(
                clause=_took("new participants a few fields at a time"),
                reason="slicing",
                counts_new_participants=True,
                shares_basis="new",
            ),
        },
        tails={
            "sweep/sweep": Tail(knots=((3.0, -2.3),), slope=0.85),
            "sweep/slicing": Tail(knots=((3.0, -2.3),), slope=0.85),
        },
    ),
    "drip": DetectorRow(
        config=DripConfig,
        card="docs/detectors/drip.md",
        detector=Drip,
        state=DripState,
        features={
            "surplus_participants": Feature(
                clause=_took("new participants beyond its usual pace"),
                counts_new_participants=True,
            )
        },
        tails={"drip/90d": Tail(knots=((3.7, -2.0),), slope=0.85)},
    ),
    "multivariate": DetectorRow(
        config=MultivariateConfig,
        card="docs/detectors/multivariate.md",
        detector=Multivariate,
        state=MultivariateState,
        features={ANY_FEATURE: Feature(clause="had an unusual day ({name}: {observed:.3g})")},
        channels=channels_of,
        any_channel_tail=Tail(knots=((0.0, 0.0),), slope=1.0),
    ),
    "volume": DetectorRow(
        config=VolumeConfig,
        card="docs/detectors/volume.md",
        detector=Volume,
        state=VolumeState,
        features={
            "bytes": Feature(clause=_took("bytes"), shares_basis="hour_bytes", counts_bytes=True)
        },
        tails={"volume/1h": Tail(knots=((3.0, -2.0),), slope=0.4)},
    ),
    "quota": DetectorRow(
        config=QuotaConfig,
        card="docs/detectors/quota.md",
        window_rule=quota_of,
        features={
            "new_participants": Feature(
                clause=_took("new participants", against="limit"),
                counts_new_participants=True,
                shares_basis="gained",
            ),
            "bytes": Feature(clause=_took("bytes", against="limit"), counts_bytes=True),
            "rows": Feature(clause=_took("rows", against="limit")),
            "files": Feature(clause=_took("files", against="limit")),
        },
    ),
    "coverage": DetectorRow(
        config=CoverageConfig,
        card="docs/detectors/coverage.md",
        event_rule=coverage_of,
        features={
            "project_participants": Feature(clause=_holds("participants for one project")),
            "institution_participants": Feature(clause=_holds("participants")),
            "dataset_participants": Feature(clause=_holds("participants of one class of data")),
            "project_bytes": Feature(
                clause="received {observed:,.0f} bytes for one project (approved {expected:,.0f})"
            ),
            "institution_bytes": Feature(
                clause="received {observed:,.0f} bytes (approved {expected:,.0f})"
            ),
        },
    ),
    "scope": DetectorRow(
        config=ScopeConfig,
        card="docs/detectors/scope.md",
        event_rule=scope_of,
        features={
            "dataset_not_approved": Feature(
                clause="read a dataset outside its project's approval", shares_basis="event"
            ),
            "field_not_approved": Feature(
                clause="read fields outside its project's approval", shares_basis="event"
            ),
            "before_approval": Feature(
                clause="read before its project's approval began", shares_basis="event"
            ),
            "after_approval": Feature(
                clause="read after its project's approval ended", shares_basis="event"
            ),
            "institution_not_registered": Feature(
                clause="is not in the register", shares_basis="event"
            ),
        },
    ),
    "canary": DetectorRow(
        config=CanaryConfig,
        card="docs/detectors/canary.md",
        severity_min="high",
        event_rule=canary_of,
        features={
            "canaries": Feature(
                clause="read {observed:,.0f} canary records that nobody has reason to read",
                shares_basis="event",
            )
        },
    ),
    "differencing": DetectorRow(
        config=DifferencingConfig,
        card="docs/detectors/differencing.md",
        set_rule=Differencing,
        state=DifferencingState,
        features={
            "user_differences": Feature(clause=_told_apart("one user"), shares_basis="sets"),
            "project_differences": Feature(clause=_told_apart("one project"), shares_basis="sets"),
        },
    ),
    "unreadable": DetectorRow(
        config=UnreadableConfig,
        card="docs/detectors/unreadable.md",
        state=UnreadableState,
        features={
            "unreadable_events": Feature(
                clause="sent {observed:,.0f} events in {window} that could not be read as written "
                "(allowed {expected:,.0f})"
            )
        },
    ),
    "collusion": DetectorRow(
        config=CollusionConfig,
        card="docs/detectors/collusion.md",
        features={
            "shared_participants": Feature(
                clause="shares {observed:,.0f} participants with others (expected {expected:,.0f})"
            )
        },
    ),
}


def checked(rows: dict[str, DetectorRow]) -> dict[str, DetectorRow]:
    """Return the rows, if each is whole.

    >>> checked({"odd": DetectorRow(config=ExcessConfig, card="odd.md", detector=Excess)})
    Traceback (most recent call last):
        ...
    detectors.errors.CoreError: registry: odd has no prior tail, so nothing would calibrate it

    Raises:
        CoreError: a row has two factories, or a detector has no prior tail.
    """
    for name, row in rows.items():
        problem = _problem(row)
        if problem is not None:
            msg = f"registry: {name} {problem}"
            raise CoreError(msg)
    return rows


def _problem(row: DetectorRow) -> str | None:
    factories = (row.detector, row.event_rule, row.window_rule, row.set_rule)
    if sum(factory is not None for factory in factories) > 1:
        return "has two factories"
    if row.detector is None:
        return None
    if row.any_channel_tail is None and (row.channels is not None or not row.tails):
        return "has no prior tail, so nothing would calibrate it"
    if not row.features:
        return "has no feature, so nothing would explain it"
    return None


DETECTORS: Final[dict[str, DetectorRow]] = checked(_ROWS)


def is_rule(detector: str) -> bool:
    """Tell whether what `detector` finds is certain: a line was crossed, whatever is usual.

    >>> is_rule("coverage"), is_rule("excess")
    (True, False)
    """
    row = DETECTORS.get(detector)
    return row is not None and row.is_rule


def feature_of(detector: str, feature: str) -> Feature:
    """Return how a detector's feature is read.

    Raises:
        CoreError: the detector's row has no such feature.
    """
    features = DETECTORS[detector].features
    known = features.get(feature) or features.get(ANY_FEATURE)
    if known is None:
        msg = f"registry: {detector} has no feature {feature!r}"
        raise CoreError(msg)
    return known


def reason_of(detector: str, feature: str) -> str:
    """Return the reason that alerts give for a feature.

    >>> reason_of("sweep", "sliced_participants"), reason_of("drip", "surplus_participants")
    ('slicing', 'drip')
    """
    return feature_of(detector, feature).reason or detector


def prior_tail(channel: str) -> Tail | None:
    """Return the tail that a channel has before peers are known; None if no detector has it.

    >>> prior_tail("multivariate/half_space_trees").slope, prior_tail("none/such")
    (1.0, None)
    """
    row = DETECTORS.get(channel.partition("/")[0])
    return None if row is None else row.tails.get(channel, row.any_channel_tail)


def channels_in(row: DetectorRow, config: Struct) -> tuple[str, ...]:
    """Return the channels on which a detector speaks under `config`."""
    return tuple(row.tails) if row.channels is None else row.channels(config)

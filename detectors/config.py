"""Every knob of the core: unit, range, meaning. What an operator may tune, and nothing else."""

from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, defstruct, field

from detectors.calibration.budget import BudgetConfig
from detectors.features.baseline import BaselineConfig
from detectors.features.datasets import DatasetConfig, check_datasets
from detectors.features.dedupe import DedupeConfig
from detectors.incident import PolicyConfig
from detectors.models.canary import CanaryConfig
from detectors.models.collusion.config import CollusionConfig
from detectors.models.excess import ExcessConfig
from detectors.peers.reference import ReferenceConfig
from detectors.registry import DETECTORS

# Hashed ids are below.
HASHES_END: Final = 2**64
# Where a number is another person in each project, it is no canary, follows upon no other, and is
# held by nobody else.
_COMPARING_IDS: Final = frozenset({"canary", "sweep", "collusion"})


class CohortConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose data it is."""

    size: Annotated[int, Meta(ge=1, le=2**40, description="participants in the cohort")] = 500_000
    participant_ids: Annotated[
        Literal["positions", "hashed"],
        Meta(description="numbers from `id_first` on, or 64-bit hashes of string ids"),
    ] = "positions"
    id_first: Annotated[int, Meta(ge=0, lt=2**32, description="the smallest id of a person")] = 0
    id_last: Annotated[
        Annotated[int, Meta(ge=0, lt=2**32)] | None,
        Meta(description="the largest; absent: as many as the cohort has people"),
    ] = None
    id_space: Annotated[
        Literal["cohort", "project"],
        Meta(description="project: each has its own pseudonyms, never compared with another's"),
    ] = "cohort"
    bridge: Annotated[
        str,
        Meta(description="file of space, id, position: maps the projects' ids to positions"),
    ] = ""
    datasets_max: Annotated[
        int, Meta(ge=1, le=4_096, description="ledgers per institution; more are pooled")
    ] = 64

    @property
    def ids(self) -> range:
        """Return the ids that may be somebody's, as events give them."""
        if self.participant_ids == "hashed" or self.id_space == "project":
            return range(HASHES_END)
        last = self.id_first + self.size - 1 if self.id_last is None else self.id_last
        return range(self.id_first, last + 1)

    @property
    def are_positions(self) -> bool:
        """Tell whether ids, as they are judged, are 0 to size-1, each somebody's."""
        return bool(self.bridge) or self.ids == range(self.size)

    @property
    def everybody(self) -> range:
        """Return the ids of all people, as they are judged; empty where some are nobody's."""
        if self.bridge:
            return range(self.size)
        ids = self.ids
        return ids if ids.stop - ids.start == self.size else range(0)

    @property
    def has_spaces(self) -> bool:
        """Tell whether a number may be another person in another project."""
        return self.id_space == "project" and not self.bridge

    def __post_init__(self) -> None:
        """Raise for ids that are no hashes, or fewer than people."""
        bounded = self.id_first or self.id_last is not None
        if bounded and (self.participant_ids == "hashed" or self.id_space == "project"):
            message = "expected no `id_first` and no `id_last` where ids are hashed, or a project's"
            raise ValueError(message)
        if self.bridge and self.id_space != "project":
            message = 'expected `id_space` = "project" beside `bridge`'
            raise ValueError(message)
        if self.ids.stop - self.ids.start < self.size:
            message = "expected from `id_first` to `id_last` as many ids as `size`"
            raise ValueError(message)


class NamedDetectors(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those detectors that other parts of the system ask for by name."""

    excess: ExcessConfig = field(default_factory=ExcessConfig)
    canary: CanaryConfig = field(default_factory=CanaryConfig)
    collusion: CollusionConfig = field(default_factory=CollusionConfig)


if TYPE_CHECKING:

    class DetectorsConfig(NamedDetectors, frozen=True):
        """What a type checker can know of the fields that come from the registry."""

        def __init__(self, **detectors: Struct) -> None:
            """Take any of the registry's names."""

        def __getattr__(self, name: str) -> Any: ...  # noqa: ANN401

else:
    # One field for each row of the registry.
    DetectorsConfig = defstruct(
        "DetectorsConfig",
        [(name, row.config, field(default_factory=row.config)) for name, row in DETECTORS.items()],
        bases=(NamedDetectors,),
        namespace={"__doc__": "All detectors."},
        module=__name__,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


class CoreConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole core."""

    cohort: CohortConfig = field(default_factory=CohortConfig)
    datasets: dict[str, DatasetConfig] = field(default_factory=dict)
    dedupe: DedupeConfig = field(default_factory=DedupeConfig)
    baseline: BaselineConfig = field(default_factory=BaselineConfig)
    detectors: DetectorsConfig = field(default_factory=DetectorsConfig)
    reference: ReferenceConfig = field(default_factory=ReferenceConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)

    def __post_init__(self) -> None:
        """Raise for datasets that are declared in contradiction to one another."""
        check_datasets(self.datasets)


def modes_of(config: CoreConfig) -> dict[str, str]:
    """Return each detector's mode: off too for what compares ids that cannot be compared."""
    left_out = _COMPARING_IDS if config.cohort.has_spaces else frozenset()
    return {
        name: "off" if name in left_out else getattr(config.detectors, name).mode
        for name in DETECTORS
    }


def config_hash(config: CoreConfig) -> str:
    """Return the name under which verdicts quote this config.

    >>> config_hash(CoreConfig()) == config_hash(CoreConfig())
    True
    """
    return blake2b(msgspec.json.encode(config, order="sorted"), digest_size=8).hexdigest()

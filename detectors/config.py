"""Every knob of the core: unit, range, meaning. What an operator may tune, and nothing else."""

from hashlib import blake2b
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from detectors.calibration.budget import BudgetConfig
from detectors.collusion import CollusionConfig
from detectors.features.baseline import BaselineConfig
from detectors.features.dedupe import DedupeConfig
from detectors.incident import PolicyConfig
from detectors.models.canary import CanaryConfig
from detectors.models.coverage import CoverageConfig
from detectors.models.drip import DripConfig
from detectors.models.excess import ExcessConfig
from detectors.models.multivariate import MultivariateConfig
from detectors.models.quota import QuotaConfig
from detectors.models.scope import ScopeConfig
from detectors.models.sweep import SweepConfig
from detectors.models.volume import VolumeConfig
from detectors.reference import ReferenceConfig


class CohortConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose data it is."""

    size: Annotated[int, Meta(ge=1, le=2**40, description="participants in the cohort")] = 500_000
    participant_ids: Annotated[
        Literal["positions", "hashed"],
        Meta(description="positions 0 to size-1, or 64-bit hashes of string ids"),
    ] = "positions"
    datasets_max: Annotated[
        int, Meta(ge=1, le=4_096, description="ledgers per institution; more are pooled")
    ] = 64


class DetectorsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All detectors."""

    excess: ExcessConfig = field(default_factory=ExcessConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    drip: DripConfig = field(default_factory=DripConfig)
    multivariate: MultivariateConfig = field(default_factory=MultivariateConfig)
    volume: VolumeConfig = field(default_factory=VolumeConfig)
    quota: QuotaConfig = field(default_factory=QuotaConfig)
    coverage: CoverageConfig = field(default_factory=CoverageConfig)
    scope: ScopeConfig = field(default_factory=ScopeConfig)
    canary: CanaryConfig = field(default_factory=CanaryConfig)
    collusion: CollusionConfig = field(default_factory=CollusionConfig)


class CoreConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole core."""

    cohort: CohortConfig = field(default_factory=CohortConfig)
    dedupe: DedupeConfig = field(default_factory=DedupeConfig)
    baseline: BaselineConfig = field(default_factory=BaselineConfig)
    detectors: DetectorsConfig = field(default_factory=DetectorsConfig)
    reference: ReferenceConfig = field(default_factory=ReferenceConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)


def config_hash(config: CoreConfig) -> str:
    """Return the name under which verdicts quote this config.

    >>> config_hash(CoreConfig()) == config_hash(CoreConfig())
    True
    """
    return blake2b(msgspec.json.encode(config, order="sorted"), digest_size=8).hexdigest()

"""Step 4 of 7: the table of detectors: name, settings, weight of its channels, card."""

from typing import Final

from msgspec import Struct

from detectors.collusion import CollusionConfig
from detectors.models.canary import CanaryConfig
from detectors.models.coverage import CoverageConfig
from detectors.models.drip import DripConfig
from detectors.models.excess import ExcessConfig
from detectors.models.multivariate import MultivariateConfig
from detectors.models.quota import QuotaConfig
from detectors.models.scope import ScopeConfig
from detectors.models.sweep import SweepConfig
from detectors.models.volume import VolumeConfig


class Entry(Struct, frozen=True, kw_only=True):
    """One detector as the system knows it."""

    config: type[Struct]
    channels: tuple[str, ...]
    card: str


DETECTORS: Final[dict[str, Entry]] = {
    "excess": Entry(
        config=ExcessConfig,
        channels=("excess",),
        card="docs/detectors/excess.md",
    ),
    "sweep": Entry(
        config=SweepConfig,
        channels=("sweep/sweep", "sweep/slicing"),
        card="docs/detectors/sweep.md",
    ),
    "drip": Entry(config=DripConfig, channels=("drip/90d",), card="docs/detectors/drip.md"),
    "multivariate": Entry(
        config=MultivariateConfig, channels=(), card="docs/detectors/multivariate.md"
    ),
    "volume": Entry(config=VolumeConfig, channels=("volume/1h",), card="docs/detectors/volume.md"),
    "quota": Entry(config=QuotaConfig, channels=(), card="docs/detectors/quota.md"),
    "coverage": Entry(config=CoverageConfig, channels=(), card="docs/detectors/coverage.md"),
    "scope": Entry(config=ScopeConfig, channels=(), card="docs/detectors/scope.md"),
    "canary": Entry(config=CanaryConfig, channels=(), card="docs/detectors/canary.md"),
    "collusion": Entry(config=CollusionConfig, channels=(), card="docs/detectors/collusion.md"),
}

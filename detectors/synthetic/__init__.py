"""Seeded worlds: honest institutions, thefts among them, labels, and their register."""

from detectors.synthetic.config import WorldConfig
from detectors.synthetic.hard_negatives import TWINS, HardNegative, twin_config
from detectors.synthetic.injection import build_world, inject
from detectors.synthetic.labels import HonestEpisode, Labels, Theft
from detectors.synthetic.scenarios import SCENARIOS, Scenario
from detectors.synthetic.world import World

__all__ = [
    "SCENARIOS",
    "TWINS",
    "HardNegative",
    "HonestEpisode",
    "Labels",
    "Scenario",
    "Theft",
    "World",
    "WorldConfig",
    "build_world",
    "inject",
    "twin_config",
]

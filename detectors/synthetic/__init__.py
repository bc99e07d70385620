"""Seeded worlds: honest institutions, thefts among them, labels, and their register."""

from detectors.synthetic.config import WorldConfig
from detectors.synthetic.hard_negatives import TWINS, Twin, twin_config
from detectors.synthetic.injection import build_world, plant
from detectors.synthetic.labels import Labels, Span, Theft
from detectors.synthetic.scenarios import SCENARIOS, Scenario
from detectors.synthetic.world import World

__all__ = [
    "SCENARIOS",
    "TWINS",
    "Labels",
    "Scenario",
    "Span",
    "Theft",
    "Twin",
    "World",
    "WorldConfig",
    "build_world",
    "plant",
    "twin_config",
]

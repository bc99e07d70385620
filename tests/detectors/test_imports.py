"""What the core loads: commands that judge nothing should not wait for libraries of models."""

import subprocess
import sys

PROGRAM = """
import sys
import detectors.models.collusion, detectors.config, detectors.pipeline, detectors.snapshot
from detectors.config import CoreConfig
CoreConfig()
print(sorted({"river", "numpy", "scipy", "pandas"} & sys.modules.keys()))
"""


def test_the_core_loads_river_only_to_build_a_model() -> None:
    """Neither importing the core nor making its configuration loads River or NumPy."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True, timeout=60
    )
    assert run.stdout.strip() == "[]"

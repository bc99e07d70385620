import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# A history with many names, alerts and a restart; what it prints is all that a judge leaves.
PROGRAM = """
from hashlib import sha256
import msgspec
from detectors.config import CoreConfig
from detectors.event import AccessEvent, Participants
from detectors.pipeline import judge, open_profile
from detectors.snapshot import dump, load

profile = open_profile("north", config=CoreConfig())
effects = []
for number in range(400):
    first = (number * 7_919) % 400_000
    size = 40 if number < 300 else 4_000
    event = AccessEvent(
        id=f"e-{number}", time=1_767_225_600_000 + number * 3_600_000, institution="north",
        user=f"user-{number % 90}", project=f"project-{number % 70}",
        dataset=f"set-{number % 80}", bytes=number * 10_000,
        participants=Participants(ranges=[(first, first + size)]),
    )
    effects += judge(profile, event)
    if number == 200:
        saved = dump(profile)
        profile = load(saved.main, parts=saved.parts, config=CoreConfig())
saved = dump(profile)
digest = sha256(saved.main)
for name in sorted(saved.parts):
    digest.update(saved.parts[name])
print(len(effects), profile.state.chain.hex(), digest.hexdigest())
print(sha256(msgspec.msgpack.encode(effects)).hexdigest())
"""


def printed(hash_seed: str) -> str:
    """Return what the program prints in a process whose strings hash by `hash_seed`."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def test_every_process_judges_the_same() -> None:
    """Python salts the hashes of strings per process: effects, chain and state don't notice."""
    assert printed("0") == printed("1")

"""The judges of a replay: those at work in memory, the idle ones packed.

An idle judge is what it would save: its snapshot, without what all snapshots have in common. So a
million names that came once cost some hundred bytes each, and are judged as if they had stayed.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from detectors.config import CoreConfig, config_hash
from detectors.instructions import succeeded
from detectors.models.collusion.judge import CollusionJudge
from detectors.pipeline import Profile
from detectors.profile_state import ProfileState
from detectors.snapshot import Snapshot, dump

# Of a platform's institutions all are at work; beyond it somebody invents names.
RESIDENT_MAX: Final = 10_000
_RAW_WINDOW_BITS: Final = -15
_COMPRESSION_LEVEL: Final = 1

LoadProfile = Callable[[str, Snapshot], Profile]


def ring_judge(config: CoreConfig) -> CollusionJudge:
    """Return a judge of all institutions who knows nobody yet."""
    return CollusionJudge(
        config.detectors.collusion,
        cohort_size=config.cohort.size,
        hashed=not config.cohort.are_positions,
        config_hash=config_hash(config),
    )


class IdleState(Struct, frozen=True, kw_only=True):
    """What is read of an idle judge where its state is enough."""

    state: ProfileState = msgspec.field(name="profile")


_snapshots: Final = msgspec.msgpack.Decoder(Snapshot)
_states: Final = msgspec.msgpack.Decoder(IdleState)
_encode: Final = msgspec.msgpack.Encoder().encode


class Judges(Mapping[str, Profile]):
    """Judges by the identities of their institutions; whoever is asked for is at work again."""

    __slots__ = ("_load", "_packed", "_template", "resident", "resident_max")

    def __init__(self, load: LoadProfile) -> None:
        """Begin with none; `load` makes a judge again of its snapshot."""
        # So many may be at work before the idle ones go.
        self.resident_max = RESIDENT_MAX
        self.resident: dict[str, Profile] = {}
        self._load = load
        self._packed: dict[str, bytes] = {}
        # What the first snapshot was: others differ from it in little.
        self._template = b""

    def add(self, institution: str, profile: Profile) -> None:
        """Let a new judge begin."""
        self.resident[institution] = profile

    def inherit(self, institution: str, former: str) -> None:
        """Let a judge know what was known under a former name, once."""
        profile = self[institution]
        if former not in profile.state.former_names:
            self.resident[institution] = succeeded(profile, self[former], name=former)

    @property
    def is_full(self) -> bool:
        """Tell whether so many are at work that the idle ones should go."""
        return len(self.resident) > self.resident_max

    def pack_idle(self, used_ms: Mapping[str, int]) -> None:
        """Pack half of those at work: who was used last by event time stays."""
        oldest = sorted(self.resident, key=lambda name: (used_ms.get(name, 0), name))
        for institution in oldest[: len(oldest) - self.resident_max // 2]:
            self._packed[institution] = self._pack(self.resident.pop(institution))

    def states(self) -> Iterator[IdleState | Profile]:
        """Iterate over all by their states alone, which wakes nobody."""
        yield from self.resident.values()
        for packed in self._packed.values():
            yield _states.decode(self._snapshot(packed).main)

    def __getitem__(self, institution: str) -> Profile:
        """Return a judge, at work."""
        profile = self.resident.get(institution)
        if profile is None:
            profile = self._load(institution, self._snapshot(self._packed[institution]))
            del self._packed[institution]
            self.resident[institution] = profile
        return profile

    def __contains__(self, institution: object) -> bool:
        """Tell whether an institution has a judge."""
        return institution in self.resident or institution in self._packed

    def __iter__(self) -> Iterator[str]:
        """Iterate over the institutions, those at work first."""
        yield from self.resident
        yield from self._packed

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.resident) + len(self._packed)

    def items(self) -> Iterator[tuple[str, Profile]]:  # type: ignore[override] # a view holds all
        """Iterate over the judges; the idle ones are made again one by one, and not kept."""
        yield from self.resident.items()
        for institution, packed in self._packed.items():
            yield institution, self._load(institution, self._snapshot(packed))

    def values(self) -> Iterator[Profile]:  # type: ignore[override] # as above
        """Iterate over the judges without their institutions."""
        return (profile for _, profile in self.items())

    def _pack(self, profile: Profile) -> bytes:
        snapshot = dump(profile)
        if not self._template:
            self._template = _encode(snapshot)
        compressor = zlib.compressobj(
            _COMPRESSION_LEVEL, wbits=_RAW_WINDOW_BITS, zdict=self._template
        )
        return compressor.compress(_encode(snapshot)) + compressor.flush()

    def _snapshot(self, packed: bytes) -> Snapshot:
        decompressor = zlib.decompressobj(_RAW_WINDOW_BITS, zdict=self._template)
        return _snapshots.decode(decompressor.decompress(packed))

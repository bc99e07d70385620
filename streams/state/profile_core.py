"""The core as the checkpoint protocol sees it: open, dump and load a profile."""

from collections.abc import Mapping

from detectors.config import CoreConfig
from detectors.pipeline import Profile, open_profile
from detectors.register import Institution, Register
from detectors.snapshot import dump, load, part_names
from streams.ingest.directory import directory_of, shown_name
from streams.state.partition_state import Dump, LoadedProfile


class ProfileCore:
    """Makes profiles under one config and register, by the identities of their institutions."""

    __slots__ = ("_config", "_directory")

    def __init__(self, config: CoreConfig, *, register: Register) -> None:
        """Keep what every profile is opened with."""
        self._config = config
        self._directory = directory_of(register)

    def open(self, institution: str) -> Profile:
        """Return the profile of an institution never seen before."""
        entry = self._directory.entry(institution)
        name = shown_name(institution, name=institution, entry=entry)
        return open_profile(name, config=self._config, entry=entry)

    def dump(self, profile: Profile, *, known: frozenset[str]) -> Dump:
        """Return the profile's bytes without the parts in `known`."""
        snapshot = dump(profile, known=known)
        return Dump(main=snapshot.main, names=part_names(profile), new_parts=snapshot.parts)

    def load(self, main: bytes, parts: Mapping[str, bytes], *, institution: str) -> Profile:
        """Return the profile that was dumped, under today's register entry."""
        entry = self._directory.entry(institution)
        return load(main, parts=parts, config=self._config, entry=entry)


def show_as(loaded: LoadedProfile[Profile], name: str) -> None:
    """Let people be shown the first spelling of an institution that no register names.

    The first is that of the first record, rejected or not: later ones change nothing, wherever
    batches end.
    """
    state = loaded.profile.state
    if loaded.applied_offset < 0 and loaded.profile.entry == Institution(id=state.institution):
        state.institution = name

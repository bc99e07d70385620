"""The core as the checkpoint protocol sees it: open, dump and load a profile."""

from collections.abc import Mapping

from detectors.config import CoreConfig
from detectors.pipeline import Profile, open_profile
from detectors.register import Institution, Register
from detectors.snapshot import dump, load, part_names
from streams.ingest.identity import identity_of
from streams.state.partition_state import Dump


class ProfileCore:
    """Makes profiles under one config and register, by the identities of their institutions."""

    __slots__ = ("_config", "_entries")

    def __init__(self, config: CoreConfig, *, register: Register) -> None:
        """Keep what every profile is opened with."""
        self._config = config
        self._entries = {identity_of(entry.id): entry for entry in register.institutions}

    def open(self, institution: str) -> Profile:
        """Return the profile of an institution never seen before."""
        entry = self._entries.get(institution)
        name = institution if entry is None else entry.id
        return open_profile(name, config=self._config, entry=entry)

    def dump(self, profile: Profile, *, known: frozenset[str]) -> Dump:
        """Return the profile's bytes without the parts in `known`."""
        snapshot = dump(profile, known=known)
        return Dump(main=snapshot.main, names=part_names(profile), new_parts=snapshot.parts)

    def load(self, main: bytes, parts: Mapping[str, bytes], *, institution: str) -> Profile:
        """Return the profile that was dumped, under today's register entry."""
        entry = self._entries.get(institution)
        return load(main, parts=parts, config=self._config, entry=entry)


def show_as(profile: Profile, name: str) -> None:
    """Let people be shown the first spelling of an institution that no register names."""
    state = profile.state
    if not state.events_count and profile.entry == Institution(id=state.institution):
        profile.state.institution = name

"""Step 7 of 7: a pushed configuration -> what the judges get of it, or why they get nothing."""

from typing import Final

import msgspec
from msgspec import Struct

from detectors.config import CoreConfig
from detectors.config_schedule import (
    CANARIES,
    Scheduled,
    extended,
    incompatibility,
    refuse_crowd,
    refuse_oversize,
    refuse_restart_only,
    without_canaries,
)
from detectors.errors import ConfigError
from detectors.response.decoding import json_decoder
from detectors.response.entries import ConfigPushed, Configured
from detectors.response.state import ResponseState

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = json_decoder(CoreConfig)


class ConfigRefused(Struct, frozen=True, kw_only=True):
    """A push has no effect, and why."""

    problem: str


def sendable(config: CoreConfig) -> msgspec.Raw:
    """Return what of a configuration may be on record, as it is put there."""
    return msgspec.Raw(_encode(without_canaries(config)))


def begin_under(state: ResponseState, configured: Configured) -> None:
    """Note the configuration of the recorder's file, and drop what was pushed for another cohort.

    A file that another version wrote is not known; the judges then refuse what cannot hold.
    """
    try:
        core = _read(configured.core)
    except (msgspec.DecodeError, ConfigError):
        state.core = None
        return
    state.core = core
    state.pushed = tuple(
        pushed for pushed in state.pushed if incompatibility(pushed.config, base=core) is None
    )


def pushed(state: ResponseState, verb: ConfigPushed, *, sequence: int) -> Scheduled | ConfigRefused:
    """Schedule a configuration; what was to hold later is replaced by it."""
    try:
        config = _read(verb.config)
        _refuse_canaries(config)
        refuse_crowd(state.pushed, from_ms=verb.from_ms, now_ms=state.now_ms)
        if state.core is not None:
            refuse_restart_only(config, base=state.core)
    except (msgspec.DecodeError, ConfigError) as error:
        return ConfigRefused(problem=str(error))
    new = Scheduled(sequence=sequence, from_ms=verb.from_ms, config=config)
    state.pushed = extended(state.pushed, new)
    return new


def _read(raw: msgspec.Raw) -> CoreConfig:
    refuse_oversize(raw)
    return _decode(raw)


def _refuse_canaries(config: CoreConfig) -> None:
    if config.detectors.canary.participants:
        raise ConfigError(CANARIES, "never sent, for the audit would show them")

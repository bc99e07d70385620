"""Step 7 of 7: a pushed configuration -> what the judges get of it, or why they get nothing."""

from typing import Final

import msgspec
from msgspec import Struct

from detectors.config import CoreConfig
from detectors.config_schedule import (
    CANARIES,
    CONFIG_BYTES_MAX,
    SCHEDULED_MAX,
    Scheduled,
    changed_keys,
    extended,
    incompatibility,
    is_restart_only,
    waiting_count,
    without_canaries,
)
from detectors.errors import ConfigError
from detectors.response.journal import ConfigPushed, Configured
from detectors.response.state import ResponseState

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = msgspec.json.Decoder(CoreConfig).decode


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
    found = _read(configured.core)
    state.core = core = found if isinstance(found, CoreConfig) else None
    if core is not None:
        state.pushed = tuple(
            one for one in state.pushed if incompatibility(one.config, base=core) is None
        )


def pushed(state: ResponseState, verb: ConfigPushed, *, sequence: int) -> Scheduled | ConfigRefused:
    """Schedule a configuration; what was to hold later is replaced by it."""
    config = _read(verb.config)
    if isinstance(config, str):
        return ConfigRefused(problem=config)
    new = Scheduled(sequence=sequence, from_ms=verb.from_ms, config=config)
    problem = _problem(state, new)
    if problem is not None:
        return ConfigRefused(problem=problem)
    state.pushed = extended(state.pushed, new)
    return new


def _read(raw: msgspec.Raw) -> CoreConfig | str:
    if len(raw) > CONFIG_BYTES_MAX:
        return f"{len(raw)} bytes, more than {CONFIG_BYTES_MAX}"
    try:
        return _decode(raw)
    except (msgspec.DecodeError, ConfigError) as error:
        return str(error)


def _problem(state: ResponseState, new: Scheduled) -> str | None:
    if new.config.detectors.canary.participants:
        return f"{CANARIES}: never sent, for the audit would show them"
    waiting = waiting_count(state.pushed, from_ms=new.from_ms, now_ms=state.now_ms)
    if waiting >= SCHEDULED_MAX:
        return f"{waiting} configurations would wait for their time; at most {waiting - 1} can"
    for change in changed_keys(state.core, new.config) if state.core is not None else ():
        if is_restart_only(change.path):
            return f"{change.path}: read only at a start; {change.before} holds, got {change.after}"
    return None

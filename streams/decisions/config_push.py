"""Before a configuration is pushed: what holds now, what would change, and what cannot."""

from typing import Annotated

from msgspec import Meta, Struct

from detectors.config import CoreConfig, config_hash
from detectors.config_schedule import (
    CANARIES,
    READ_AT_A_START,
    Changed,
    Schedule,
    Scheduled,
    changed_keys,
    refuse_crowd,
    refuse_oversize,
    refuse_restart_only,
    with_canaries,
    without_canaries,
)
from detectors.errors import ConfigError
from detectors.response.entries import ConfigPushed, DecisionMade, parse_entry
from detectors.response.push import sendable
from streams.kafka.log_reader import committed_records
from streams.kafka.topics import AUDIT
from streams.response.journal import Journal
from streams.settings.settings import ConfigFile, Settings


class Push(Struct, frozen=True, kw_only=True):
    """One configuration that was pushed."""

    from_ms: Annotated[int, Meta(description="event time from which it holds")]
    config_hash: str
    who: str
    note: str
    pushed_ms: Annotated[int, Meta(description="when the recorder wrote it down")]


class Held(Struct, frozen=True, kw_only=True):
    """What the audit says of the configuration."""

    base: Annotated[CoreConfig | None, Meta(description="the file's, but for canaries")]
    base_hash: str
    scheduled: tuple[Scheduled, ...]
    pushes: Annotated[tuple[Push, ...], Meta(description="those of `scheduled`, in their order")]


async def held(settings: Settings) -> Held:
    """Return what holds by the audit.

    Raises:
        SinkError: there is no audit yet: no worker has ever run.
    """
    journal = Journal()
    pushes: dict[int, Push] = {}
    topic = AUDIT.full_name(settings.file.kafka.topic_prefix)
    async for record in committed_records(topic, cluster=settings.cluster):
        raw = record.value or b""
        for followed in journal.read(raw):
            if isinstance(followed.action, Scheduled):
                pushes |= _pushes(raw)
    state, configured = journal.state, journal.configured
    return Held(
        base=state.core,
        base_hash="" if configured is None else configured.config_hash,
        scheduled=state.pushed,
        pushes=tuple(pushes[followed.sequence] for followed in state.pushed),
    )


def _pushes(raw: bytes) -> dict[int, Push]:
    """Return the push that a line of the audit records, by the line's number."""
    entry = parse_entry(raw)
    decision = entry.body
    if not isinstance(decision, DecisionMade) or not isinstance(decision.verb, ConfigPushed):
        return {}
    push = Push(
        from_ms=decision.verb.from_ms,
        config_hash=decision.verb.config_hash,
        who=decision.who,
        note=decision.note,
        pushed_ms=entry.recorded_ms,
    )
    return {entry.sequence: push}


def changes(core: CoreConfig, now: Held) -> tuple[Changed, ...]:
    """Return what a push would change of what was pushed last, or else of the file's, by key.

    Canaries are not among it.

    Raises:
        ConfigError: a key differs that no push can change.
    """
    if now.base is None:
        # A worker of another version wrote it; the recorder refuses what cannot change.
        return changed_keys(CoreConfig(), without_canaries(core))
    refuse_restart_only(with_canaries(core, of=now.base), base=now.base)
    if config_hash(with_canaries(now.base, of=core)) != now.base_hash:
        raise ConfigError(CANARIES, f"{READ_AT_A_START}; others hold")
    before = now.scheduled[-1].config if now.scheduled else now.base
    return changed_keys(before, with_canaries(core, of=before))


def is_news(core: CoreConfig, now: Held, *, from_ms: int) -> bool:
    """Tell whether anything would be judged otherwise from then on."""
    if now.base is None:
        return True
    wanted = with_canaries(core, of=now.base)
    schedule = Schedule(now.base, now.scheduled)
    # What is pushed replaces all that was to hold later.
    later = schedule.entries[schedule.place(from_ms, sequence=-1) :]
    return any(scheduled.config != wanted for scheduled in later)


def to_push(core: CoreConfig, now: Held, *, from_ms: int, now_ms: int) -> ConfigPushed:
    """Return the decision that pushes a configuration.

    Raises:
        ConfigError: it is too large, or too many wait already.
    """
    config = sendable(core)
    refuse_oversize(config)
    refuse_crowd(now.scheduled, from_ms=from_ms, now_ms=now_ms)
    return ConfigPushed(from_ms=from_ms, config=config, config_hash=config_hash(core))


def read_at_a_start(settings: Settings, known: Settings | None) -> tuple[str, ...]:
    """Return the shell's sections that are not as known, or not the defaults."""
    others = ConfigFile() if known is None else known.file
    core = CoreConfig.__struct_fields__
    shell = [name for name in ConfigFile.__struct_fields__ if name not in core]
    return tuple(name for name in shell if getattr(settings.file, name) != getattr(others, name))

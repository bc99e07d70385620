"""What a partition's log has told all its judges so far: time, configurations, register.

It survives a restart as the payload of the partition's own record in the state topic.
"""

import logging
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, structs

from detectors.config import CoreConfig, config_hash
from detectors.config_schedule import Schedule, Scheduled
from detectors.errors import StateError
from detectors.features.event_clock import EventTime
from detectors.instants import rfc3339
from detectors.register import Institution, Register, Registered
from detectors.response.decoding import json_decoder
from streams.control.config_record import decode_scheduled, encode_scheduled
from streams.ingest.directory import Directory, directory_of
from streams.ingest.identity import identity_of
from streams.ingest.rejects import Rejected

logger = logging.getLogger("headgate.judge")

# Before the JSON of a context.
_VERSION: Final = b"\x02"
# The partitions of a worker get the same contexts one after the other; the oldest are forgotten.
_CONTEXTS_MAX: Final = 64


NOBODY: Final = Directory({})


class PartitionContext(Struct, frozen=True, kw_only=True):
    """What holds from here on in a partition; `raw` is how its partition record keeps it."""

    raw: bytes
    time: EventTime
    is_live: Annotated[bool, Meta(description="its last events came as they happened")]
    schedule: Schedule
    directory: Directory = NOBODY
    # Of it, what was pushed.
    entries: dict[str, Institution | None] = {}


class _Saved(Struct, frozen=True, kw_only=True):
    """Each configuration stays as it came: one that a later version cannot read is left out."""

    time: EventTime
    is_live: bool
    configs: tuple[msgspec.Raw, ...]
    # What was pushed of the register, by identity; None for an entry that was taken out.
    entries: dict[str, Institution | None] = {}


_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = json_decoder(_Saved)


class PartitionContexts:
    """Reads contexts under the configuration of the worker's file; the same bytes, the same one."""

    __slots__ = ("_base", "_directory", "_known", "_warned_of")

    def __init__(self, base: CoreConfig, *, register: Register | None = None) -> None:
        """Begin with a partition that no control record has reached."""
        self._directory = directory_of(register or Register())
        self._base = base
        nothing = PartitionContext(
            raw=b"",
            time=EventTime(),
            is_live=False,
            schedule=Schedule(base),
            directory=self._directory,
        )
        self._known = {b"": nothing}
        self._warned_of = {config_hash(base)}

    def read(self, raw: bytes) -> PartitionContext:
        """Return the context that `raw` encodes.

        Raises:
            StateError: it is none, or that of a later version.
        """
        known = self._known.get(raw)
        return self._noted(self._read(raw)) if known is None else known

    def with_time(
        self, context: PartitionContext, time: EventTime, *, is_live: bool
    ) -> PartitionContext:
        """Return the context at a later time."""
        return self._noted(self._changed(structs.replace(context, time=time, is_live=is_live)))

    def with_config(self, context: PartitionContext, new: Scheduled) -> PartitionContext:
        """Return the context with a pushed configuration; the same one for a repeat."""
        schedule = context.schedule.extended(new)
        if schedule is context.schedule:
            return context
        return self._noted(self._changed(structs.replace(context, schedule=schedule)))

    def with_entry(self, context: PartitionContext, registered: Registered) -> PartitionContext:
        """Return the context in which one entry of the register was replaced or taken out."""
        entries = context.entries | {identity_of(registered.institution): registered.entry}
        directory = self._directory.with_entries(entries)
        changed = structs.replace(context, entries=entries, directory=directory)
        return self._noted(self._changed(changed))

    def _changed(self, context: PartitionContext) -> PartitionContext:
        configs = tuple(
            msgspec.Raw(encode_scheduled(scheduled)) for scheduled in context.schedule.pushed
        )
        saved = _Saved(
            time=context.time, is_live=context.is_live, configs=configs, entries=context.entries
        )
        raw = _VERSION + _encode(saved)
        # Partitions share what is equal, so that a judge sees by identity whether it is news.
        return self._known.get(raw) or structs.replace(context, raw=raw)

    def _read(self, raw: bytes) -> PartitionContext:
        if not raw.startswith(_VERSION):
            message = (
                f"the partition record's context has version {raw[0]}; this reads {_VERSION[0]}"
            )
            raise StateError(message)
        try:
            saved = _decode(raw[len(_VERSION) :])
        except msgspec.DecodeError as error:
            message = f"the partition record's context is damaged: {error}"
            raise StateError(message) from error
        configs = tuple(self._readable(saved.configs))
        nothing, entries = self._known[b""], saved.entries
        return PartitionContext(
            raw=raw,
            time=saved.time,
            is_live=saved.is_live,
            # What was pushed to nobody is the same for all.
            schedule=Schedule(self._base, configs) if configs else nothing.schedule,
            directory=self._directory.with_entries(entries) if entries else nothing.directory,
            entries=entries,
        )

    def _readable(self, configs: tuple[msgspec.Raw, ...]) -> list[Scheduled]:
        readable = []
        for raw in configs:
            scheduled = decode_scheduled(bytes(raw), base=self._base)
            if isinstance(scheduled, Rejected):
                logger.error(
                    "A pushed configuration does not hold any more.",
                    extra={"detail": scheduled.detail},
                )
            else:
                readable.append(scheduled)
        return readable

    def _noted(self, context: PartitionContext) -> PartitionContext:
        if len(self._known) >= _CONTEXTS_MAX:
            self._known = {b"": self._known[b""]}
        self._known[context.raw] = context
        self._warn(context.schedule)
        return context

    def _warn(self, schedule: Schedule) -> None:
        """Say once of each configuration that the worker's own file is another one."""
        last = schedule.entries[-1]
        pushed = config_hash(last.config)
        if schedule.pushed and pushed not in self._warned_of:
            self._warned_of.add(pushed)
            logger.warning(
                "A configuration was pushed that this worker's file does not hold yet.",
                extra={
                    "config_hash": pushed,
                    "from_time": rfc3339(last.from_ms),
                    "file_config_hash": config_hash(self._base),
                },
            )

"""What a partition's log has told all its judges: peer reference, configurations, register.

It survives a restart as the payload of the partition's own record in the state topic. As long as
nothing was pushed, that is the plain reference, which every version can read.
"""

import logging
from typing import Final

import msgspec
from msgspec import Struct

from detectors.config import CoreConfig, config_hash
from detectors.config_schedule import Schedule, Scheduled
from detectors.errors import StateError
from detectors.instants import rfc3339
from detectors.reference import Reference, prior_reference
from detectors.register import Institution, Register, Registered
from detectors.response.decoding import json_decoder
from streams.control.config_record import decode_scheduled, encode_scheduled
from streams.control.records import encode_reference, saved_reference
from streams.ingest.directory import Directory, directory_of
from streams.ingest.identity import identity_of
from streams.ingest.rejects import Rejected

logger = logging.getLogger("headgate.judge")

# Before the JSON of a context; a plain reference begins with a brace.
_VERSION: Final = b"\x01"
_PLAIN: Final = b"{"
# The partitions of a worker get the same contexts one after the other; the oldest are forgotten.
_CONTEXTS_MAX: Final = 64


NOBODY: Final = Directory({})


class PartitionContext(Struct, frozen=True, kw_only=True):
    """What holds from here on in a partition; `raw` is how its partition record keeps it."""

    raw: bytes
    reference: Reference
    schedule: Schedule
    directory: Directory = NOBODY
    # Of it, what was pushed.
    entries: dict[str, Institution | None] = {}


class _Saved(Struct, frozen=True, kw_only=True):
    """Each configuration stays as it came: one that a later version cannot read is left out."""

    reference: Reference | None
    configs: tuple[msgspec.Raw, ...]
    # What was pushed of the register, by identity; None for an entry that was taken out.
    entries: dict[str, Institution | None] = {}


_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = json_decoder(_Saved)


class PartitionContexts:
    """Reads contexts under the configuration of the worker's file; the same bytes, the same one."""

    __slots__ = ("_base", "_directory", "_known", "_prior", "_warned_of")

    def __init__(self, base: CoreConfig, *, register: Register | None = None) -> None:
        """Begin with a partition that no control record has reached."""
        self._directory = directory_of(register or Register())
        self._base = base
        self._prior = prior_reference(base.reference)
        nothing = PartitionContext(
            raw=b"", reference=self._prior, schedule=Schedule(base), directory=self._directory
        )
        self._known = {b"": nothing}
        self._warned_of = config_hash(base)

    def read(self, raw: bytes) -> PartitionContext:
        """Return the context that `raw` encodes.

        Raises:
            StateError: it is none, or that of a later version.
        """
        known = self._known.get(raw)
        return self._noted(self._read(raw)) if known is None else known

    def with_reference(self, context: PartitionContext, reference: Reference) -> PartitionContext:
        """Return the context under another reference; under the same one if that is older."""
        if reference.day < context.reference.day:
            # Said late, or copied by somebody: what is newer already holds.
            return context
        return self._noted(self._context(context, reference=reference))

    def with_config(self, context: PartitionContext, new: Scheduled) -> PartitionContext:
        """Return the context with a pushed configuration; the same one for a repeat."""
        schedule = context.schedule.extended(new)
        if schedule is context.schedule:
            return context
        return self._noted(self._context(context, schedule=schedule))

    def with_entry(self, context: PartitionContext, registered: Registered) -> PartitionContext:
        """Return the context in which one entry of the register was replaced or taken out."""
        entries = context.entries | {identity_of(registered.institution): registered.entry}
        return self._noted(self._context(context, entries=entries))

    def _context(
        self,
        before: PartitionContext,
        *,
        reference: Reference | None = None,
        schedule: Schedule | None = None,
        entries: dict[str, Institution | None] | None = None,
    ) -> PartitionContext:
        reference, schedule = reference or before.reference, schedule or before.schedule
        entries = before.entries if entries is None else entries
        written = None if reference is self._prior else reference
        if not schedule.pushed and not entries:
            raw = b"" if written is None else encode_reference(written)
        else:
            configs = tuple(
                msgspec.Raw(encode_scheduled(scheduled)) for scheduled in schedule.pushed
            )
            raw = _VERSION + _encode(_Saved(reference=written, configs=configs, entries=entries))
        # Partitions share what is equal, so that a judge sees by identity whether it is news.
        return self._known.get(raw) or PartitionContext(
            raw=raw,
            reference=reference,
            schedule=schedule,
            directory=self._directory.with_entries(entries),
            entries=entries,
        )

    def _read(self, raw: bytes) -> PartitionContext:
        if raw.startswith(_PLAIN):
            reference = saved_reference(raw) or self._prior
            return PartitionContext(
                raw=raw,
                reference=reference,
                schedule=self._known[b""].schedule,
                directory=self._directory,
            )
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
        schedule = Schedule(self._base, tuple(self._readable(saved.configs)))
        return PartitionContext(
            raw=raw,
            reference=saved.reference or self._prior,
            schedule=schedule,
            directory=self._directory.with_entries(saved.entries),
            entries=saved.entries,
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
        if schedule.pushed and pushed != self._warned_of:
            self._warned_of = pushed
            logger.warning(
                "A configuration was pushed that this worker's file does not hold yet.",
                extra={
                    "config_hash": pushed,
                    "from_time": rfc3339(last.from_ms),
                    "file_config_hash": config_hash(self._base),
                },
            )

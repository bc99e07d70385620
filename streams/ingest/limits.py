"""Step 1 of 7: what an event may be at most, as an operator sets it and as `decode` compares."""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from detectors.config import CohortConfig
from detectors.instants import SECOND_MS, Instant, instant_ms

if TYPE_CHECKING:
    from streams.ingest.bridge import Bridge


class DecodeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an event may be at most; what is more is judged by what can be read of it."""

    # A cohort of half a million hashed ids takes eleven megabytes.
    event_bytes_max: Annotated[
        int,
        Meta(
            ge=1_024,
            le=64 * 2**20,
            description="of one message; lists of a larger one are counted, not read",
        ),
    ] = 12 * 2**20
    fields_listed_max: Annotated[int, Meta(ge=1, description="fields of one event")] = 20_000
    future_seconds_max: Annotated[
        int, Meta(ge=0, description="how far an event may be ahead of Kafka's time")
    ] = 3_600
    earliest: Annotated[Instant, Meta(description="no event is older")] = datetime(
        2000, 1, 1, tzinfo=UTC
    )
    latest: Annotated[
        Instant, Meta(description="no event is younger, even without Kafka's time")
    ] = datetime(2100, 1, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        """Raise for bounds between which no event can lie."""
        if self.earliest >= self.latest:
            message = "expected `earliest` before `latest`"
            raise ValueError(message)


class DecodeLimits(Struct, frozen=True, kw_only=True):
    """The same, with the cohort, in the units of the comparison."""

    event_bytes_max: int
    fields_listed_max: int
    future_ms_max: int
    earliest_ms: int
    latest_ms: int
    cohort_size: int
    hashed: bool
    # The first id, and the one after the last.
    id_first: int
    id_end: int
    # Some ids within the bounds are nobody's.
    sparse: bool
    # The operator's file that says who is who, where each project has pseudonyms of its own.
    bridge: "Bridge | None" = None
    # Some datasets are declared to stand for people, though a record names and counts nobody.
    declares_people: bool = False


def decode_limits(
    config: DecodeConfig, cohort: CohortConfig, *, declares_people: bool = False
) -> DecodeLimits:
    """Return what `decode` compares with."""
    return DecodeLimits(
        declares_people=declares_people,
        bridge=opened_bridge(cohort.bridge, cohort.size) if cohort.bridge else None,
        event_bytes_max=config.event_bytes_max,
        fields_listed_max=config.fields_listed_max,
        future_ms_max=config.future_seconds_max * SECOND_MS,
        earliest_ms=instant_ms(config.earliest),
        latest_ms=instant_ms(config.latest),
        cohort_size=cohort.size,
        hashed=cohort.participant_ids == "hashed",
        id_first=cohort.ids.start,
        id_end=cohort.ids.stop,
        sparse=cohort.ids.stop - cohort.ids.start > cohort.size,
    )


@lru_cache(1)
def opened_bridge(path: str, cohort_size: int) -> "Bridge":
    """Return the bridge of a file; all that read events share one."""
    # Here, because it needs NumPy: hardly anybody has one.
    from streams.ingest.bridge import Bridge  # noqa: PLC0415

    return Bridge(Path(path), cohort_size=cohort_size)

"""Step 1 of 7: how the inputs of a replay become events, and what is known beside them."""

from msgspec import Struct

from detectors.response.config import ResponseConfig
from streams.ingest.adapters.mapping import RowMapping
from streams.ingest.codec import DecodeLimits
from streams.kafka.cluster import Cluster
from streams.kafka.topics import HOLDINGS, REFERENCE, raw_topic
from streams.response.control_messages import ExportedAudit
from streams.settings.settings import Settings
from streams.state.envelope import StateKeys, keys_from_text


class Reading(Struct, frozen=True, kw_only=True):
    """How inputs become events, and what is known beside them: decisions, and the ladder."""

    limits: DecodeLimits
    mapping: RowMapping | None
    cluster: Cluster
    keys: StateKeys
    raw_topic: str | None
    holdings_topic: str | None = None
    reference_topic: str | None = None
    audit: ExportedAudit = ExportedAudit()
    response: ResponseConfig = ResponseConfig()
    follows_pushes: bool = True
    # Whether a file is sorted by time before it is judged.
    sorts_files: bool = False


def reading_of(settings: Settings) -> Reading:
    """Return how inputs are read under `settings`."""
    mapping = settings.row_mapping()
    raw = raw_topic(mapping.config.name) if mapping else None
    prefix = settings.file.kafka.topic_prefix
    return Reading(
        limits=settings.limits,
        mapping=mapping,
        cluster=settings.cluster,
        keys=keys_from_text(settings.secrets.state_key),
        raw_topic=raw.full_name(prefix) if raw else None,
        holdings_topic=HOLDINGS.full_name(prefix),
        reference_topic=REFERENCE.full_name(prefix),
        response=settings.file.response,
    )

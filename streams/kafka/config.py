"""Where Kafka is, and how this deployment's topics are named and laid out."""

from typing import Annotated

from msgspec import Meta, Struct, field

from streams.kafka.security import SecurityConfig


class KafkaConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Kafka is, and how our topics lie on it."""

    bootstrap: Annotated[str, Meta(min_length=1, description="addresses, separated by commas")] = (
        "127.0.0.1:9092"
    )
    topic_prefix: Annotated[
        str,
        Meta(
            pattern="^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$",
            description="begins the name of every topic and of the consumer group",
        ),
    ] = "headgate"
    partitions: Annotated[
        int, Meta(ge=1, le=1_024, description="of the topics split by institution; never changed")
    ] = 4
    replication_factor: Annotated[
        int, Meta(ge=-1, le=15, description="-1: the broker's own default")
    ] = -1
    session_timeout_seconds: Annotated[
        float, Meta(ge=6, le=300, description="silence after which a worker is replaced")
    ] = 30.0
    security: SecurityConfig = field(default_factory=SecurityConfig)

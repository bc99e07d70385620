"""How often all that was judged is saved."""

from typing import Annotated

from msgspec import Meta, Struct


class CheckpointConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often progress is made durable; alerts never wait for it."""

    interval_seconds: Annotated[
        float, Meta(gt=0, le=300, description="at most this much is judged again after a crash")
    ] = 5.0
    events_max: Annotated[
        int, Meta(ge=1, description="a checkpoint is due early after this many events")
    ] = 500_000
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=300, description="for the broker to acknowledge; then the worker ends")
    ] = 20.0
    rewrite_hours: Annotated[
        float, Meta(gt=0, le=23, description="within it every state is written again, see docs")
    ] = 6.0

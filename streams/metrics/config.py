"""Step 7 of 7: where the metrics are served; the server itself needs a library of its own."""

from typing import Annotated

from msgspec import Meta, Struct


class MetricsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the metrics are served, and how many institutions have a label."""

    address: Annotated[
        str, Meta(min_length=1, description="to listen on; loopback unless told otherwise")
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="0: a free one, which is logged")] = 9464
    institutions_labelled_max: Annotated[
        int, Meta(ge=0, le=10_000, description="beyond it they share the label `other`")
    ] = 500

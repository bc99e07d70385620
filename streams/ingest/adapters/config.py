"""Step 1 of 7: how a foreign format is declared. Which column becomes which key of the event."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

COLUMN_NAME_MAX: Final = 256
# What `id` says where equal rows are one event.
DIGEST_ID: Final = "digest"

TimeFormat = Annotated[str, Meta(min_length=1)]
Separator = Annotated[str, Meta(min_length=1)]


class CellSource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one key's value comes from, and how it is translated."""

    column: Annotated[
        str | None,
        Meta(description="name of the column; in JSON, a path: `a.b`, `a[0].b`, or `a[].b` of all"),
    ] = None
    constant: Annotated[str | int | None, Meta(description="the same for every row")] = None
    values: Annotated[
        dict[str, str],
        Meta(description="translation; a key that ends in `*` stands for all that begin so"),
    ] = {}
    otherwise: Annotated[
        str | None, Meta(description="for an empty or untranslated value; absent: as it is")
    ] = None


Choice = Annotated[str | CellSource, Meta(description="a column's name, or a table")]


class EventMapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of the canonical event, each with its source."""

    id: Annotated[
        Choice | None,
        Meta(
            description="absent: the row's place, file and line or partition and offset, so that "
            "equal rows are several; `digest`: a digest of the row, so that they are one"
        ),
    ] = None
    time: Choice
    institution: Annotated[Choice, Meta(description="an empty one is judged under `unresolved`")]
    dataset: Choice
    project: Choice | None = None
    user: Choice | None = None
    action: Choice | None = None
    bytes: Choice | None = None
    rows: Choice | None = None
    files: Choice | None = None
    participants: Annotated[
        Choice | None, Meta(description="whose data left; see `participant_separator`")
    ] = None
    participants_count: Annotated[
        Choice | None, Meta(description="how many, where it is not known who")
    ] = None
    fields: Choice | None = None
    outcome: Choice | None = None
    source_ip: Choice | None = None
    client: Choice | None = None
    destination: Choice | None = None
    query_hash: Choice | None = None


class MappingConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One foreign format."""

    name: Annotated[
        str,
        Meta(pattern="^[a-z0-9][a-z0-9_-]{0,63}$", description="its raw topic is `raw.<name>`"),
    ]
    format: Literal["csv", "json"]
    columns: Annotated[
        tuple[Annotated[str, Meta(max_length=COLUMN_NAME_MAX)], ...],
        Meta(max_length=1_024, description="csv: all columns, in order; a header must equal it"),
    ] = ()
    delimiter: Annotated[
        str, Meta(pattern=r'^[^"\r\n]$', description="csv: one character between cells")
    ] = ","
    time_format: Annotated[
        TimeFormat | tuple[TimeFormat, ...],
        Meta(
            description="iso, seconds, milliseconds, microseconds, nanoseconds, or as in strptime; "
            "a list where a column has several"
        ),
    ] = "iso"
    time_without_offset: Annotated[
        Literal["reject", "utc"], Meta(description="what a time without an offset means")
    ] = "reject"
    time_zone: Annotated[
        str | None,
        Meta(
            description="whose local times those without an offset are, such as Europe/London; of "
            "an hour that comes twice, the first is meant"
        ),
    ] = None
    participant_separator: Annotated[
        Separator | None, Meta(description="where a column holds several")
    ] = None
    field_separator: Annotated[
        Separator | None, Meta(description="where a column holds several")
    ] = None
    event: EventMapping

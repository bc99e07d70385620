"""The pages of `docs/` that are generated: the tables in the code are their only source.

`python -m streams.settings.reference_pages` writes them anew; a test refuses pages that have
fallen behind.
"""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Union, get_args, get_origin

import click
import msgspec
from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import FieldInfo

from detectors.detector import DetectorRow
from detectors.registry import DETECTORS
from streams.config_errors import struct_in
from streams.ingest.rejects import MEANINGS, RejectReason
from streams.kafka.acls import script
from streams.metrics.hook_table import HOOK_SPECS
from streams.metrics.table import SPECS
from streams.settings.settings import VARIABLES, ConfigFile

DOCS: Final = Path(__file__).parents[2] / "docs"

_METRICS: Final = """# Metrics

Generated from `streams/metrics/table.py` by
`python -m streams.settings.reference_pages`; edit the table there.

A worker serves them at `http://127.0.0.1:9464/metrics` unless `[metrics]` says otherwise, and
`headgate hook` those that begin with `headgate_hook_` at port 9465. Times
are in seconds, sizes in bytes. `institution` is a label only up to `institutions_labelled_max`,
and `dataset` up to twenty: those with an open incident first, then by name. The others share
`other`, which shows the worst of them. Users never are a label. Each worker shows the institutions
and partitions that it judges at the time, so that several workers together show each of them once.

| metric | kind | labels | meaning |
|---|---|---|---|
"""

_CONFIG: Final = """# Configuration

Generated from the types in the code by
`python -m streams.settings.reference_pages`; edit the descriptions there.

One TOML file, given as `--config FILE`. A key that is absent has its default; a key that does not
exist is refused. `headgate config check` says what is wrong, with the key's path (exit code 2), and
warns of what is allowed and rarely meant, why, and what to do (exit code 0: it may be meant);
`config show` prints what is in effect; `config schema` is for editors;
`config push` changes how is judged
[while workers run](operations.md#change-how-is-judged-while-workers-run).

The environment holds only what differs between machines or must not be written down:

| variable | meaning |
|---|---|
"""

_DETECTORS: Final = """# Detectors

Generated from `detectors/registry.py` by `python -m streams.settings.reference_pages`; edit the
rows there, and the cards beside this page.

A rule crosses a line or does not, whatever is usual; a statistic is calibrated against what honest
institutions do. In the mode `shadow` a detector scores and records, and nobody is told.

| detector | kind | mode | what it sees |
|---|---|---|---|
"""

_SECTION: Final = """
## `[{path}]`

{summary}

| key | type | default | meaning |
|---|---|---|---|
"""

_BOUNDS: Final = (
    ("gt", "> {}"),
    ("ge", ">= {}"),
    ("lt", "< {}"),
    ("le", "<= {}"),
    ("min_length", "length >= {}"),
    ("max_length", "length <= {}"),
    ("pattern", "`{}`"),
)

_NAMES: Final[dict[object, str]] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    tuple: "list",
    list: "list",
    dict: "table",
    datetime: "time",
}


def pages() -> dict[Path, str]:
    """Return every generated page by where it belongs."""
    return {
        DOCS / "metrics.md": metrics_page(),
        DOCS / "config.md": config_page(),
        DOCS / "detectors" / "index.md": detectors_page(),
        DOCS / "examples" / "acls.sh": script(),
    }


def metrics_page() -> str:
    """Return docs/metrics.md."""
    rows = "".join(
        f"| `{spec.name}` | {spec.kind} | {_labels(spec.labels)} | {spec.meaning} |\n"
        for spec in (*SPECS, *HOOK_SPECS)
    )
    buckets = "".join(
        f"- `{spec.name}`: {', '.join(f'{bound:g}' for bound in spec.buckets)}\n"
        for spec in (*SPECS, *HOOK_SPECS)
        if spec.buckets
    )
    reasons = "".join(f"| `{reason.value}` | {MEANINGS[reason]} |\n" for reason in RejectReason)
    return (
        f"{_METRICS}{rows}\n## Buckets\n\n{buckets}"
        f"\n## Reasons of rejection\n\n| `reason` | meaning |\n|---|---|\n{reasons}"
    )


def config_page() -> str:
    """Return docs/config.md."""
    variables = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in VARIABLES.items())
    return _CONFIG + variables + "".join(_sections(ConfigFile, ""))


def detectors_page() -> str:
    """Return docs/detectors/index.md."""
    return _DETECTORS + "".join(_detector_row(name, row) for name, row in DETECTORS.items())


def _detector_row(name: str, row: DetectorRow) -> str:
    # The first line of a detector's module says what it sees, after its step.
    opening = (sys.modules[row.config.__module__].__doc__ or "").partition("\n")[0]
    meaning = opening.removesuffix(".").rpartition(" -> ")[2].rpartition(": ")[2]
    kind = "rule" if row.is_rule else "statistic"
    mode = getattr(row.config(), "mode", "on")
    return f"| [`{name}`]({Path(row.card).name}) | {kind} | `{mode}` | {meaning} |\n"


def _labels(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{label}`" for label in labels) or "-"


def _sections(kind: type[Struct], path: str) -> Iterator[str]:
    """Yield the table of `kind` if it has keys of its own, and those of the tables below it."""
    rows: list[str] = []
    below: dict[type[Struct], str] = {}
    for field in msgspec.structs.fields(kind):
        inner = struct_in(field.type)
        described = bool(_meanings(field.type))
        if inner is None or described:
            rows.append(_row(field))
        if inner is not None:
            # One that many keys share is shown once, for all of them.
            name = "<key>" if described else field.name
            name += ".NAME" if get_origin(field.type) is dict and not described else ""
            below.setdefault(inner, f"{path}.{name}" if path else name)
    if rows:
        yield _SECTION.format(path=path, summary=(kind.__doc__ or "").partition("\n")[0])
        yield from rows
    for inner, inner_path in below.items():
        yield from _sections(inner, inner_path)


def _row(field: FieldInfo) -> str:
    meaning = "; ".join((*_meanings(field.type), *_bounds(field.type)))
    kind = " or ".join(dict.fromkeys(_kinds(field.type)))
    return f"| `{field.encode_name}` | {kind} | {_default(field)} | {meaning} |\n"


def _metas(annotation: object) -> Iterator[Meta]:
    """Yield what is declared about a key itself, outermost first; not about what lies in a list."""
    if get_origin(annotation) is Annotated:
        inner, *metas = get_args(annotation)
        yield from (meta for meta in metas if isinstance(meta, Meta))
        yield from _metas(inner)
    elif _is_union(annotation):
        for part in get_args(annotation):
            yield from _metas(part)


def _meanings(annotation: object) -> list[str]:
    return [meta.description for meta in _metas(annotation) if meta.description]


def _bounds(annotation: object) -> list[str]:
    bounds = []
    for meta in _metas(annotation):
        for name, words in _BOUNDS:
            bound = getattr(meta, name)
            if bound is not None:
                bounds.append(words.format(str(bound).replace("|", "\\|")))
    return bounds


def _is_union(annotation: object) -> bool:
    return get_origin(annotation) is Union or type(annotation).__name__ == "UnionType"


def _kinds(annotation: object) -> Iterator[str]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif _is_union(annotation):
        for part in get_args(annotation):
            yield from _kinds(part)
    elif origin is Literal:
        yield from (f"`{value}`" for value in get_args(annotation))
    elif annotation is not type(None):
        yield _NAMES.get(origin or annotation, "table")


def _default(field: FieldInfo) -> str:
    if field.default is NODEFAULT and field.default_factory is NODEFAULT:
        return "required"
    default = field.default if field.default is not NODEFAULT else field.default_factory()
    if default is None:
        return "none"
    plain = msgspec.to_builtins(default)
    return f"`{msgspec.json.encode(plain).decode()}`" if plain not in ({}, ()) else "empty"


def stale() -> list[Path]:
    """Return the pages that are not what the code says now, or are not there."""
    return [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail where a page has fallen behind.")
def main(*, check: bool) -> None:
    """Write the pages of `docs/` that are generated."""
    if not check:
        for path, text in pages().items():
            path.write_text(text, encoding="utf-8")
    elif names := ", ".join(path.name for path in stale()):
        problem = f"{names}: python -m streams.settings.reference_pages writes what the code says."
        raise click.ClickException(problem)


if __name__ == "__main__":
    main()

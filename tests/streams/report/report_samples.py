"""A report of one theft, in parts that tests change."""

from array import array
from enum import Enum
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, Literal, get_origin

import msgspec
from hypothesis import strategies as st

import streams
from detectors.verdict import Alert
from streams.report.page import render
from streams.report.record import (
    Flagged,
    Quiet,
    Report,
    Track,
    Truth,
)
from tests.builders import alert, reason_detail

HOUR_MS: Final = 3_600_000


DAY_MS: Final = 24 * HOUR_MS


START_MS: Final = 1_767_225_600_000


THEFT_MS: Final = START_MS + 50 * DAY_MS


STREAMS: Final = Path(streams.__path__[0])


VOID_TAGS: Final = frozenset({"meta", "br"})


def theft_alert(*, institution: str = "unit-north", at_ms: int = THEFT_MS + 10 * 60_000) -> Alert:
    """Return an alert of a grab in the night."""
    return alert(
        alert_id="a-0123456789abcdef",
        institution=institution,
        at_ms=at_ms,
        started_ms=THEFT_MS,
        severity="critical",
        sentence=f"{institution} took 41,200 new participants in 1 h (expected 300).",
        reasons=(
            reason_detail(p_value=1e-12),
            reason_detail(
                detector="quota", reason="quota", feature="bytes", expected=0.0, share=0.1
            ),
        ),
        top_user="u<script>17",
    )


def a_track(dataset: str = "imaging", *, theft_participants: int = 300_000) -> Track:
    """Return a slow growth over 50 days, then a theft of six hours."""
    times = [START_MS + day * DAY_MS for day in range(50)]
    held_participants = [20_000 + 40 * day for day in range(50)]
    steps = 72
    times += [THEFT_MS + step * 6 * HOUR_MS // steps for step in range(1, steps + 1)]
    held_participants += [
        held_participants[49] + theft_participants * step // steps for step in range(1, steps + 1)
    ]
    return Track(
        dataset=dataset,
        times_ms=times,
        held_participants=held_participants,
        cohort_participants=500_000,
    )


def a_report(*flagged: Flagged) -> Report:
    """Return a report over 60 days of three institutions and those flagged."""
    return Report(
        title="Headgate report",
        sources=("events.jsonl",),
        first_ms=START_MS,
        last_ms=START_MS + 60 * DAY_MS,
        events_count=123_456,
        rejects={"not_json": 3},
        institutions_count=3 + len(flagged),
        flagged=flagged,
        quiet=tuple(
            Quiet(institution=f"quiet-{index}", track=None, events_count=10) for index in range(3)
        ),
        config_hash="c0ffee",
    )


def a_flagged(*, truth: Truth | None = None) -> Flagged:
    """Return one flagged institution with two datasets, one of them untouched."""
    first = theft_alert()
    later = msgspec.structs.replace(first, change="update", revision=2, at_ms=THEFT_MS + HOUR_MS)
    return Flagged(
        institution="unit-north",
        alerts=(first, later),
        tracks=(a_track("genomes", theft_participants=0), a_track()),
        truth=truth,
    )


class Tags(HTMLParser):
    """Collects what is open and every attribute value, to judge the page by."""

    def __init__(self) -> None:
        """Begin with nothing open."""
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.structure: list[tuple[str, ...]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an opening tag."""
        self.structure.append((tag, *(name for name, _ in attrs)))
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that closes itself."""
        self.structure.append((tag, *(name for name, _ in attrs)))
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """Expect the tag that was opened last."""
        assert self.open.pop() == tag


def with_every_name(value: object, name: str) -> object:
    """Return `value` with `name` wherever it holds a free text, however deep."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return name
    if isinstance(value, tuple | list) and not isinstance(value, array):
        return type(value)(with_every_name(item, name) for item in value)
    if isinstance(value, dict):
        return dict.fromkeys([name], sum(value.values()))
    if not isinstance(value, msgspec.Struct):
        return value
    closed = {
        field.name for field in msgspec.structs.fields(value) if get_origin(field.type) is Literal
    }
    names = (name for name in value.__struct_fields__ if name not in closed)
    return msgspec.structs.replace(
        value, **{field: with_every_name(getattr(value, field), name) for field in names}
    )


def structure(page: str) -> list[tuple[str, ...]]:
    """Return each tag of a page with the names of its attributes."""
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return tags.structure


# Without the underscore, for which the page shows a space in what a detector counts; and no longer
# than what it shows of a suspension's id.
HOSTILE: Final = st.text(
    st.sampled_from("<>&\"'`={}%#/-!\\ \t\nab")
    | st.characters(codec="utf-8", exclude_characters="_"),
    min_size=1,
    max_size=12,
)


def page_with(name: str, report: Report) -> str:
    """Return the page of a report in which every text is `name`."""
    renamed = with_every_name(report, name)
    assert isinstance(renamed, Report)
    return render(renamed)

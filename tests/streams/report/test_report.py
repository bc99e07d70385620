"""The HTML report: self-contained, honest, and the same bytes for the same events."""

import re

import markupsafe
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.console.wording import printable
from streams.report.chart import Mark, chart_of
from streams.report.lines import total_lines
from streams.report.page import render
from streams.report.record import (
    Flagged,
    Report,
    Track,
    Truth,
    in_order,
    lead_alert,
    main_track,
    saved,
)
from streams.report.totals import totals_of
from tests.builders import suspension
from tests.streams.report.report_samples import (
    DAY_MS,
    HOSTILE,
    HOUR_MS,
    START_MS,
    STREAMS,
    THEFT_MS,
    Tags,
    a_flagged,
    a_report,
    a_track,
    page_with,
    structure,
    theft_alert,
)


def test_the_page_needs_nothing_else() -> None:
    """No script, link, image or address: the file can be mailed and opened anywhere."""
    page = render(a_report(a_flagged()))
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert [name for name, _ in tags.attributes if name in {"src", "xlink:href"}] == []
    assert {value[0] for name, value in tags.attributes if name == "href"} == {"#"}
    assert re.findall(r"<script|<link|<img|@import|url\(|https?://", page) == []


def test_every_chart_says_in_words_what_it_shows() -> None:
    """A screen reader gets a title and a description for each plot."""
    page = render(a_report(a_flagged()))
    charts = re.findall(r'<svg role="img"[^>]*aria-labelledby="([^"]+)"', page)
    assert len(charts) == len(re.findall("<svg", page)) > 0
    for names in charts:
        for name in names.split():
            assert page.count(f'id="{name}"') == 1


def test_what_events_say_is_shown_as_written() -> None:
    """A user name is written by whoever sends events; the page must not run it."""
    page = render(a_report(a_flagged()))
    assert "u<script>17" not in page
    assert "u&lt;script&gt;17" in page


@given(name=HOSTILE | st.sampled_from(["<script>", "{{ 7 * 7 }}", "--></style>", "'\" onload='"]))
def test_no_name_in_any_field_becomes_markup(name: str) -> None:
    """Whatever stands in every text of a report, the page has the tags of one with plain names."""
    theft = Truth(
        scenario="theft",
        started_ms=THEFT_MS,
        ended_ms=THEFT_MS + 6 * HOUR_MS,
        haul_participants=300_000,
    )
    honest = msgspec.structs.replace(a_flagged(), institution="unit-south", really="hub")
    report = msgspec.structs.replace(
        a_report(a_flagged(truth=theft), honest),
        notes=("A note.", "Another."),
        measures=(suspension(institution="unit-north"), suspension(institution="unit-south")),
    )
    hostile, plain = (page_with(word, report) for word in (name, "plain"))
    assert structure(hostile) == structure(plain)
    escaped = str(markupsafe.escape("\n".join(map(printable, name.split("\n")))))
    # Every name is there, as text that can be seen.
    assert hostile.count(escaped) >= plain.count("plain")


def test_a_request_that_ran_out_is_no_measure_that_was_released() -> None:
    """Nobody was stopped, so the table of measures must not say that somebody was let go."""
    lapsed = suspension(
        institution="unit-north",
        state="released",
        started_ms=None,
        approvals=(),
        by="headgate",
        why="expired",
    )
    page = render(msgspec.structs.replace(a_report(a_flagged()), measures=(lapsed,)))
    assert "<td>request to suspend</td>\n<td>lapsed</td>" in page
    assert "<td>released</td>" not in page


def test_nothing_is_declared_safe() -> None:
    """The templates escape all they are given, and no module escapes or marks up by hand."""
    sources = {path: path.read_text() for path in STREAMS.rglob("*.py")}
    by_hand = re.compile(r"^(?:from|import) (?:html|markupsafe)\b|\bMarkup\(", re.MULTILINE)
    assert [path for path, text in sources.items() if by_hand.search(text)] == []
    templates = [path.read_text() for path in (STREAMS / "report" / "templates").iterdir()]
    assert templates
    assert [text for text in templates if re.search(r"\|\s*safe\b|autoescape", text)] == []


def test_the_same_report_gives_the_same_bytes() -> None:
    """A committee can recompute the page."""
    assert render(a_report(a_flagged())) == render(a_report(a_flagged()))


def test_a_report_without_alerts_says_what_that_does_not_prove() -> None:
    """The empty state is honest: it names what was looked at and what cannot be seen."""
    page = render(a_report())
    assert "Nothing was flagged among 3 institutions." in page
    assert "cannot be seen" in page


def test_a_report_of_nothing_at_all_can_be_drawn() -> None:
    """An empty file is no reason to fail."""
    empty = Report(
        title="Headgate report",
        sources=(),
        first_ms=0,
        last_ms=0,
        events_count=0,
        rejects={},
        institutions_count=0,
        flagged=(),
        quiet=(),
        config_hash="",
    )
    assert "Nothing was flagged" in render(empty)


def test_reasons_show_observed_beside_expected() -> None:
    """The numbers of the alert are on the page as people write them."""
    page = render(a_report(a_flagged()))
    for words in ("41,200", "300", "137.3 x", "under 1 in a billion", "none expected", "90 %"):
        assert words in page, words


def test_the_share_saved_counts_what_was_taken_after_the_alert() -> None:
    """A theft of 300,000 in six hours, alerted after ten minutes: 1/36 was gone."""
    truth = Truth(
        scenario="smash_and_grab_v1",
        started_ms=THEFT_MS,
        ended_ms=THEFT_MS + 6 * HOUR_MS,
        haul_participants=300_000,
    )
    saving = saved(a_flagged(truth=truth))
    assert saving is not None
    assert (saving.before_participants, saving.after_participants) == (8_333, 291_667)


def test_an_institution_without_participants_has_no_share_saved() -> None:
    """Where nothing is known of the haul, nothing is claimed."""
    flagged = Flagged(institution="unit-north", alerts=(theft_alert(),), tracks=())
    assert saved(flagged) is None
    assert main_track(flagged) is None
    assert "coverage is unknown" in render(a_report(flagged))


def test_the_chart_is_about_the_dataset_that_the_alert_names() -> None:
    """Another dataset may be fuller; it is drawn behind."""
    track = main_track(a_flagged())
    assert track is not None
    assert track.dataset == "imaging"


@pytest.mark.parametrize("top_ratio", [0.0, 0.00003, 0.004, 0.05, 0.33, 0.8, 1.0])
def test_the_axis_fits_any_share(top_ratio: float) -> None:
    """Two to six lines, and the fullest track inside the plot."""
    held_participants = round(top_ratio * 10_000_000)
    track = Track(
        dataset="d",
        times_ms=[0],
        held_participants=[held_participants],
        cohort_participants=10_000_000,
    )
    chart = chart_of([track], bounds=(0, DAY_MS), marks=(), title="t")
    assert chart.top_ratio >= top_ratio
    assert 2 <= len(chart.ratio_ticks) <= 6


def test_a_mark_outside_the_frame_is_not_drawn() -> None:
    """Zooming in leaves out the alerts of other days."""
    marks = [Mark(at_ms=2 * DAY_MS, label="later", kind="alert")]
    assert chart_of([], bounds=(0, DAY_MS), marks=marks, title="t").marks == ()


def test_the_page_is_about_the_incident_that_took_most() -> None:
    """A small alert weeks before must not stand for the theft."""
    small = msgspec.structs.replace(
        theft_alert(at_ms=START_MS + DAY_MS), alert_id="a-small", taken_participants=500
    )
    flagged = msgspec.structs.replace(a_flagged(), alerts=(small, theft_alert()))
    assert lead_alert(flagged).alert_id == theft_alert().alert_id


def test_what_comes_after_an_incident_has_closed_is_not_counted_as_saved() -> None:
    """The institution may go on working honestly; that was never at stake."""
    closing = msgspec.structs.replace(
        theft_alert(at_ms=THEFT_MS + 3 * HOUR_MS), change="close", revision=2
    )
    saving = saved(msgspec.structs.replace(a_flagged(), alerts=(theft_alert(), closing)))
    assert saving is not None
    assert saving.after_participants == 150_000 - 8_333


def test_the_truth_is_told_only_where_it_is_known() -> None:
    """A real log knows no truth, and the page must not pretend."""
    assert "in truth" not in render(a_report(a_flagged()))
    theft = Truth(
        scenario="smash_and_grab_v1",
        started_ms=THEFT_MS,
        ended_ms=THEFT_MS + 6 * HOUR_MS,
        haul_participants=300_000,
    )
    honest = msgspec.structs.replace(a_flagged(), institution="unit-south", really="hub")
    page = render(a_report(a_flagged(truth=theft), honest))
    assert "in truth" in page
    assert "<td>smash_and_grab_v1</td>" in page
    assert "<td>honest</td>" in page
    assert "nothing to save" in page


def test_the_flagged_are_shown_in_an_order_that_is_told() -> None:
    """The gravest first, then who holds most people, then by name; on the page and as lines."""
    grave = a_flagged()
    mild = (msgspec.structs.replace(theft_alert(), severity="low"),)
    full = Flagged(institution="c", alerts=mild, tracks=(a_track(),))
    small = Flagged(institution="b", alerts=mild, tracks=(a_track(theft_participants=9),))
    same = msgspec.structs.replace(small, institution="a")
    ordered = in_order([small, same, full, grave])
    assert [each.institution for each in ordered] == ["unit-north", "c", "a", "b"]
    report = a_report(*ordered)
    assert "the gravest first, then who holds most people, then by name" in render(report)
    lines = [line.text for line in total_lines(totals_of(report, elapsed_seconds=1.0))]
    (place,) = [place for place, line in enumerate(lines) if line.startswith("flagged: 4 of 7")]
    assert lines[place].endswith("; the gravest first, then who holds most people, then by name")
    assert [line.split()[1] for line in lines[place + 1 : place + 5]] == [
        "unit-north:",
        "c:",
        "a:",
        "b:",
    ]


def test_the_list_says_who_was_flagged_before_anything_was_learnt() -> None:
    """So that nobody takes a first week for a verdict."""
    early = msgspec.structs.replace(theft_alert(), unlearnt=("institution", "peers"))
    flagged = msgspec.structs.replace(a_flagged(), alerts=(early,))
    lines = [line.text for line in total_lines(totals_of(a_report(flagged), elapsed_seconds=1.0))]
    (line,) = [line for line in lines if "unit-north: alert" in line]
    assert ", before anything was learnt of the institution or its peers; holds" in line

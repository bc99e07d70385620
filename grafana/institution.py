"""One institution: what it holds, since when, and what to do next."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard, stat, text
from grafana_foundation_sdk.models.text import TextMode

from grafana.parts import (
    BLUE,
    DATASOURCE,
    ORANGE,
    SKY,
    VERMILLION,
    YELLOW,
    at,
    chooser,
    curves,
    number,
    page,
    query,
    severity_names,
    steps,
)
from grafana.taking import taken

UID: Final = "headgate-institution"
_WHO: Final = '{institution="$institution"}'
_HELD: Final = f"headgate_coverage_ratio{_WHO}"

# An alert has its id in the topic: no label of a metric may have as many values.
_NEXT: Final = """
**What did it take, and why is that strange?** The alerts of *$institution* are on the topic
`headgate.alerts` under its name, each with its reasons in numbers and an id.

```sh
{explain}
```

tells an alert again from the events themselves: what was observed and expected, which events weigh
most, what it held before and after.

**What to do** stands in the runbook under *HeadgateExtraction*: look, ask the contact in the
register, pause on the platform.
"""
EXPLAIN: Final = "headgate explain ALERT_ID --config headgate.toml"


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    board = page(
        "One institution",
        UID,
        "What one institution holds, since when, and what to do next.",
        choosers=(chooser("institution", "Institution", multi=False),),
        hours=7 * 24,
    )
    for panel in _answers():
        board = board.with_panel(at(panel, width=6, height=4))
    held = curves(
        "Share of each dataset's cohort that it holds",
        query(f"max by (dataset) ({_HELD})", "{{dataset}}"),
        unit="percentunit",
        says="Bitmaps, so exact, unless its log counts people without naming them.",
    )
    new = curves(
        "Taken within the hour before, by dataset",
        query(taken(_HELD, by="dataset", span="1h"), "{{dataset}}"),
        unit="percentunit",
        says="Share of the cohort that came new to it.",
    )
    return (
        board.with_panel(at(held, width=12, height=9))
        .with_panel(at(new, width=12, height=9))
        .with_panel(at(_next(), width=24, height=8))
    )


def _answers() -> tuple[stat.Panel, ...]:
    return (
        number(
            "Open alert",
            query(f"max(headgate_incident_severity{_WHO})"),
            unit="none",
            says="Severity by what was taken.",
            thresholds=steps(BLUE),
        ).mappings([severity_names()]),
        number(
            "Largest share held",
            query(f"max({_HELD})"),
            unit="percentunit",
            says="Of a dataset's cohort.",
            thresholds=steps(BLUE, (0.25, SKY), (0.5, YELLOW), (0.75, ORANGE)),
        ).decimals(2),
        number(
            "Taken in 24 h",
            query(taken(_HELD, by="institution", span="1d")),
            unit="percentunit",
            says="Share of the cohort that came new to it within the day before.",
            thresholds=steps(BLUE, (0.01, YELLOW), (0.05, ORANGE), (0.2, VERMILLION)),
        ).decimals(2),
        number(
            "Limit reached in",
            query(f"min(headgate_limit_distance_seconds{_WHO} < 31536000)"),
            unit="s",
            says="At the pace of 30 days, when it holds all that it may.",
            thresholds=steps(VERMILLION, (14 * 86_400, YELLOW), (60 * 86_400, BLUE)),
        ).no_value("over a year"),
    )


def _next() -> text.Panel:
    words = _NEXT.format(explain=EXPLAIN)
    panel = text.Panel().title("What next?").datasource(DATASOURCE)
    return panel.mode(TextMode.MARKDOWN).content(words)

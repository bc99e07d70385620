"""Is anyone taking too much? The page that a night shift looks at first, without scrolling."""

from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

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
    instant,
    number,
    page,
    query,
    severity_names,
    steps,
)

UID: Final = "headgate-taking"
INSTITUTION_PAGE: Final = "/d/headgate-institution?${datasource:queryparam}&${__url_time_range}"

_WHO: Final = 'institution=~"$institution", jurisdiction=~"$jurisdiction"'
_HELD: Final = f'headgate_coverage_ratio{{{_WHO}, dataset=~"$dataset"}}'
_SEVERITY: Final = f"headgate_incident_severity{{{_WHO}}}"
_UNNAMED: Final = f"headgate_unnamed_events_count{{{_WHO}}}"
_REPEATS: Final = f"headgate_repeats_ratio{{{_WHO}}}"
_ERRORS: Final = f"headgate_errors_with_bytes_ratio{{{_WHO}}}"
_DISTANCE: Final = f"headgate_limit_distance_seconds{{{_WHO}}}"
_BY: Final = "by (institution, jurisdiction)"
_NEAR_SECONDS: Final = 14 * 86_400
_FAR_SECONDS: Final = 60 * 86_400
# A year and more says nothing; who takes nothing is at infinity.
_HORIZON_SECONDS: Final = 365 * 86_400


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    board = page(
        "Is anyone taking too much?",
        UID,
        "Who is alerted, who holds how much of the cohort, and whether anybody watches.",
        choosers=(
            chooser("jurisdiction", "Jurisdiction", multi=True),
            chooser("institution", "Institution", multi=True),
            chooser("dataset", "Dataset", multi=True),
        ),
    )
    for panel in _answers():
        board = board.with_panel(at(panel, width=3, height=4))
    return (
        board.with_panel(at(_table(), width=24, height=9))
        .with_panel(at(_held(), width=12, height=8))
        .with_panel(at(_taken(), width=12, height=8))
    )


def taken(held: str, *, by: str, span: str) -> str:
    """Return the expression of what was taken in `span`: all of it by who held nothing before."""
    now, before = f"max by ({by}) ({held})", f"max by ({by}) ({held} offset {span})"
    return f"({now} - {before}) or {now}"


def _answers() -> tuple[stat.Panel, ...]:
    return (*_risks(), *_watch())


def _risks() -> tuple[stat.Panel, ...]:
    return (
        number(
            "With an open alert",
            query(f"count(max by (institution) ({_SEVERITY}) > 0) or vector(0)"),
            unit="none",
            says="Institutions with an alert that has not been closed.",
            thresholds=steps(BLUE, (1, ORANGE)),
        ),
        number(
            "Worst of them",
            query(f"max({_SEVERITY})"),
            unit="none",
            says="Severity by what was taken: high from 5 % of the cohort, critical from 20 %.",
            thresholds=steps(BLUE),
        ).mappings([severity_names()]),
        number(
            "Largest share held",
            query(f"max({_HELD})"),
            unit="percentunit",
            says="Of a dataset's cohort, by one institution.",
            thresholds=steps(BLUE, (0.25, SKY), (0.5, YELLOW), (0.75, ORANGE)),
        ).decimals(1),
        number(
            "Nearest limit",
            query(f"min({_DISTANCE} < {_HORIZON_SECONDS})"),
            unit="s",
            says="At the pace of 30 days, when the first institution holds all that it may.",
            thresholds=steps(VERMILLION, (_NEAR_SECONDS, YELLOW), (_FAR_SECONDS, BLUE)),
        ).no_value("over a year"),
    )


def _watch() -> tuple[stat.Panel, ...]:
    return (
        number(
            "Measures in effect",
            query('sum(headgate_suspensions_open_count{state="active", mode="on"}) or vector(0)'),
            unit="none",
            says="Throttled or suspended now, dry runs left out.",
            thresholds=steps(BLUE, (1, ORANGE)),
        ),
        number(
            "Wait for a person",
            query('sum(headgate_suspensions_open_count{state="held", mode="on"}) or vector(0)'),
            unit="none",
            says="Measures held back because they would stop too many at once.",
            thresholds=steps(BLUE, (1, VERMILLION)),
        ),
        number(
            "Last event judged",
            query("time() - max(headgate_event_time_seconds)"),
            unit="s",
            says="Ago. If it grows, nobody reads anything, or nobody tells us.",
            thresholds=steps(BLUE, (300, YELLOW), (1_800, VERMILLION)),
        ),
        number(
            "Workers that answer",
            query('sum(up{job="headgate"})'),
            unit="none",
            says="None: nobody watches.",
            thresholds=steps(VERMILLION, (1, BLUE)),
        ),
    )


def _table() -> table.Panel:
    queries = (
        f"max {_BY} ({_SEVERITY})",
        f"max {_BY} ({_HELD})",
        taken(_HELD, by="institution, jurisdiction", span="1h"),
        taken(_HELD, by="institution, jurisdiction", span="1d"),
        f"min {_BY} ({_DISTANCE})",
        f"max {_BY} ({_UNNAMED})",
        f"max {_BY} ({_REPEATS})",
        f"max {_BY} ({_ERRORS})",
    )
    names = {
        "institution": "Institution",
        "jurisdiction": "Jurisdiction",
        "Value #A": "Open alert",
        "Value #B": "Holds",
        "Value #C": "Taken in 1 h",
        "Value #D": "Taken in 24 h",
        "Value #E": "Limit reached in",
        "Value #F": "Events that name nobody",
        "Value #G": "Repeats",
        "Value #H": "Errors with bytes",
    }
    order = {"excludeByName": {"Time": True}, "renameByName": names}
    board = (
        table.Panel()
        .title("Institutions, the worst first")
        .description(
            "A click on an institution opens its own page. One with events that name nobody cannot "
            "be judged by people. Errors that carry bytes may be transfers that broke off."
        )
        .datasource(DATASOURCE)
        .targets([instant(expr, ref=ref) for ref, expr in zip("ABCDEFGH", queries, strict=True)])
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(DataTransformerConfig(id_val="organize", options=order))
        .sort_by(
            [
                common.TableSortByFieldState().display_name("Open alert").desc(desc=True),
                common.TableSortByFieldState().display_name("Taken in 24 h").desc(desc=True),
            ]
        )
        .no_value("-")
    )
    for name, settings in _columns().items():
        board = board.override_by_name(
            name, [DynamicConfigValue(id_val=key, value=value) for key, value in settings.items()]
        )
    return board


def _columns() -> dict[str, dict[str, object]]:
    share: dict[str, object] = {"unit": "percentunit", "decimals": 2}
    link = {
        "title": "Open ${__value.text}",
        "url": f"{INSTITUTION_PAGE}&var-institution=${{__value.text}}",
    }
    return {
        "Institution": {"links": [link]},
        "Open alert": {
            "mappings": [severity_names().to_json()],
            "custom.displayMode": "color-background-solid",
        },
        "Holds": {
            **share,
            "custom.displayMode": "basic",
            "min": 0,
            "max": 1,
            "color": {"mode": "fixed", "fixedColor": SKY},
        },
        "Taken in 1 h": share,
        "Taken in 24 h": share,
        "Limit reached in": {"unit": "dtdurations"},
        "Errors with bytes": {"unit": "percentunit", "decimals": 0},
    }


def _held() -> timeseries.Panel:
    return curves(
        "Share of the cohort held: the ten that hold most",
        query(
            # The ten of the last moment: those of each moment would be many, and broken lines.
            f"max by (institution) ({_HELD}) and topk(10, max by (institution) ({_HELD} @ end()))",
            "{{institution}}",
        ),
        unit="percentunit",
        says="A staircase is a study that grows; a cliff is a grab.",
    )


def _taken() -> timeseries.Panel:
    now = taken(f"{_HELD} @ end()", by="institution", span="1d")
    expr = f"({taken(_HELD, by='institution', span='1d')}) and topk(10, {now})"
    return curves(
        "Taken in 24 h: the ten that took most",
        query(expr, "{{institution}}"),
        unit="percentunit",
        says="Share of the cohort that came new to each within the day before.",
    )

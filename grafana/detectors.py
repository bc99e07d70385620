"""What the detectors see, and whether it comes at the price that was agreed."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard, stat, timeseries

from grafana.parts import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SEVERITY_COLORS,
    SKY,
    VERMILLION,
    YELLOW,
    at,
    bars,
    curves,
    number,
    page,
    query,
    steps,
)

UID: Final = "headgate-detectors"
REALISED: Final = (
    "sum(headgate_alert_days_realised * headgate_institutions_count)"
    " / sum(headgate_institutions_count)"
)
_BUDGET: Final = "max(headgate_alert_days_budget)"


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    board = page(
        "Detectors",
        UID,
        "Which detectors speak, how surely, and whether the budget of false alerts holds.",
        hours=7 * 24,
    )
    for panel in _answers():
        board = board.with_panel(at(panel, width=6, height=4))
    for graph in _graphs():
        board = board.with_panel(at(graph, width=12, height=9))
    return board


def _answers() -> tuple[stat.Panel, ...]:
    return (
        number(
            "Budget",
            query(_BUDGET),
            unit="none",
            says="False alert-days a week per 100 institutions that people are ready to read.",
            thresholds=steps(BLUE),
        ).decimals(1),
        number(
            "Realised",
            query(REALISED),
            unit="none",
            says="Alert-days a week per 100 institutions, over four weeks, true ones included.",
            thresholds=steps(BLUE, (5, YELLOW), (10, ORANGE)),
        ).decimals(1),
        number(
            "Alerts in 24 h",
            query('sum(increase(headgate_alerts_total{change="create"}[1d]))'),
            unit="none",
            says="Incidents that people were told of.",
            thresholds=steps(BLUE),
        ).decimals(0),
        number(
            "Configurations",
            query("count(count by (hash) (headgate_config_info))"),
            unit="none",
            says="More than one: workers judge differently.",
            thresholds=steps(BLUE, (2, VERMILLION)),
        ),
    )


def _graphs() -> tuple[timeseries.Panel, ...]:
    return (*_alerts(), *_statements(), *_measures())


def _alerts() -> tuple[timeseries.Panel, ...]:
    return (
        curves(
            "Alert-days a week per 100 institutions",
            query(_BUDGET, "budget", ref="A"),
            query(REALISED, "realised", ref="B"),
            unit="none",
            says="Realised counts true alerts too; far above the budget, look at what speaks.",
            named={"budget": BLUE, "realised": ORANGE},
        ),
        curves(
            "New people that an alert needs",
            query("max by (group) (headgate_alert_participants_count)", "{{group}}"),
            unit="none",
            says="Taken at once, by peer group. Who is loud to deafen the others makes it grow.",
        ),
        bars(
            curves(
                "Alerts by detector of the first reason",
                query(
                    "sum by (detector)"
                    ' (increase(headgate_alerts_total{change="create"}[$__interval])) > 0',
                    "{{detector}}",
                ),
                unit="none",
                says="Incidents newly told, in each span.",
            )
        ),
        curves(
            "Whether rings are told",
            query("sum by (state) (headgate_ring_judges_count)", "{{state}}", ref="A"),
            query("sum(headgate_ring_days_count)", "days with a ring, of 56", ref="B"),
            unit="none",
            says="Neither: nobody looks for rings. More than 8 days, and they are in shadow.",
        ),
        curves(
            "Institutions in which a detector sees something strange",
            query(
                "sum by (detector, mode) (headgate_detector_institutions_count) > 0",
                "{{detector}} ({{mode}})",
            ),
            unit="none",
            says="Shadow beside live: what would be said if a detector were on.",
        ),
    )


def _statements() -> tuple[timeseries.Panel, ...]:
    return (
        bars(
            curves(
                "Statements by p-value",
                *(
                    query(_between(low, high), name, ref=ref)
                    for ref, name, low, high in (
                        ("A", "1e-2 and more", "0.01", "+Inf"),
                        ("B", "1e-4 to 1e-2", "0.0001", "0.01"),
                        ("C", "1e-6 to 1e-4", "1e-06", "0.0001"),
                        ("D", "below 1e-6", None, "1e-06"),
                    )
                ),
                unit="none",
                says="How improbable what was told is for an honest institution.",
                named={
                    "1e-2 and more": SKY,
                    "1e-4 to 1e-2": BLUE,
                    "1e-6 to 1e-4": ORANGE,
                    "below 1e-6": VERMILLION,
                },
            )
        ),
        bars(
            curves(
                "Alerts by severity",
                query(
                    "sum by (severity)"
                    ' (increase(headgate_alerts_total{change="create"}[$__interval])) > 0',
                    "{{severity}}",
                ),
                unit="none",
                says="By what had been taken when people were first told.",
                named=SEVERITY_COLORS,
            )
        ),
    )


def _measures() -> tuple[timeseries.Panel, ...]:
    return (
        bars(
            curves(
                "Measures that began or were asked for",
                query(
                    "sum by (mode) (increase(headgate_suspensions_total[$__interval])) > 0",
                    "{{mode}}",
                ),
                unit="none",
                says="A dry run stops nobody.",
                named={"dry_run": GREEN, "on": PURPLE},
            )
        ),
        curves(
            "Share of alerts that people confirmed",
            query(
                'sum by (detector) (headgate_alerts_decided_count{label="confirmed"})'
                " / sum by (detector) (headgate_alerts_decided_count) > 0",
                "{{detector}}",
            ),
            unit="percentunit",
            says="Of those that people have said anything about.",
        ),
        curves(
            "Measures that are not over",
            query(
                "sum by (state, mode) (headgate_suspensions_open_count) > 0",
                "{{state}} ({{mode}})",
            ),
            unit="none",
            says="Requested and held ones wait for a person.",
        ),
        curves(
            "Why alerts led to no measure",
            query(
                "sum by (reason) (increase(headgate_measures_withheld_total[$__interval])) > 0",
                "{{reason}}",
            ),
            unit="none",
            says="Or to no stronger one; the audit has the numbers of each.",
        ),
    )


def _between(low: str | None, high: str) -> str:
    """Return how many statements had a p-value within these bounds, in each span."""
    rate = 'sum(increase(headgate_alert_p_value_bucket{{le="{}"}}[$__interval]))'
    below = f" - {rate.format(low)}" if low else ""
    return f"{rate.format(high)}{below}"

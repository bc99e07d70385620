"""The parts that all dashboards are made of: queries, panels, variables, colours."""

from typing import Final, TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from detectors.verdict import SEVERITIES

# Okabe and Ito (2008), "Color Universal Design": told apart by the colour-blind too.
BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
ORANGE: Final = "#E69F00"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"

DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
SEVERITY_COLORS: Final[dict[str, str]] = {
    "low": SKY,
    "medium": YELLOW,
    "high": ORANGE,
    "critical": VERMILLION,
}
TAG: Final = "headgate"

PanelT = TypeVar("PanelT", timeseries.Panel, stat.Panel, table.Panel, text.Panel)


def query(expr: str, legend: str = "", *, ref: str = "A") -> prometheus.Dataquery:
    """Return a query over time."""
    target = prometheus.Dataquery().expr(expr).range().ref_id(ref).datasource(DATASOURCE)
    return target.legend_format(legend) if legend else target


def instant(expr: str, *, ref: str = "A") -> prometheus.Dataquery:
    """Return a query of now, as rows of a table."""
    target = prometheus.Dataquery().expr(expr).instant().ref_id(ref).datasource(DATASOURCE)
    return target.format(PromQueryFormat.TABLE)


def steps(below: str, *above: tuple[float, str]) -> dashboard.ThresholdsConfig:
    """Return thresholds: the colour below all of them, then each with its colour."""
    colours = [
        Threshold(color=below),
        *(Threshold(value=at, color=color) for at, color in above),
    ]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(colours)


def color(mode: FieldColorModeId, fixed: str | None = None) -> dashboard.FieldColor:
    """Return how a panel picks its colours."""
    choice = dashboard.FieldColor().mode(mode)
    return choice.fixed_color(fixed) if fixed else choice


def severity_names() -> ValueMap:
    """Return the severities by their numbers, in words: colour alone must not tell."""
    shades = [("none", BLUE), *((severity, SEVERITY_COLORS[severity]) for severity in SEVERITIES)]
    return ValueMap(
        options={
            str(number): ValueMappingResult(text=name, color=shade, index=number)
            for number, (name, shade) in enumerate(shades)
        }
    )


def number(
    title: str,
    target: Builder[Dataquery],
    *,
    unit: str,
    says: str,
    thresholds: dashboard.ThresholdsConfig,
) -> stat.Panel:
    """Return a panel of one number, coloured by its thresholds."""
    return (
        stat.Panel()
        .title(title)
        .description(says)
        .datasource(DATASOURCE)
        .with_target(target)
        .unit(unit)
        .thresholds(thresholds)
        .color_scheme(color(FieldColorModeId.THRESHOLDS))
        .color_mode(BigValueColorMode.BACKGROUND)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
    )


def curves(
    title: str,
    *targets: Builder[Dataquery],
    unit: str,
    says: str,
    named: dict[str, str] | None = None,
) -> timeseries.Panel:
    """Return a panel of lines; `named` fixes the colours of lines whose names are known."""
    legend = (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.RIGHT)
        .show_legend(show_legend=True)
        .calcs(["lastNotNull"])
    )
    panel = (
        timeseries.Panel()
        .title(title)
        .description(says)
        .datasource(DATASOURCE)
        .targets(list(targets))
        .unit(unit)
        .min(0)
        .color_scheme(color(FieldColorModeId.PALETTE_CLASSIC))
        .legend(legend)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .line_width(2)
        .fill_opacity(5)
        .show_points(VisibilityMode.NEVER)
        .axis_placement(AxisPlacement.LEFT)
        .no_value("no data")
    )
    for name, shade in (named or {}).items():
        fixed = {"mode": "fixed", "fixedColor": shade}
        panel = panel.override_by_name(name, [DynamicConfigValue(id_val="color", value=fixed)])
    return panel


def bars(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw stacked bars: what happened in each span, not what is."""
    stacking = common.StackingConfig().mode(StackingMode.NORMAL)
    return panel.draw_style(GraphDrawStyle.BARS).fill_opacity(80).stacking(stacking)


def chooser(name: str, label: str, *, multi: bool) -> dashboard.QueryVariable:
    """Return a variable over the values of a label of what institutions hold."""
    everything = VariableOption(selected=True, text="All", value="$__all")
    variable = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(f"label_values(headgate_coverage_ratio, {name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )
    if not multi:
        return variable
    return (
        variable.multi(multi=True).include_all(include_all=True).all_value(".*").current(everything)
    )


def annotation(name: str, expr: str, shade: str) -> dashboard.AnnotationQuery:
    """Return marks on every graph where `expr` has a value."""
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(enable=True)
        .icon_color(shade)
        .expr(expr)
    )


def page(
    title: str,
    uid: str,
    says: str,
    *,
    choosers: tuple[Builder[VariableModel], ...] = (),
    hours: int = 24,
) -> dashboard.Dashboard:
    """Return an empty dashboard with what all of them share."""
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    links = (
        dashboard.DashboardLink("Headgate")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )
    board = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(says)
        .tags([TAG])
        .timezone("utc")
        .readonly()
        .refresh("10s")
        .time(f"now-{hours}h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(links)
        .annotation(
            annotation(
                "Alerts",
                'sum by (detector, severity) (increase(headgate_alerts_total{change="create"}[1m]))'
                " > 0",
                VERMILLION,
            )
        )
        .annotation(
            annotation(
                "Suspensions",
                "sum by (mode) (increase(headgate_suspensions_total[1m])) > 0",
                PURPLE,
            )
        )
        .with_variable(source)
    )
    for variable in choosers:
        board = board.with_variable(variable)
    return board


def at(panel: PanelT, *, width: int, height: int) -> PanelT:
    """Give a panel its size; panels follow one another in rows of twenty-four units."""
    return panel.span(width).height(height)

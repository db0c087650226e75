"""Kinds of panels in a common style."""

from grafana_foundation_sdk.builders import bargauge, heatmap, stat, table, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    ScaleDistributionConfig,
    StackingConfig,
    TableSortByFieldState,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.heatmap import (
    HeatmapColorOptions,
    HeatmapTooltip,
    RowsHeatmapOptions,
    YAxisConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    HeatmapCellLayout,
    LegendDisplayMode,
    LegendPlacement,
    ScaleDistribution,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    MatcherConfig,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

import colors
import links
from variables import DATASOURCE

INTERVAL = "1m"
"""Scrape interval recommended by the README."""

POINTS = 360
"""Points of a line: one per minute over six hours. Grafana asks for one per pixel otherwise."""

DATE_AND_TIME = "dateTimeAsIso"
"""Unit of a time in milliseconds since 1970, shown in the time zone of the reader."""

DAYS = "suffix: days"
"""Unit of a number of days, which Grafana's own unit would write as weeks."""

DURATION = "dtdurations"
"""Unit of a duration in seconds, written as days, hours and minutes; as many of them as `decimals` plus one."""

POOL_NAME = "{{project}}: {{name}}"
"""Legend of series by pool."""


def query(ref: str, expression: str, legend: str = "") -> Dataquery:
    """A query over the time range."""
    return (
        Dataquery()
        .ref_id(ref)
        .datasource(DATASOURCE)
        .expr(expression)
        .legend_format(legend)
        # Grafana computes rates over four times this interval, or less if the data source has a shorter
        # scrape interval.
        .interval(INTERVAL)
        .range()
    )


def instant(ref: str, expression: str, legend: str = "") -> Dataquery:
    """A query at the end of the time range."""
    found = Dataquery().ref_id(ref).datasource(DATASOURCE).expr(expression).legend_format(legend)
    return found.instant()


def framed(panel, title: str, description: str, width: int, height: int):
    """Sets the properties that every panel has."""
    framing = panel.title(title).description(description).datasource(DATASOURCE)
    return framing.interval(INTERVAL).span(width).height(height)


def tooltip() -> VizTooltipOptions:
    """Tooltip with all series, largest first."""
    return VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)


def legend() -> VizLegendOptions:
    """Legend below the graph."""
    placed = VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
    return placed.placement(LegendPlacement.BOTTOM)


def last_value() -> ReduceDataOptions:
    """Reduces each series to its last value."""
    return ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)


def number(
    title: str,
    description: str,
    expression: str,
    unit: str,
    target: dict[str, object],
    width: int = 4,
) -> stat.Panel:
    """A single value, coloured by threshold, that links to `target`."""
    panel = framed(stat.Panel(), title, description, width, 4).unit(unit)
    return (
        linked(panel, target)
        .with_target(instant("A", expression))
        .reduce_options(last_value())
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .color_scheme(colors.by_threshold())
        .thresholds(colors.thresholds(colors.BLUE))
    )


def curves(
    title: str, description: str, unit: str, width: int = 12, height: int = 8
) -> timeseries.Panel:
    """Lines over time."""
    panel = framed(timeseries.Panel(), title, description, width, height).unit(unit)
    panel = panel.max_data_points(POINTS).line_width(1).fill_opacity(8).tooltip(tooltip()).legend(legend())
    if unit == "short":
        # Keeps a constant 0 at the bottom instead of the middle.
        panel = panel.axis_soft_max(1)
    return panel.axis_soft_min(0).color_scheme(colors.by_name())


def by_pool(
    title: str, description: str, unit: str, largest: str, legend_format: str = POOL_NAME
) -> timeseries.Panel:
    """Lines of the ten largest pools, with the legend on the right."""
    panel = curves(title, description, unit, height=9).with_target(
        query("A", largest, legend_format)
    )
    panel = linked(panel, links.view(links.SERIES, "project", "pool")).fill_opacity(0)
    return panel.legend(legend().placement(LegendPlacement.RIGHT))


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Stacks the series of a panel."""
    return panel.stacking(StackingConfig().mode(StackingMode.NORMAL).group("A")).fill_opacity(60)


def with_limits(panel: timeseries.Panel, *steps: tuple[float, str]) -> timeseries.Panel:
    """Adds lines at alert thresholds to a panel."""
    style = GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(colors.thresholds("transparent", *steps)).thresholds_style(style)


def colored(panel, by_name: dict[str, str]):
    """Assigns colours to series by name."""
    for name, color in by_name.items():
        panel = panel.override_by_name(name, [colors.fixed(color)])
    return panel


def colored_by_query(panel, by_ref: dict[str, str]):
    """Assigns shades of a colour to the series of each query."""
    for ref, color in by_ref.items():
        value = {"mode": "shades", "fixedColor": color}
        shades = [DynamicConfigValue(id_val="color", value=value)]
        panel = panel.override_by_query(ref, shades)
    return panel


def bars(
    title: str,
    description: str,
    expression: str,
    legend_format: str,
    unit: str,
    *targets: dict[str, object],
) -> bargauge.Panel:
    """Bars of the ten largest series, with links."""
    panel = framed(bargauge.Panel(), title, description, 12, 9).unit(unit).min(0)
    return (
        linked(panel, *targets)
        .with_target(instant("A", f"topk(10, {expression})", legend_format))
        .reduce_options(last_value())
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .show_unfilled(False)
        .thresholds(colors.thresholds(colors.BLUE))
        .color_scheme(colors.one())
    )


def density(title: str, description: str, cells: str, unit: str) -> heatmap.Panel:
    """A heatmap of a histogram over time."""
    panel = framed(heatmap.Panel(), title, description, 12, 8)
    target = query("A", cells, "{{le}}").format(PromQueryFormat.HEATMAP)
    color = HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Cividis").steps(64)
    return (
        panel.with_target(target)
        .calculate(False)
        .color(color.exponent(0.5).fill("dark-blue").reverse(False))
        .rows_frame(RowsHeatmapOptions().layout(HeatmapCellLayout.AUTO))
        .y_axis(YAxisConfig().unit(unit))
        .unit(unit)
        .cell_gap(1)
        .exemplars_color(colors.VERMILION)
        .show_legend()
        .tooltip(HeatmapTooltip().mode(TooltipDisplayMode.SINGLE).y_histogram(False))
        .scale_distribution(ScaleDistributionConfig().type(ScaleDistribution.LINEAR))
    )


def rows(title: str, description: str, queries: dict[str, str], width: int = 24, height: int = 9):
    """A table with one column per label and per query."""
    panel = framed(table.Panel(), title, description, width, height).filterable(True)
    for ref, expression in queries.items():
        panel = panel.with_target(instant(ref, expression).format(PromQueryFormat.TABLE))
    return panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))


def columns(
    panel: table.Panel, names: dict[str, str], left_out: tuple[str, ...] = ()
) -> table.Panel:
    """Selects, orders and renames the columns of a table."""
    options = {
        "excludeByName": {name: True for name in ["Time", *left_out]},
        "indexByName": {name: index for index, name in enumerate(names)},
        "renameByName": {name: shown for name, shown in names.items() if name != shown},
    }
    return panel.with_transformation(DataTransformerConfig(id_val="organize", options=options))


def column(panel: table.Panel, name: str, **properties) -> table.Panel:
    """Sets properties of a column: unit, links, mappings and so on."""
    set_to = [
        DynamicConfigValue(id_val=key.replace("__", "."), value=value)
        for key, value in properties.items()
    ]
    matcher = MatcherConfig(id_val="byName", options=name)
    return panel.with_override(matcher, set_to)


def linked_columns(panel: table.Panel, **targets: dict[str, object]) -> table.Panel:
    """Adds links to columns, by their titles with `_` for spaces."""
    for name, target in targets.items():
        panel = column(panel, name.replace("_", " "), links=[target])
    return panel


def largest_first(panel: table.Panel, name: str) -> table.Panel:
    """Sorts a table by a column, largest first."""
    return panel.sort_by([TableSortByFieldState().display_name(name).desc(True)])


def answers(**words: tuple[str, str]) -> list[ValueMap]:
    """Maps the values 0 (`zero`) and 1 (`one`) to words with colours."""
    values = {"zero": "0", "one": "1"}
    options = {
        values[value]: ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(words.items())
    }
    return [ValueMap(options=options)]


def linked(panel, *each: dict[str, object]):
    """Adds links to all values of a panel."""
    return panel.override_by_field_type("number", [links.links(*each)])

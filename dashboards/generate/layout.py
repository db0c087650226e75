"""Frame of both dashboards: title, variables, annotations, links to each other, collapsed rows of panels."""

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, DashboardLink, Row
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
    VariableModel,
)

TAG = "screen-records"
COLUMNS = 24
"""Width of Grafana's grid."""


def dashboard(
    uid: str,
    title: str,
    description: str,
    variables: list[VariableModel],
    marked: list[AnnotationQuery],
) -> Dashboard:
    """A dashboard without panels."""
    others = DashboardLink("Screen recordings").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    others = others.include_vars(True).keep_time(True).placement("")
    empty = (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .time("now-24h", "now")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(others)
        .annotations(marked)
    )
    for variable in variables:
        empty = empty.with_variable(variable)
    return empty


def fill(empty: Dashboard, first: list, rows: dict[str, list]) -> Dashboard:
    """Adds the panels of the first screen and, below them, collapsed rows of panels."""
    number = 0
    filled = empty
    for panel in first:
        number += 1
        filled = filled.with_panel(panel.id(number))
    bottom = max(bottom_of(panel) for panel in first)
    for title, panels in rows.items():
        number += 1
        row = Row(title).id(number).grid_pos(GridPos(x=0, y=bottom, w=COLUMNS, h=1))
        for panel in panels:
            number += 1
            row = row.with_panel(panel.id(number))
        filled = filled.with_row(row)
        bottom += 1
    return filled


def bottom_of(panel) -> int:
    """The line below a panel that has its place."""
    place = panel.build().grid_pos
    return place.y + place.h

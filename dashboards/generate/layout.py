"""Frame of both dashboards: title, variables, links to each other, rows of panels."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableModel,
)

TAG = "screen-records"


def dashboard(uid: str, title: str, description: str, variables: list[VariableModel]) -> Dashboard:
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
    )
    for variable in variables:
        empty = empty.with_variable(variable)
    return empty


def fill(empty: Dashboard, rows: dict[str, list]) -> Dashboard:
    """Adds rows of panels to a dashboard."""
    number = 0
    filled = empty
    for title, panels in rows.items():
        number += 1
        filled = filled.with_row(Row(title).id(number))
        for panel in panels:
            number += 1
            filled = filled.with_panel(panel.id(number))
    return filled

"""Variables of the dashboards."""

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from metrics import DESKTOPS_RECORDED, POOL_SIZE, UP
from queries import EXPORTER, PROJECT, selector

ALL = "(?s:.+)"
"""Pattern for all values. Without the flag, the dot does not match a newline, which names may contain."""

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def datasource() -> DatasourceVariable:
    """The data source."""
    return DatasourceVariable("datasource").label("Data source").type("prometheus")


def labels(name: str, of: str, description: str) -> QueryVariable:
    """The values of a label, all of them by default."""
    query = f"label_values({of}, {name})"
    return (
        QueryVariable(name)
        .label(name.capitalize())
        .description(description)
        .datasource(DATASOURCE)
        .definition(query)
        .query({"query": query, "refId": name})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(ALL)
        .current(VariableOption(text=["All"], value=["$__all"]))
    )


def exporter(serving: str) -> QueryVariable:
    """The exporter that links lead to: the first one that serves the selected projects."""
    query = f"label_values({serving}, instance)"
    return (
        QueryVariable("exporter")
        .label("Exporter")
        .description("Exporter that links lead to.")
        .datasource(DATASOURCE)
        .definition(query)
        .query({"query": query, "refId": "exporter"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .hide(VariableHide.HIDE_VARIABLE)
    )


def exporters() -> list[VariableModel]:
    """Variables of the dashboard of the exporters."""
    return [
        datasource(),
        labels("job", UP, "Prometheus job that scrapes the exporter."),
        labels("instance", selector(UP, 'job=~"$job"'), "Address of the exporter."),
        labels("project", selector(UP, EXPORTER), "Project in the exporter's config."),
        exporter(selector(UP, EXPORTER, PROJECT)),
    ]


def records() -> list[VariableModel]:
    """Variables for the properties of recordings. Recorded series have no labels of exporters to select by."""
    by_type = selector(POOL_SIZE, PROJECT)
    by_user = selector("workspace_user_screen_records", PROJECT)
    return [
        datasource(),
        labels("project", UP, "Project in the exporter's config."),
        # Pools without a recording in the window have this series and few others.
        labels(
            "pool",
            selector(DESKTOPS_RECORDED, PROJECT),
            "ID of the desktop pool; _none for desktops without one.",
        ),
        labels("type", by_type, "Type of recording; applies to panels by type."),
        labels("user", by_user, "Recorded user; applies to panels by user."),
        exporter(selector(UP, PROJECT)),
    ]

"""The variables above the dashboards."""

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from metrics import RECORDS, UP
from queries import EXPORTER, PROJECT, selector

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def datasource() -> DatasourceVariable:
    """Which Prometheus."""
    return DatasourceVariable("datasource").label("Data source").type("prometheus")


def labels(name: str, of: str, description: str) -> QueryVariable:
    """The values of a label; all of them at first."""
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
        .all_value(".+")
        .current(VariableOption(text=["All"], value=["$__all"]))
    )


def exporters() -> list[VariableModel]:
    """Those that every dashboard has: which exporters, and which of their projects."""
    return [
        datasource(),
        labels("job", UP, "The job of Prometheus that scrapes the exporter."),
        labels("instance", selector(UP, 'job=~"$job"'), "The exporter."),
        labels("project", selector(UP, EXPORTER), "A project of the exporter's config."),
    ]


def records() -> list[VariableModel]:
    """Those by which recordings are told apart."""
    counted = selector(RECORDS, PROJECT)
    by_user = selector("workspace_user_screen_records", PROJECT)
    return [
        labels("pool", counted, "The id of a desktop pool; _none is no pool."),
        labels("type", counted, "The kind of recording."),
        labels("user", by_user, "Who was recorded; heeded by the panels by user."),
    ]

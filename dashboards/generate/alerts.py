"""Table of firing alerts, and annotations, for both dashboards."""

from grafana_foundation_sdk.builders.common import TableSortByFieldState
from grafana_foundation_sdk.builders.dashboard import AnnotationQuery

import colors
import links
from metrics import POOL_NAMES, UP
from panels import DURATION, column, columns, linked_columns, rows
from queries import PROJECT, age, selector
from variables import DATASOURCE

SEVERITIES = {"critical": colors.BAD, "warning": colors.DOUBTFUL, "info": colors.BLUE}


def firing(width: int, height: int):
    """Table of the firing alerts.

    A table of Prometheus' own series instead of Grafana's alert list, which shows alerts of a data source only if
    Grafana manages them, and cannot be filtered by a variable.
    """
    # Alerts about the process have no project.
    of_project = 'alertname=~"ScreenRecord.*", project=~"$project|"'
    active = selector("ALERTS", of_project, 'alertstate="firing"')
    by = "alertname, severity, project, pool"
    since = f"ALERTS_FOR_STATE{{{of_project}}} and ignoring (alertstate) {active}"
    duration = age(f"min by ({by}) ({since})")
    names = selector(POOL_NAMES, PROJECT)
    named = f"{duration} * on (project, pool) group_left (name) {names}"
    # Many alerts have no pool, and pools may have no name.
    unnamed = f'label_replace({duration}, "name", "$1", "pool", "(?s:(.*))")'
    panel = rows(
        "Firing alerts",
        "Alerts of alerts.yml that are firing, with the time that their condition has been true."
        " Empty while no alert is firing, or if Prometheus does not evaluate alerts.yml.",
        {"A": f"{named} or on ({by}) {unnamed}"},
        width=width,
        height=height,
    ).no_value("No alert is firing")
    panel = columns(
        panel.unit("short"),
        {
            "severity": "Severity",
            "alertname": "Alert",
            "project": "Project",
            "name": "Pool",
            "Value": "Active",
        },
    )
    panel = column(panel, "Active", unit=DURATION, decimals=0, custom__width=100)
    panel = column(panel, "pool", custom__hidden=True)
    panel = column(panel, "Project", custom__width=90)
    panel = column(panel, "Pool", custom__width=95)
    mapped = {
        name: {"color": color, "index": index}
        for index, (name, color) in enumerate(SEVERITIES.items())
    }
    panel = column(
        panel,
        "Severity",
        mappings=[{"type": "value", "options": mapped}],
        custom__cellOptions={"type": "color-text"},
        custom__width=70,
    )
    # The id of the section is in lower case, which Grafana cannot write. Browsers scroll to the text instead.
    what_to_do = links.page("What to do", "/runbook#:~:text=${__data.fields.Alert:percentencode}")
    chosen = links.view(links.ROW, "project")
    panel = linked_columns(
        panel,
        Severity=what_to_do,
        Alert=what_to_do,
        Project=chosen,
        Pool=links.view(links.ROW, "project", "pool"),
        Active=what_to_do,
    )
    newest_first = TableSortByFieldState().display_name("Active").desc(False)
    return panel.sort_by([newest_first])


def annotation(name: str, color: str, seconds: str, title: str, text: str) -> AnnotationQuery:
    """Marks moments in all graphs: the values of a query, in seconds since 1970.

    A change of the value would be missed if the exporter was away for longer than the step.
    """
    marked = AnnotationQuery().name(name).datasource(DATASOURCE).enable(True).hide(False)
    marked = marked.icon_color(color).expr(f"1000 * {seconds}").use_value_for_time(True)
    return marked.step("1m").title_format(title).text_format(text)


def annotations(matchers: str) -> list[AnnotationQuery]:
    """Begins of counting and restarts of the exporters with these labels."""
    since = selector("workspace_screen_records_counting_since_timestamp_seconds", matchers)
    exporters = f"group by (job, instance) ({selector(UP, matchers)})"
    return [
        annotation(
            "Counting began",
            colors.BAD,
            f"max by (project, instance) ({since})",
            "Counting began: {{project}}",
            "The state on {{instance}} was created, lost or replaced.",
        ),
        annotation(
            "Exporter started",
            colors.BLUE,
            f"(process_start_time_seconds and on (job, instance) {exporters})",
            "Exporter started",
            "{{instance}}",
        ),
    ]

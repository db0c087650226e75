"""Panels of the row "Failures"."""

import colors
import links
from metrics import BY_GROUP, POOL_TRANSITIONS, RECORDS, UNRESOLVED, USER_TRANSITIONS
from panels import bars, by_pool, column, columns, largest_first, linked_columns, rows
from queries import (
    FAILED,
    POOL,
    POOL_AND_TYPE,
    USER,
    increase,
    largest_named,
    named,
    of_pools,
    once,
    selector,
    summed,
    with_exporter,
)


def failures() -> list:
    """Failures by pool, user and type, with links to the exporter's list."""
    entered = of_pools(selector(POOL_TRANSITIONS, POOL, FAILED))
    an_hour = by_pool(
        "Failures per hour, by pool",
        "Entries into a failed status within the last hour, including those that were retried since."
        " The ten pools with the most.",
        "short",
        largest_named(entered),
    )
    of_user = increase(selector(USER_TRANSITIONS, USER, FAILED), "$__range")
    by_user = with_exporter(summed(("project", "user"), of_user))
    users = bars(
        "Failures in the time range, by user",
        'Entries into a failed status. Empty with labels.user = "drop".',
        by_user,
        "{{user}}",
        "short",
        links.failures(links.SERIES, "project", "user"),
        links.view(links.SERIES, "project", "user"),
    )
    users = users.decimals(0).color_scheme(colors.one(colors.VERMILION))

    left = once(BY_GROUP, selector(UNRESOLVED, POOL_AND_TYPE, FAILED))
    largest = f"topk(100, {left})"
    in_window = once(BY_GROUP, selector(RECORDS, POOL_AND_TYPE, FAILED))
    panel = rows(
        "Failures by pool and type",
        "The hundred groups with the most unresolved failures. Each number links to the exporter's"
        " list with desktop, user and file.",
        {
            "A": with_exporter(named(largest)),
            "B": with_exporter(named(f"{in_window} and {largest}")),
        },
    )
    panel = columns(
        panel.unit("locale"),
        {
            "project": "Project",
            "name": "Pool",
            "type": "Type",
            "status": "Status",
            "Value #A": "Unresolved",
            "Value #B": "In window",
        },
    )
    group = ("project", "status", "type", "pool")
    steps = [{"color": "transparent", "value": None}, {"color": colors.BAD, "value": 1}]
    panel = column(
        panel,
        "Unresolved",
        links=[links.failures(links.ROW, *group, more=(links.COUNTED,))],
        thresholds={"mode": "absolute", "steps": steps},
        custom__cellOptions={"type": "color-background", "mode": "basic"},
    )
    panel = linked_columns(
        panel,
        Project=links.view(links.ROW, "project"),
        Pool=links.view(links.ROW, "project", "pool"),
        Type=links.failures(links.ROW, "project", "type"),
        Status=links.failures(links.ROW, "project", "status"),
        In_window=links.failures(links.ROW, *group),
    )
    for hidden in ["pool", "instance"]:
        panel = column(panel, hidden, custom__hidden=True)
    return [an_hour, users, largest_first(panel, "Unresolved")]

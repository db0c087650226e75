"""Panels of the rows "Storage and video duration" and "New recordings"."""

import colors
import links
from metrics import BY_PROJECT_AND_POOL, POOL_RECORDS, POOL_SEEN, POOL_SIZE, POOL_TRANSITIONS
from panels import (
    POOL_NAME,
    bars,
    by_pool,
    colored,
    column,
    columns,
    curves,
    largest_first,
    linked_columns,
    query,
    rows,
    stacked,
)
from queries import (
    POOL,
    POOL_AND_TYPE,
    USER,
    largest_named,
    named,
    of_pools,
    selector,
    summed,
    with_exporter,
)

DURATION = "workspace_screen_records_duration_seconds"
USER_RECORDS = "workspace_user_screen_records"
USER_SIZE = "workspace_user_screen_records_size_bytes"
USER_DURATION = "workspace_user_screen_records_duration_seconds"


def storage() -> list:
    """Storage and video duration of the recordings in the window."""
    size = named(of_pools(selector(POOL_SIZE, POOL_AND_TYPE)))
    length = named(summed(BY_PROJECT_AND_POOL, selector(DURATION, POOL_AND_TYPE)))
    over_time = curves(
        "Storage by type",
        "Total size of the recordings in the window. It levels off once the window is full.",
        "bytes",
        width=24,
        height=7,
    )
    by_type = f"sum by (type) ({selector(POOL_SIZE, POOL_AND_TYPE)})"
    types = {
        "FULL": colors.BLUE,
        "INTERVAL": colors.SKY,
        "OPERATION": colors.ORANGE,
        "SESSION": colors.GREEN,
    }
    return [
        bars(
            "Storage by pool",
            "The ten largest pools in the window.",
            size,
            POOL_NAME,
            "bytes",
            links.view(links.SERIES, "project", "pool"),
        ),
        bars(
            "Hours of video by pool",
            "The ten pools with the most hours in the window.",
            f"{length} / 3600",
            POOL_NAME,
            "locale",
            links.view(links.SERIES, "project", "pool"),
        ).decimals(0),
        colored(stacked(over_time.with_target(query("A", by_type, "{{type}}"))), types),
        users(),
    ]


def users():
    """Table of the users."""
    by_user = ("project", "user")
    figures = [selector(each, USER) for each in (USER_RECORDS, USER_SIZE, USER_DURATION)]
    count, size, length = (summed(by_user, figure) for figure in figures)
    largest = f"topk(100, {size})"
    panel = rows(
        "Storage and hours by user",
        "The hundred users with the most storage in the window. Empty with"
        ' labels.user = "drop".',
        {
            "A": with_exporter(largest),
            "B": with_exporter(f"({length} / 3600) and on (project, user) {largest}"),
            "C": with_exporter(f"{count} and on (project, user) {largest}"),
        },
    )
    panel = columns(
        panel.unit("locale").decimals(0),
        {
            "project": "Project",
            "user": "User",
            "Value #A": "Storage",
            "Value #B": "Hours of video",
            "Value #C": "Recordings",
        },
    )
    panel = column(panel, "Storage", unit="bytes", decimals=1)
    listed = links.records(links.ROW, "project", "user")
    panel = linked_columns(
        panel,
        Project=links.view(links.ROW, "project"),
        User=links.view(links.ROW, "project", "user"),
        Storage=listed,
        Hours_of_video=listed,
        Recordings=listed,
    )
    return largest_first(column(panel, "instance", custom__hidden=True), "Storage")


def new() -> list:
    """New recordings and transitions."""
    gained = selector(POOL_SEEN, POOL)
    a_week_ago = f"{gained} offset 1w"
    compared = curves(
        "New recordings per hour, compared with a week ago",
        "Recordings first seen within the last hour, and within the same hour a week earlier. Empty"
        " during the first week: the line of a week ago.",
        "short",
        height=9,
    )
    compared = compared.with_target(query("A", f"sum({gained})", "now"))
    compared = compared.with_target(query("B", f"sum({a_week_ago})", "a week ago"))
    pools = by_pool(
        "New recordings per hour, by pool",
        "Recordings first seen within the last hour. The ten pools with the most.",
        "short",
        largest_named(of_pools(gained)),
    )
    entered = selector(POOL_TRANSITIONS, POOL)
    statuses = curves(
        "Transitions per hour",
        "Entries into each status within the last hour.",
        "short",
    )
    statuses = statuses.with_target(
        query("A", f"sum by (status) ({entered})", "{{status}}")
    )
    window = curves(
        "Recordings in the window, by status",
        "All recordings that started within poll.window.",
        "short",
    )
    by_status = f"sum by (status) ({selector(POOL_RECORDS, POOL)})"
    window = stacked(window.with_target(query("A", by_status, "{{status}}")))
    return [
        colored(compared, {"now": colors.BLUE, "a week ago": colors.GREY}),
        stacked(pools),
        colored(statuses, colors.STATUSES),
        colored(window, colors.STATUSES),
    ]

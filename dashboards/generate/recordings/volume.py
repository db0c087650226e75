"""Panels of the rows "Storage and video duration" and "New recordings"."""

import colors
from metrics import BY_PROJECT_AND_POOL, SEEN, TRANSITIONS
from panels import (
    POOL_NAME,
    bars,
    by_pool,
    colored,
    column,
    columns,
    curves,
    largest_first,
    query,
    rows,
    stacked,
)
from queries import (
    POOL_AND_TYPE,
    USER,
    increase,
    largest_named,
    named,
    rate,
    selector,
    summed,
)

SIZE = "workspace_screen_records_size_bytes"
DURATION = "workspace_screen_records_duration_seconds"
USER_RECORDS = "workspace_user_screen_records"
USER_SIZE = "workspace_user_screen_records_size_bytes"
USER_DURATION = "workspace_user_screen_records_duration_seconds"


def storage() -> list:
    """Storage and video duration of the recordings in the window."""
    size = named(summed(BY_PROJECT_AND_POOL, selector(SIZE, POOL_AND_TYPE)))
    length = named(summed(BY_PROJECT_AND_POOL, selector(DURATION, POOL_AND_TYPE)))
    over_time = curves(
        "Storage by type",
        "Total size of the recordings in the window. It levels off once the window is full.",
        "bytes",
        width=24,
        height=7,
    )
    by_type = summed(("type",), selector(SIZE, POOL_AND_TYPE))
    types = {
        "FULL": colors.BLUE,
        "INTERVAL": colors.SKY,
        "OPERATION": colors.ORANGE,
        "SESSION": colors.GREEN,
    }
    return [
        bars("Storage by pool", "The ten largest pools in the window.", size, POOL_NAME, "bytes"),
        bars(
            "Hours of video by pool",
            "The ten pools with the most hours in the window.",
            f"{length} / 3600",
            POOL_NAME,
            "locale",
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
            "A": largest,
            "B": f"({length} / 3600) and on (project, user) {largest}",
            "C": f"{count} and on (project, user) {largest}",
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
    return largest_first(panel, "Storage")


def new() -> list:
    """New recordings and transitions."""
    gained = increase(selector(SEEN, POOL_AND_TYPE), "1h")
    a_week_ago = f"increase({selector(SEEN, POOL_AND_TYPE)}[1h] offset 1w)"
    compared = curves(
        "New recordings per hour, compared with a week ago",
        "Recordings first seen within the last hour, and within the same hour a week earlier. Empty"
        " during the first week: the line of a week ago.",
        "short",
        height=9,
    )
    compared = compared.with_target(query("A", summed((), gained), "now"))
    compared = compared.with_target(query("B", summed((), a_week_ago), "a week ago"))
    pools = by_pool(
        "New recordings per hour, by pool",
        "Recordings first seen within the last hour. The ten pools with the most.",
        "short",
        largest_named(summed(BY_PROJECT_AND_POOL, gained)),
    )
    # Sums over all pools, types and statuses; the short window keeps the query fast.
    entered = rate(selector(TRANSITIONS, POOL_AND_TYPE))
    statuses = curves(
        "Transitions per hour",
        "Entries into each status, as an hourly rate.",
        "short",
        width=24,
    )
    statuses = statuses.with_target(
        query("A", f"3600 * {summed(('status',), entered)}", "{{status}}")
    )
    return [
        colored(compared, {"now": colors.BLUE, "a week ago": colors.GREY}),
        stacked(pools),
        colored(statuses, colors.STATUSES),
    ]

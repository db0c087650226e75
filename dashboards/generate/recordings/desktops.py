"""Panels of the row "Desktops"."""

import colors
import links
from metrics import (
    BY_PROJECT_AND_POOL,
    DESKTOPS_RECORDED,
    NEWEST_START,
    POOL_DESKTOPS,
    POOL_DESKTOPS_LAST_DAY,
)
from panels import (
    DURATION,
    by_pool,
    colored,
    column,
    columns,
    curves,
    largest_first,
    linked_columns,
    query,
    rows,
)
from queries import POOL, age, largest_named, named, of_pools, once, selector, with_exporter


def desktops() -> list:
    """Desktops that were recorded, compared with those that exist and with last week."""
    last_day = selector(POOL_DESKTOPS_LAST_DAY, POOL)
    a_week_ago = f"{last_day} offset 1w"
    in_pool = selector(POOL_DESKTOPS, POOL)
    compared = curves(
        "Desktops recorded in the last day, compared with a week ago",
        "Desktops with a recording that started within the last 24 hours, the same a week earlier, and"
        " all desktops of the pools, whether or not they must be recorded. Empty during the first"
        " week: the line of a week ago. Empty without projects.pool_names: the line of the pools.",
        "short",
        height=9,
    )
    for ref, (legend, expression) in {
        "A": ("last day", last_day),
        "B": ("a week ago", a_week_ago),
        "C": ("in the pools", in_pool),
    }.items():
        compared = compared.with_target(query(ref, f"sum({expression})", legend))
    recorded = by_pool(
        "Desktops recorded in the last day, by pool",
        "Desktops with a recording that started within the last 24 hours. The ten pools with the most.",
        "short",
        largest_named(of_pools(last_day)),
    )
    lines = {"last day": colors.BLUE, "a week ago": colors.GREY, "in the pools": colors.ORANGE}
    return [colored(compared, lines), recorded, pools()]


def pools():
    """Table of the pools."""
    last_day = selector(POOL_DESKTOPS_LAST_DAY, POOL)
    in_pool = selector(POOL_DESKTOPS, POOL)
    in_window = once(BY_PROJECT_AND_POOL, selector(DESKTOPS_RECORDED, POOL))
    largest = f"topk(100, {in_window})"
    figures = {
        "A": last_day,
        "B": f"{last_day} offset 1w",
        "C": in_window,
        "D": in_pool,
        "E": f"{last_day} / {in_pool}",
        "F": age(once(BY_PROJECT_AND_POOL, selector(NEWEST_START, POOL))),
    }
    panel = rows(
        "Desktops by pool",
        "The hundred pools with the most desktops in the window. Recorded is the number of desktops with"
        " a recording that started within the last 24 hours, Share its ratio to the desktops of the"
        " pool. Newest start is the time since the newest recording of the pool started. Numbers link"
        " to the exporter's list of desktops, the longest silent first. Empty during the first week: a"
        " week ago.",
        {
            ref: with_exporter(named(f"({each}) and on (project, pool) {largest}"))
            for ref, each in figures.items()
        },
    )
    panel = columns(
        panel.unit("locale"),
        {
            "project": "Project",
            "name": "Pool",
            "Value #A": "Recorded",
            "Value #B": "A week ago",
            "Value #C": "In window",
            "Value #D": "Desktops",
            "Value #E": "Share",
            "Value #F": "Newest start",
        },
    )
    silent = links.desktops(links.ROW, "project", "pool")
    panel = linked_columns(
        panel,
        Project=links.view(links.ROW, "project"),
        Pool=links.view(links.ROW, "project", "pool"),
        Recorded=silent,
        A_week_ago=silent,
        In_window=silent,
        Desktops=silent,
        Share=silent,
        Newest_start=silent,
    )
    panel = column(panel, "Share", unit="percentunit")
    panel = column(panel, "Newest start", unit=DURATION, decimals=0)
    for hidden in ["pool", "instance"]:
        panel = column(panel, hidden, custom__hidden=True)
    return largest_first(panel, "Newest start")

"""Panels of the row "In flight"."""

import colors
from metrics import BY_POOL, OLDEST_START, POOL_EXPIRED, POOL_RECORDS
from panels import by_pool, stacked, with_limits
from queries import (
    IN_FLIGHT,
    POOL,
    age,
    largest_named,
    of_pools,
    once,
    selector,
)

OLDEST_UPDATE = "workspace_screen_records_oldest_update_timestamp_seconds"
HOUR = 3600


def backlog() -> list:
    """Number and age of the recordings in flight, and those that expired."""
    in_flight = of_pools(selector(POOL_RECORDS, POOL, IN_FLIGHT))
    waiting = 'status=~"REC_COMPLETED|UPLOADING"'
    oldest = once(BY_POOL, selector(OLDEST_START, POOL, waiting))
    unchanged = once(BY_POOL, selector(OLDEST_UPDATE, POOL, IN_FLIGHT))
    expired = of_pools(selector(POOL_EXPIRED, POOL))
    since_oldest = f"{age(f'min by (project, pool) ({oldest})')} / {HOUR}"
    since_change = f"{age(f'min by (project, pool) ({unchanged})')} / {HOUR}"
    amount = by_pool(
        "In flight, by pool",
        "Recordings that are in progress, waiting for their upload or being uploaded. The ten pools"
        " with the most.",
        "short",
        largest_named(in_flight),
    )
    age_of_oldest = by_pool(
        "Oldest awaiting upload, by pool",
        "Time since the start of the oldest recording that has ended and is not uploaded yet. The ten"
        " pools with the oldest. Empty while everything is uploaded. The line is the threshold of the"
        " alert.",
        "h",
        largest_named(since_oldest),
    )
    standstill = by_pool(
        "Longest without an update, by pool",
        "Time since the least recent update of a recording in flight. The ten pools with the longest."
        " Empty while nothing is in flight.",
        "h",
        largest_named(since_change),
    )
    lost = by_pool(
        "Expired in flight per hour",
        "Recordings that were neither uploaded nor failed when they became older than poll.window."
        " The exporter no longer tracks them. Should be 0.",
        "short",
        largest_named(expired),
    )
    return [
        stacked(amount),
        with_limits(age_of_oldest, (6, colors.BAD)),
        standstill,
        with_limits(lost, (1, colors.BAD)),
    ]

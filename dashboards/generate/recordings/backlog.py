"""Panels of the row "In flight"."""

import colors
from metrics import BY_POOL, BY_PROJECT_AND_POOL, OLDEST_START, RECORDS
from panels import by_pool, stacked, with_limits
from queries import (
    IN_FLIGHT,
    POOL,
    POOL_AND_TYPE,
    age,
    increase,
    largest_named,
    once,
    selector,
    summed,
)

OLDEST_UPDATE = "workspace_screen_records_oldest_update_timestamp_seconds"
EXPIRED = "workspace_screen_records_expired_in_flight_total"
HOUR = 3600


def backlog() -> list:
    """Number and age of the recordings in flight, and those that expired."""
    in_flight = selector(RECORDS, POOL_AND_TYPE, IN_FLIGHT)
    waiting = 'status=~"REC_COMPLETED|UPLOADING"'
    oldest = once(BY_POOL, selector(OLDEST_START, POOL, waiting))
    unchanged = once(BY_POOL, selector(OLDEST_UPDATE, POOL, IN_FLIGHT))
    expired = increase(selector(EXPIRED, POOL), "1h")
    since_oldest = age(f"min by (project, pool) ({oldest})")
    since_change = age(f"min by (project, pool) ({unchanged})")
    amount = by_pool(
        "In flight, by pool",
        "Recordings that are in progress, waiting for their upload or being uploaded. The ten pools"
        " with the most.",
        "short",
        largest_named(summed(BY_PROJECT_AND_POOL, in_flight)),
    )
    age_of_oldest = by_pool(
        "Oldest awaiting upload, by pool",
        "Time since the start of the oldest recording that has ended and is not uploaded yet. The ten"
        " pools with the oldest. Empty while everything is uploaded. The line is the threshold of the"
        " alert.",
        "s",
        largest_named(since_oldest),
    )
    standstill = by_pool(
        "Longest without an update, by pool",
        "Time since the least recent update of a recording in flight. The ten pools with the longest."
        " Empty while nothing is in flight.",
        "s",
        largest_named(since_change),
    )
    lost = by_pool(
        "Expired in flight per hour",
        "Recordings that were neither uploaded nor failed when they became older than poll.window."
        " The exporter no longer tracks them. Should be 0.",
        "short",
        largest_named(summed(BY_PROJECT_AND_POOL, expired)),
    )
    return [
        stacked(amount),
        with_limits(age_of_oldest, (6 * HOUR, colors.BAD)),
        standstill,
        with_limits(lost, (1, colors.BAD)),
    ]

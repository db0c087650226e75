"""Rows of the recordings' dashboard: what is on its way, and for how long."""

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
    """How much of it there is, how old it is, and what was lost sight of."""
    in_flight = selector(RECORDS, POOL_AND_TYPE, IN_FLIGHT)
    waiting = 'status=~"REC_COMPLETED|UPLOADING"'
    oldest = once(BY_POOL, selector(OLDEST_START, POOL, waiting))
    unchanged = once(BY_POOL, selector(OLDEST_UPDATE, POOL, IN_FLIGHT))
    expired = increase(selector(EXPIRED, POOL), "1h")
    since_oldest = age(f"min by (project, pool) ({oldest})")
    since_change = age(f"min by (project, pool) ({unchanged})")
    amount = by_pool(
        "On their way, by pool",
        "Recordings that go on, wait for their upload, or are being uploaded, of the ten pools that"
        " have most.",
        "short",
        largest_named(summed(BY_PROJECT_AND_POOL, in_flight)),
    )
    age_of_oldest = by_pool(
        "Oldest that is not uploaded, by pool",
        "Time since the start of the oldest recording that has ended and is not uploaded, of the ten"
        " pools where it is longest. Empty while everything is uploaded. The line is where the alert"
        " is.",
        "s",
        largest_named(since_oldest),
    )
    standstill = by_pool(
        "Longest without a change, by pool",
        "Time since the API last changed a recording that is on its way, of the ten pools where it is"
        " longest. Empty while nothing is on its way.",
        "s",
        largest_named(since_change),
    )
    lost = by_pool(
        "Left the window on their way, an hour",
        "Recordings that were neither uploaded nor failed when they became older than poll.window:"
        " nobody watches them any more. It should be 0.",
        "short",
        largest_named(summed(BY_PROJECT_AND_POOL, expired)),
    )
    return [
        stacked(amount),
        with_limits(age_of_oldest, (6 * HOUR, colors.BAD)),
        standstill,
        with_limits(lost, (1, colors.BAD)),
    ]

"""Rows of the recordings' dashboard: what is on its way, and for how long."""

import colors
from metrics import BY_GROUP, BY_POOL, OLDEST_START, RECORDS
from panels import curves, query, stacked, with_limits
from queries import (
    IN_FLIGHT,
    POOL,
    POOL_AND_TYPE,
    age,
    increase,
    named,
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
    oldest = age(once(BY_POOL, selector(OLDEST_START, POOL, waiting)))
    unchanged = age(once(BY_POOL, selector(OLDEST_UPDATE, POOL, IN_FLIGHT)))
    expired = increase(selector(EXPIRED, POOL), "1h")
    by_pool = ("project", "pool")
    amount = curves(
        "On their way, by pool",
        "Recordings that go on, wait for their upload, or are being uploaded.",
        "short",
    ).with_target(query("A", named(summed(by_pool, BY_GROUP, in_flight)), "{{name}}"))
    age_of_oldest = curves(
        "Oldest that is not uploaded, by pool",
        "Time since the start of the oldest recording that has ended and is not uploaded. Empty"
        " while everything is. The line is where the alert is.",
        "s",
    ).with_target(query("A", named(oldest), "{{name}} {{status}}"))
    standstill = curves(
        "Longest without a change, by pool",
        "Time since the API last changed a recording that is on its way. Empty while nothing is.",
        "s",
    ).with_target(query("A", named(unchanged), "{{name}} {{status}}"))
    lost = curves(
        "Left the window on their way, an hour",
        "Recordings that were neither uploaded nor failed when they became older than poll.window:"
        " nobody watches them any more. It should be 0.",
        "short",
    ).with_target(query("A", named(summed(by_pool, BY_POOL, expired)), "{{name}}"))
    return [
        stacked(amount),
        with_limits(age_of_oldest, (6 * HOUR, colors.BAD)),
        standstill,
        with_limits(lost, (1, colors.BAD)),
    ]

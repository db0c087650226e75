"""Panels of the row "Replicas": leaders, and the database that replicas share."""

import colors
import links
from exporter.polls import durations
from panels import colored_by_query, columns, curves, linked_columns, query, rows
from queries import EXPORTER, POLLED, increase, once, selector

LEADER = "screen_records_exporter_state_leader"
EPOCH = "screen_records_exporter_state_epoch"
LAG = "screen_records_exporter_state_lag_commits"
REPLICAS = "screen_records_exporter_state_replicas"
AVAILABLE = "screen_records_exporter_state_available"
TAKEOVERS = "screen_records_exporter_state_takeovers_total"
FENCED = "screen_records_exporter_state_fenced_total"
ROUND_TRIP = "screen_records_exporter_state_round_trip_seconds"

ABSENT = "Empty without state.url."


def replicas() -> list:
    """Leaders and their changes, commits that are missing, and the database."""
    leads = selector(LEADER, POLLED)
    leaders = rows(
        "Leaders",
        f"The replica that polls each project. {ABSENT}",
        {"A": f"max by (project, instance) ({leads}) == 1"},
        width=8,
        height=8,
    )
    leaders = columns(
        leaders.unit("short"), {"project": "Project", "instance": "Replica"}, ("Value",)
    )
    page = links.page("Page of the exporter", "/", "${__data.fields.Replica}")
    led = curves(
        "Projects led",
        f"Projects that each replica polls. The numbers differ by at most one. {ABSENT}",
        "short",
        width=8,
    ).with_target(query("A", f"sum by (instance) ({leads})", "{{instance}}"))
    alive = curves(
        "Replicas",
        "Live replicas according to the database, and the scraped ones that can use the database."
        f" {ABSENT}",
        "short",
        width=8,
    )
    alive = alive.with_target(query("A", f"max({selector(REPLICAS, EXPORTER)})", "live"))
    alive = alive.with_target(query("B", f"sum({selector(AVAILABLE, EXPORTER)})", "with database"))
    changes = once(("project",), f"changes({selector(EPOCH, POLLED)}[1h])")
    changing = curves(
        "Changes of leader per hour",
        f"How often the leader of each project changed within an hour. {ABSENT}",
        "short",
        width=8,
    ).with_target(query("A", changes, "{{project}}"))
    moved = curves(
        "Takeovers and fenced commits per hour",
        "Projects that a replica took over, and commits that were refused because another replica"
        f" had become the leader. {ABSENT}",
        "short",
        width=8,
    )
    for ref, counter, what in (("A", TAKEOVERS, "takeovers"), ("B", FENCED, "fenced")):
        gained = increase(selector(counter, EXPORTER), "1h")
        moved = moved.with_target(query(ref, gained, f"{{{{instance}}}} {what}"))
    behind = curves(
        "Commits behind",
        "Commits that a replica has not applied yet, of the project with the most. A replica catches"
        f" up before each answer. {ABSENT}",
        "short",
        width=8,
    ).with_target(query("A", f"max by (instance) ({selector(LAG, POLLED)})", "{{instance}}"))
    asked = durations(
        "Database round trip",
        f"Time until the database answers a statement. {ABSENT}",
        ROUND_TRIP,
        EXPORTER,
        width=24,
    )
    return [
        linked_columns(leaders, Project=links.view(links.ROW, "project"), Replica=page),
        led,
        colored_by_query(alive, {"A": colors.BLUE, "B": colors.GREEN}),
        changing,
        colored_by_query(moved, {"A": colors.BLUE, "B": colors.VERMILION}),
        behind,
        asked,
    ]

"""Panels of the first screen of the exporter's dashboard."""

import colors
import links
from alerts import firing
from metrics import BY_PROJECT, SNAPSHOT
from panels import (
    DURATION,
    answers,
    columns,
    curves,
    linked_columns,
    number,
    query,
    rows,
    with_limits,
)
from queries import EXPORTER, POLLED, age, once, read_or_gone, selector

SYNC_MODE = "screen_records_exporter_sync_mode"
PROGRESS = "screen_records_exporter_first_sync_progress_ratio"
EXPIRY = "screen_records_exporter_credential_expiry_timestamp_seconds"
RELOADED = "screen_records_exporter_config_last_reload_successful"
RELOADED_AT = "screen_records_exporter_config_last_reload_success_timestamp_seconds"
# Lower bound of the time until expiry, so that expired credentials are shown in red.
LONG = 100 * 365 * 24 * 3600

BUILD = "screen_records_exporter_build_info"


def health() -> list:
    """Failing projects, snapshot age, credentials, reloads, modes and versions."""
    up = read_or_gone(POLLED)
    snapshot = once(BY_PROJECT, selector(SNAPSHOT, POLLED))
    first = selector(PROGRESS, POLLED)
    expiry = selector(EXPIRY, POLLED)
    reloaded = selector(RELOADED, EXPORTER)
    version = f"group by (version, revision, instance) ({selector(BUILD, EXPORTER)})"
    mode = f"max by (project, mode) ({selector(SYNC_MODE, POLLED)}) == 1"
    page = links.page("Page of the exporter", "/")
    return [
        number(
            "Failing projects",
            "Projects whose last poll failed, that have no completed poll yet, or that disappeared"
            " within the last day. The exporter's page / shows the error and the remedy.",
            f"count({up}) - sum({up})",
            "short",
            page,
        ).thresholds(colors.thresholds(colors.GOOD, (1, colors.BAD))),
        number(
            "Oldest snapshot",
            "Time since the oldest snapshot of a project was completed.",
            f"max({age(snapshot)})",
            DURATION,
            page,
        )
        .decimals(0)
        .thresholds(colors.thresholds(colors.GOOD, (300, colors.DOUBTFUL), (600, colors.BAD))),
        number(
            "First sync",
            "Progress of the first sync, for the project that is furthest behind.",
            f"min({first})",
            "percentunit",
            page,
        ).thresholds(colors.thresholds(colors.DOUBTFUL, (1, colors.GOOD))),
        number(
            "Credentials expire in",
            "Time until the first credentials expire; the exporter renews them earlier. Empty if the"
            " expiry is unknown, as with access keys and tokens from the config.",
            f"min({expiry} - time())",
            DURATION,
            page,
        )
        .decimals(0)
        .no_value("unknown")
        .thresholds(colors.thresholds(colors.GREY, (-LONG, colors.BAD), (600, colors.GOOD))),
        number(
            "Last reload succeeded",
            "Whether the last attempt to load the config succeeded. If not, the previous config stays"
            " in use and the log shows the error.",
            f"min({reloaded})",
            "short",
            links.page("What to do", "/runbook#screenrecordsconfigreloadfailed"),
        )
        .mappings(answers(zero=("no", colors.BAD), one=("yes", colors.GOOD)))
        .thresholds(colors.thresholds(colors.BAD, (1, colors.GOOD))),
        number(
            "Config age",
            "Time since the last successful load of the config.",
            f"max({age(selector(RELOADED_AT, EXPORTER))})",
            DURATION,
            page,
        ).decimals(0),
        with_limits(
            curves(
                "Snapshot age",
                "Time since each project's snapshot was completed. The line is the default of"
                " poll.max_staleness; above it, the gauges are no longer served.",
                "s",
            ).with_target(query("A", age(snapshot), "{{project}}")),
            (600, colors.BAD),
        ),
        firing(12, 8),
        *what_runs(mode, version),
    ]


def what_runs(mode: str, version: str) -> list:
    """Sync mode of each project, and versions."""
    panel = rows(
        "Sync mode",
        "incremental is the cheapest mode. no_status_filter and no_counts mean that the API lacks a"
        " feature; full_walk reads the whole window in every poll.",
        {"A": mode},
        width=12,
        height=6,
    )
    modes = columns(panel.unit("short"), {"project": "Project", "mode": "Mode"}, ("Value",))
    recordings = links.view(links.ROW, "project")
    modes = linked_columns(modes, Project=recordings, Mode=links.page("Page of the exporter", "/"))
    panel = rows(
        "Versions", "Versions and revisions in use.", {"A": version}, width=12, height=6
    )
    shown = {"instance": "Exporter", "version": "Version", "revision": "Revision"}
    versions = columns(panel.unit("short"), shown, ("Value",))
    page = links.page("Page of the exporter", "/", "${__data.fields.Exporter}")
    versions = linked_columns(versions, Exporter=page, Version=page, Revision=page)
    return [modes, versions]

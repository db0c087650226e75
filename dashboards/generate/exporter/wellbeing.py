"""Rows of the exporter's dashboard: does it read, with what, and what did it find odd?"""

import colors
from metrics import BY_PROJECT, SNAPSHOT
from panels import answers, columns, curves, number, query, rows, with_limits
from queries import EXPORTER, PROJECT, age, once, read_or_gone, selector

SYNC_MODE = "screen_records_exporter_sync_mode"
PROGRESS = "screen_records_exporter_first_sync_progress_ratio"
EXPIRY = "screen_records_exporter_credential_expiry_timestamp_seconds"
RELOADED = "screen_records_exporter_config_last_reload_successful"
RELOADED_AT = "screen_records_exporter_config_last_reload_success_timestamp_seconds"
# Nothing has been expired for longer.
LONG = 100 * 365 * 24 * 3600

BUILD = "screen_records_exporter_build_info"


def wellbeing() -> list:
    """What is wrong shows here first."""
    up = read_or_gone()
    snapshot = once(BY_PROJECT, selector(SNAPSHOT, PROJECT))
    first = selector(PROGRESS, PROJECT)
    expiry = selector(EXPIRY, PROJECT)
    reloaded = selector(RELOADED, EXPORTER)
    version = f"group by (version, revision) ({selector(BUILD, EXPORTER)})"
    mode = f"max by (project, mode) ({selector(SYNC_MODE, PROJECT)}) == 1"
    return [
        number(
            "Polls failing",
            "Projects whose last poll failed, or that have none yet, or of which nothing comes any"
            " more: the exporter's page / says why and what to do.",
            f"count({up}) - sum({up})",
            "short",
        ).thresholds(colors.thresholds(colors.GOOD, (1, colors.BAD))),
        number(
            "Oldest snapshot",
            "Time since the oldest snapshot of a project was complete.",
            f"max({age(snapshot)})",
            "s",
        ).thresholds(colors.thresholds(colors.GOOD, (300, colors.DOUBTFUL), (600, colors.BAD))),
        number(
            "First sync",
            "How much of the first reading of the window is done, of the project that is furthest"
            " behind.",
            f"min({first})",
            "percentunit",
        ).thresholds(colors.thresholds(colors.DOUBTFUL, (1, colors.GOOD))),
        number(
            "Credentials end in",
            "Time until the first credentials end that were obtained; the exporter renews them"
            " before. Empty where nobody knows: with keys or a token that were made elsewhere.",
            f"min({expiry} - time())",
            "s",
        )
        .no_value("unknown")
        .thresholds(colors.thresholds(colors.GREY, (-LONG, colors.BAD), (600, colors.GOOD))),
        number(
            "Config as in its file",
            "Whether the config could be read when that was last tried. If not, the one before is"
            " in force, and the log says what is wrong.",
            f"min({reloaded})",
            "short",
        )
        .mappings(answers(zero=("no", colors.BAD), one=("yes", colors.GOOD)))
        .thresholds(colors.thresholds(colors.BAD, (1, colors.GOOD))),
        number(
            "Config read",
            "Time since the config was last read with success.",
            f"max({age(selector(RELOADED_AT, EXPORTER))})",
            "s",
        ),
        with_limits(
            curves(
                "Age of the snapshots",
                "Time since each project's snapshot was complete. The line is poll.max_staleness as"
                " it is by default: behind it the gauges are no longer served.",
                "s",
            ).with_target(query("A", age(snapshot), "{{project}}")),
            (600, colors.BAD),
        ),
        *what_runs(mode, version),
    ]


def what_runs(mode: str, version: str) -> list:
    """How each project is kept up to date, and by which version."""
    panel = rows(
        "How the projects are kept up to date",
        "incremental is the cheapest. no_status_filter, no_counts and full_walk say what the API"
        " does not allow; full_walk reads the whole window at each poll.",
        {"A": mode},
        width=6,
        height=8,
    )
    modes = columns(panel.unit("short"), {"project": "Project", "mode": "Mode"}, ("Value",))
    panel = rows(
        "Versions", "What runs, and what it was built from.", {"A": version}, width=6, height=8
    )
    versions = columns(
        panel.unit("short"), {"version": "Version", "revision": "Revision"}, ("Value",)
    )
    return [modes, versions]

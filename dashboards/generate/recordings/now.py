"""Panels of the first screen of the dashboard of the recordings."""

import colors
import links
from metrics import (
    BY_POOL,
    NEWEST_START,
    OLDEST_READ,
    OLDEST_START,
    POOL_RECORDS,
    POOL_UNRESOLVED,
    RECORDS,
    REPORTED,
    SNAPSHOT,
    UP,
)
from panels import (
    DATE_AND_TIME,
    DAYS,
    DURATION,
    answers,
    colored,
    column,
    columns,
    curves,
    linked_columns,
    number,
    query,
    rows,
    stacked,
    with_limits,
)
from queries import (
    FAILED,
    IN_FLIGHT,
    NOT_UPLOADED,
    POOL,
    PROJECT,
    SETTLED,
    UPLOADED,
    age,
    once,
    read_or_gone,
    selector,
)

WINDOW = "workspace_screen_records_window_seconds"
COUNTING_SINCE = "workspace_screen_records_counting_since_timestamp_seconds"
HOUR = 3600
DAY = 24 * HOUR


def now() -> list:
    """Current state at a glance."""
    unresolved = f"sum({selector(POOL_UNRESOLVED, POOL)})"
    failed = f"sum({selector(POOL_RECORDS, POOL, FAILED)})"
    settled = f"sum({selector(POOL_RECORDS, POOL, SETTLED)})"
    uploaded = f"sum({selector(POOL_RECORDS, POOL, UPLOADED)})"
    in_flight = f"sum({selector(POOL_RECORDS, POOL, IN_FLIGHT)})"
    oldest = selector(OLDEST_START, POOL)
    snapshot = selector(SNAPSHOT, PROJECT)
    up = read_or_gone(PROJECT)
    return [
        number(
            "Unresolved",
            "Recordings in a failed status whose failure was counted. The row Failures breaks them down;"
            " the exporter's page /failures lists them.",
            unresolved,
            "short",
            links.page("Unresolved failures", f"/failures?{links.COUNTED}"),
            width=3,
        ).thresholds(colors.thresholds(colors.GOOD, (1, colors.BAD))),
        number(
            "Failed before counting began",
            "Recordings that had failed when the exporter first saw them. Alerts do not cover them, and"
            " they leave with the window. The exporter's page /failures lists them.",
            f"clamp_min({failed} - {unresolved}, 0)",
            "short",
            links.page("Failed before counting began", f"/failures?{links.NOT_COUNTED}"),
            width=5,
        ).thresholds(colors.thresholds(colors.GOOD, (1, colors.DOUBTFUL))),
        number(
            "All projects up",
            "Whether the last poll of every project succeeded. After a failed poll, the last snapshot"
            " is served until it is older than poll.max_staleness. A project that had metrics within"
            " the last day but has none now counts as down.",
            f"min({up})",
            "short",
            links.board("Screen records exporter", links.EXPORTER),
            width=3,
        )
        .mappings(answers(zero=("no", colors.BAD), one=("yes", colors.GOOD)))
        .thresholds(colors.thresholds(colors.BAD, (1, colors.GOOD))),
        number(
            "Snapshot age",
            "Time since the oldest snapshot shown here was completed.",
            f"max({age(once(('project',), snapshot))})",
            DURATION,
            links.board("Screen records exporter", links.EXPORTER),
            width=3,
        )
        .decimals(0)
        .thresholds(colors.thresholds(colors.GOOD, (300, colors.DOUBTFUL), (600, colors.BAD))),
        number(
            "Uploaded",
            "Uploaded recordings as a share of all settled recordings in the window, including those"
            " that failed before counting began.",
            f"{uploaded} / {settled}",
            "percentunit",
            links.panel("Recordings in the window, by status"),
            width=3,
        )
        .decimals(2)
        .thresholds(colors.thresholds(colors.BAD, (0.95, colors.DOUBTFUL), (0.99, colors.GOOD))),
        number(
            "In flight",
            "Recordings that are in progress, waiting for their upload or being uploaded.",
            in_flight,
            "short",
            links.panel("In flight, by pool"),
            width=3,
        ),
        number(
            "Oldest in flight",
            "Time since the start of the oldest recording in flight. Empty while nothing is in"
            " flight.",
            f"max({age(once(BY_POOL, oldest))})",
            DURATION,
            links.panel("Oldest awaiting upload, by pool"),
        )
        .decimals(1)
        .no_value("none")
        .thresholds(colors.thresholds(colors.GOOD, (6 * HOUR, colors.DOUBTFUL), (DAY, colors.BAD))),
    ]


def over_time() -> list:
    """The same over time."""
    # Uploaded recordings outnumber the others so much that a stack with them would hide those.
    by_status = f"sum by (status) ({selector(POOL_RECORDS, POOL, NOT_UPLOADED)})"
    unresolved = f"sum by (status) ({selector(POOL_UNRESOLVED, POOL)})"
    status = curves(
        "In flight and failed, by status",
        "Recordings in the window that are not uploaded. The row New recordings shows all of them.",
        "short",
        width=7,
    ).with_target(query("A", by_status, "{{status}}"))
    failures = curves(
        "Unresolved failures over time",
        "Recordings in a failed status whose failure was counted. A failure stops being unresolved"
        " when the upload is retried or the recording leaves the window.",
        "short",
        width=6,
    ).with_target(query("A", unresolved, "{{status}}"))
    status = colored(stacked(status), colors.STATUSES)
    return [status, with_limits(colored(failures, colors.STATUSES), (1, colors.BAD))]


def projects():
    """Table of the projects."""
    by_exporter = ("project", "instance")
    figures = {
        "A": selector(UP, PROJECT),
        "B": age(selector(SNAPSHOT, PROJECT)),
        "C": f"{selector(WINDOW, PROJECT)} / {DAY}",
        "D": f"sum by (project, instance) ({selector(RECORDS, PROJECT)})",
        "E": selector(REPORTED, PROJECT),
        # That of the pool with the newest one.
        "F": age(once(by_exporter, selector(NEWEST_START, PROJECT))),
        "G": age(selector(OLDEST_READ, PROJECT)),
        "H": f"1000 * {selector(COUNTING_SINCE, PROJECT)}",
    }
    by_project = {ref: once(by_exporter, each) for ref, each in figures.items()}
    panel = rows(
        "Projects",
        "One row per project and exporter. Records is the number of recordings read, Reported the"
        " number according to the API; if they differ for long, the API's count and list disagree."
        " Newest start is the time since the newest recording started, Oldest read the age of the"
        " oldest read still relied on. Counters begin at Counting since.",
        by_project,
        height=6,
    )
    panel = columns(
        panel.unit(DURATION).decimals(0),
        {
            "project": "Project",
            "instance": "Exporter",
            "Value #A": "Up",
            "Value #B": "Snapshot age",
            "Value #C": "Window",
            "Value #D": "Records",
            "Value #E": "Reported",
            "Value #F": "Newest start",
            "Value #G": "Oldest read",
            "Value #H": "Counting since",
        },
    )
    words = answers(zero=("no", colors.BAD), one=("yes", colors.GOOD))
    panel = column(
        panel,
        "Up",
        unit="short",
        mappings=words,
        custom__cellOptions={"type": "color-text"},
        custom__width=70,
    )
    panel = column(panel, "Window", unit=DAYS, custom__width=90)
    panel = column(panel, "Records", unit="locale", custom__width=110)
    panel = column(panel, "Reported", unit="locale", custom__width=110)
    panel = column(panel, "Counting since", unit=DATE_AND_TIME)
    row = links.Of("__data.fields", {"project": "Project", "instance": "Exporter"})
    exporter = links.page("Page of the exporter", "/", row.value("instance"))
    polls = links.polls(row)
    earlier = links.failures(row, "project", more=(links.NOT_COUNTED,))
    return linked_columns(
        panel,
        Project=links.view(row, "project"),
        Exporter=exporter,
        Up=polls,
        Snapshot_age=polls,
        Window=exporter,
        Records=exporter,
        Reported=exporter,
        Newest_start=links.desktops(row, "project"),
        Oldest_read=polls,
        Counting_since=earlier,
    )

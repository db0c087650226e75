"""Rows of the recordings' dashboard: is everything recorded and uploaded?"""

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

import colors
from metrics import (
    BY_GROUP,
    BY_POOL,
    OLDEST_READ,
    OLDEST_START,
    RECORDS,
    REPORTED,
    SNAPSHOT,
    UNRESOLVED,
    UP,
)
from panels import (
    answers,
    colored,
    column,
    columns,
    curves,
    link,
    number,
    query,
    rows,
    stacked,
    with_limits,
)
from queries import (
    IN_FLIGHT,
    POOL,
    POOL_AND_TYPE,
    PROJECT,
    SETTLED,
    age,
    once,
    read_or_gone,
    selector,
    summed,
)

HOUR = 3600
DAY = 24 * HOUR


def now() -> list:
    """Everything at a glance."""
    unresolved = f"sum({once(BY_GROUP, selector(UNRESOLVED, POOL_AND_TYPE))})"
    settled = summed((), selector(RECORDS, POOL_AND_TYPE, SETTLED))
    uploaded = selector(RECORDS, POOL_AND_TYPE, 'status="UPLOAD_COMPLETED"')
    in_flight = summed((), selector(RECORDS, POOL_AND_TYPE, IN_FLIGHT))
    oldest = selector(OLDEST_START, POOL)
    snapshot = selector(SNAPSHOT, PROJECT)
    up = read_or_gone()
    return [
        number(
            "Failures to see to",
            "Recordings or uploads that failed while they were watched and have not been uploaded"
            " since. What had failed before counting began is not in it. The table below says where"
            " they are, the exporter's page /failures which.",
            unresolved,
            "short",
        ).thresholds(colors.thresholds(colors.GOOD, (1, colors.BAD))),
        number(
            "All projects read",
            "Whether the last poll of every project succeeded. If not, figures are those of the last"
            " good poll, and go away when it is older than poll.max_staleness. A project that was"
            " there within the last day and of which nothing comes any more is not read either.",
            f"min({up})",
            "short",
        )
        .mappings(answers(zero=("no", colors.BAD), one=("yes", colors.GOOD)))
        .thresholds(colors.thresholds(colors.BAD, (1, colors.GOOD))),
        number(
            "Age of the figures",
            "Time since the oldest snapshot shown here was complete.",
            f"max({age(once(('project',), snapshot))})",
            "s",
        ).thresholds(colors.thresholds(colors.GOOD, (300, colors.DOUBTFUL), (600, colors.BAD))),
        number(
            "Share uploaded",
            "Share of the recordings in the window that are uploaded, of all that are uploaded or"
            " failed. What failed before counting began is in it.",
            f"{summed((), uploaded)} / {settled}",
            "percentunit",
        )
        .decimals(2)
        .thresholds(colors.thresholds(colors.BAD, (0.95, colors.DOUBTFUL), (0.99, colors.GOOD))),
        number(
            "On their way",
            "Recordings that go on, wait for their upload, or are being uploaded.",
            in_flight,
            "short",
        ),
        number(
            "Oldest on its way",
            "Time since the start of the oldest recording that is not uploaded yet and has not"
            " failed. Empty while nothing is on its way.",
            f"max({age(once(BY_POOL, oldest))})",
            "s",
        )
        .no_value("none known")
        .thresholds(colors.thresholds(colors.GOOD, (6 * HOUR, colors.DOUBTFUL), (DAY, colors.BAD))),
    ]


def over_time() -> list:
    """The same, as it came to be."""
    by_status = summed(("status",), selector(RECORDS, POOL_AND_TYPE))
    # As the alerts have it: what either of a pair has counted.
    left = once(BY_GROUP, selector(UNRESOLVED, POOL_AND_TYPE))
    unresolved = f"sum by (status) ({left})"
    status = curves(
        "Recordings in the window, by status",
        "All recordings that began within poll.window, by where they stand. Those that are uploaded"
        " are the line, by the axis on the right; the others are stacked.",
        "short",
    ).with_target(query("A", by_status, "{{status}}"))
    failures = curves(
        "Failures to see to, over time",
        "Recordings in a failed status whose failure was counted. It falls when an upload is tried"
        " again, or the recording leaves the window.",
        "short",
    ).with_target(query("A", unresolved, "{{status}}"))
    # They are so many that the others would be a line at the top.
    apart = {"axisPlacement": "right", "stacking": {"mode": "none"}, "fillOpacity": 0}
    line = [DynamicConfigValue(id_val=f"custom.{key}", value=value) for key, value in apart.items()]
    status = colored(stacked(status), colors.STATUSES).override_by_name("UPLOAD_COMPLETED", line)
    return [status, with_limits(colored(failures, colors.STATUSES), (1, colors.BAD))]


def projects() -> list:
    """What is known of each project."""
    figures = {
        "A": selector(UP, PROJECT),
        "B": age(selector(SNAPSHOT, PROJECT)),
        "C": selector("workspace_screen_records_window_seconds", PROJECT),
        "D": f"sum by (project, instance) ({selector(RECORDS, PROJECT)})",
        "E": selector(REPORTED, PROJECT),
        "F": age(selector("workspace_screen_records_newest_start_timestamp_seconds", PROJECT)),
        "G": age(selector(OLDEST_READ, PROJECT)),
    }
    by_project = {ref: once(("project", "instance"), each) for ref, each in figures.items()}
    panel = rows(
        "Projects",
        "One row for each project and exporter: time since the figures were complete, length of the"
        " window, recordings read and counted by the API, time since the newest recording began,"
        " and since the one was read that was read longest ago. Where records and what the API"
        " counts differ for long, the API counts otherwise than it lists.",
        by_project,
        height=6,
    )
    panel = columns(
        panel.unit("s"),
        {
            "project": "Project",
            "instance": "Exporter",
            "Value #A": "Read",
            "Value #B": "Age",
            "Value #C": "Window",
            "Value #D": "Records",
            "Value #E": "By the API",
            "Value #F": "Newest",
            "Value #G": "Oldest read",
        },
    )
    words = answers(zero=("no", colors.BAD), one=("yes", colors.GOOD))
    page = link("Where it stands", "http://${__data.fields.Exporter}/")
    panel = column(
        panel, "Read", unit="short", mappings=words, custom__cellOptions={"type": "color-text"}
    )
    panel = column(panel, "Records", unit="locale")
    panel = column(panel, "By the API", unit="locale")
    return [column(panel, "Exporter", links=[page])]

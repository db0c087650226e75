"""Rows of the exporter's dashboard: polls, requests, and what they left behind."""

from grafana_foundation_sdk.builders import timeseries

import colors
from metrics import OLDEST_READ, RECORDS, REPORTED
from panels import colored, colored_by_query, curves, query, stacked, with_limits
from queries import EXPORTER, PROJECT, age, of_all_exporters, once, quantile, rate, selector, summed

POLLS = "screen_records_exporter_polls_total"
POLL_DURATION = "screen_records_exporter_poll_duration_seconds"
POLL_REQUESTS = "screen_records_exporter_poll_api_requests"
REQUESTS = "screen_records_exporter_api_requests_total"
REQUEST_DURATION = "screen_records_exporter_api_request_duration_seconds"
THROTTLED = "screen_records_exporter_api_throttled_seconds_total"
COMMIT_DURATION = "screen_records_exporter_state_commit_duration_seconds"
STORE_RECORDS = "screen_records_exporter_store_records"
STORE_BYTES = "screen_records_exporter_store_bytes"
REJECTED = "screen_records_exporter_rejected_records"
UNKNOWN = "screen_records_exporter_unknown_values"
FOLDED = "screen_records_exporter_folded_label_values"

SHARES = {"half": 0.5, "99%": 0.99}
COLORS = {"half": colors.BLUE, "99%": colors.VERMILION}


def durations(
    title: str,
    description: str,
    histogram: str,
    matchers: str,
    width: int = 8,
) -> timeseries.Panel:
    """Quantiles of what took time, over the window that Grafana finds right."""
    panel = curves(f"{title}: up to", f"{description} Estimated from buckets.", "s", width)
    for index, (share, value) in enumerate(SHARES.items()):
        expression = quantile(value, histogram, matchers, "$__rate_interval")
        panel = panel.with_target(query("AB"[index], expression, share))
    return colored(panel, COLORS)


def polls() -> list:
    """How often, how long, how much."""
    finished = of_all_exporters(("outcome",), rate(selector(POLLS, PROJECT)))
    requests = once(("project",), selector(POLL_REQUESTS, PROJECT))
    finished = curves(
        "Polls a minute, by outcome", "Polls that were finished.", "short", width=8
    ).with_target(query("A", f"60 * {finished}", "{{outcome}}"))
    asked = curves(
        "Requests of the last poll",
        "Requests to the records API that the last finished poll made: at most six where nothing"
        " changes and nothing is on its way, and the pages of what is read again.",
        "short",
        width=8,
    ).with_target(query("A", requests, "{{project}}"))
    return [
        colored(stacked(finished), {"success": colors.GREEN, "failure": colors.VERMILION}),
        durations("Duration of polls", "How long polls took.", POLL_DURATION, PROJECT),
        asked,
    ]


def api() -> list:
    """What is asked of the API, and how it answers."""
    requests = rate(selector(REQUESTS, PROJECT))
    throttled = of_all_exporters(("project",), rate(selector(THROTTLED, PROJECT)))
    by_code = curves(
        "Requests a second, by answer",
        "The HTTP status, or timeout, connect or invalid where there was none that is any good.",
        "reqps",
    ).with_target(query("A", of_all_exporters(("code",), requests), "{{code}}"))
    by_code = by_code.override_by_regexp("2..", [colors.fixed(colors.GREEN)])
    by_code = by_code.override_by_regexp("3..|429", [colors.fixed(colors.YELLOW)])
    by_code = by_code.override_by_regexp("4[^2].|42[^9]", [colors.fixed(colors.ORANGE)])
    by_code = by_code.override_by_regexp("5..|[a-z]+", [colors.fixed(colors.VERMILION)])
    by_endpoint = curves(
        "Requests a second, by endpoint",
        "What was asked for: records, names of pools, credentials.",
        "reqps",
    ).with_target(query("A", of_all_exporters(("endpoint",), requests), "{{endpoint}}"))
    paused = curves(
        "Share of the time that requests were held back",
        "Because the API asked for a pause. The line is where the alert is.",
        "percentunit",
    ).with_target(query("A", throttled, "{{project}}"))
    return [
        stacked(by_code),
        stacked(by_endpoint),
        durations(
            "Duration of requests",
            "How long requests to the API took.",
            REQUEST_DURATION,
            PROJECT,
            width=12,
        ),
        with_limits(paused, (0.1, colors.BAD)),
    ]


def odd() -> list:
    """What came back and could not be taken as it was."""
    rejected = once(("project", "reason"), selector(REJECTED, PROJECT))
    unknown = once(("project", "field"), selector(UNKNOWN, PROJECT))
    folded = once(("project", "label"), selector(FOLDED, PROJECT))
    reported = summed(("project",), selector(REPORTED, PROJECT))
    read = summed(("project",), selector(RECORDS, PROJECT))
    understood = curves(
        "Not understood",
        "Rows without an id or a start, and records with a value that is no known one, in the last"
        " successful poll. They should be 0. Empty while all are known: the lines of values.",
        "short",
        width=8,
    )
    understood = understood.with_target(query("A", rejected, "{{project}} row: {{reason}}"))
    understood = understood.with_target(query("B", unknown, "{{project}} value: {{field}}"))
    counted = curves(
        "More by the API's count than read",
        "The API's own count less the records read. Other than 0 for a moment while recordings come"
        " and go.",
        "short",
        width=8,
    ).with_target(query("A", f"{reported} - {read}", "{{project}}"))
    values = curves(
        "Values folded into _other",
        "Users and pools beyond labels.max_users and labels.max_pools. Sums stay exact.",
        "short",
        width=8,
    ).with_target(query("A", folded, "{{project}} {{label}}"))
    return [
        colored_by_query(understood, {"A": colors.VERMILION, "B": colors.ORANGE}),
        counted,
        values,
    ]


def state() -> list:
    """What is kept, and how durable it is made."""
    records = once(("project",), selector(STORE_RECORDS, PROJECT))
    size = once(("project",), selector(STORE_BYTES, PROJECT))
    oldest = age(once(("project",), selector(OLDEST_READ, PROJECT)))
    return [
        curves(
            "Records known",
            "Those that the API shows no longer included, until they leave the window.",
            "short",
            width=8,
        ).with_target(query("A", records, "{{project}}")),
        curves(
            "State on disk",
            "Size of each project's file. 0 where state.directory is empty.",
            "bytes",
            width=8,
        ).with_target(query("A", size, "{{project}}")),
        durations(
            "Making a poll durable",
            "How long commits to the state took.",
            COMMIT_DURATION,
            EXPORTER,
        ),
        with_limits(
            curves(
                "Oldest read before",
                "Time since the record was read that was read longest ago. It is at most"
                " poll.reconcile_interval, by default the line, as far as the limits of requests"
                " allow.",
                "s",
                width=24,
                height=7,
            ).with_target(query("A", oldest, "{{project}}")),
            (3600, colors.DOUBTFUL),
        ),
    ]

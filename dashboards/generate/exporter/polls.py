"""Panels of the rows "Polls", "API requests", "Data quality" and "Local store"."""

from grafana_foundation_sdk.builders import timeseries

import colors
from metrics import ALL_RECORDS, OLDEST_READ, REPORTED
from panels import colored, colored_by_query, curves, query, stacked, with_limits
from queries import (
    EXPORTER,
    POLLED,
    PROJECT,
    age,
    of_all_exporters,
    once,
    quantile,
    rate,
    selector,
)

POLLS = "screen_records_exporter_polls_total"
POLL_DURATION = "screen_records_exporter_poll_duration_seconds"
POLL_REQUESTS = "screen_records_exporter_poll_api_requests"
PAGE_SIZE = "screen_records_exporter_page_size"
REQUESTS = "screen_records_exporter_api_requests_total"
REQUEST_DURATION = "screen_records_exporter_api_request_duration_seconds"
THROTTLED = "screen_records_exporter_api_throttled_seconds_total"
COMMIT_DURATION = "screen_records_exporter_state_commit_duration_seconds"
STORE_RECORDS = "screen_records_exporter_store_records"
STORE_BYTES = "screen_records_exporter_store_bytes"
STORE_TEXTS = "screen_records_exporter_store_texts"
REJECTED = "screen_records_exporter_rejected_records"
UNKNOWN = "screen_records_exporter_unknown_values"
FOLDED = "screen_records_exporter_folded_label_values"

QUANTILES = {"p50": 0.5, "p99": 0.99}
COLORS = {"p50": colors.BLUE, "p99": colors.VERMILION}


def durations(
    title: str,
    description: str,
    histogram: str,
    matchers: str,
    width: int = 8,
) -> timeseries.Panel:
    """Quantiles of a duration over `$__rate_interval`."""
    panel = curves(
        f"{title}: p50, p99", f"{description} Estimated from buckets.", "s", width
    )
    for index, (label, value) in enumerate(QUANTILES.items()):
        expression = quantile(value, histogram, matchers, "$__rate_interval")
        panel = panel.with_target(query("AB"[index], expression, label))
    return colored(panel, COLORS)


def polls() -> list:
    """Rate and duration of polls, and their requests."""
    finished = of_all_exporters(("outcome",), rate(selector(POLLS, POLLED)))
    requests = once(("project",), selector(POLL_REQUESTS, POLLED))
    finished = curves(
        "Polls per minute, by outcome", "Finished polls.", "short", width=8
    ).with_target(query("A", f"60 * {finished}", "{{outcome}}"))
    asked = curves(
        "Requests by the last poll",
        "Requests to the records API by the last finished poll: at most six if nothing changes and"
        " nothing is in flight, plus the pages of the reconciliation.",
        "short",
        width=8,
    ).with_target(query("A", requests, "{{project}}"))
    return [
        colored(stacked(finished), {"success": colors.GREEN, "failure": colors.VERMILION}),
        durations("Poll duration", "Duration of polls.", POLL_DURATION, POLLED),
        asked,
    ]


def api() -> list:
    """Requests to the API and their results."""
    requests = rate(selector(REQUESTS, POLLED))
    throttled = of_all_exporters(("project",), rate(selector(THROTTLED, POLLED)))
    by_code = curves(
        "Requests per second, by result",
        "HTTP status, or timeout, connect or invalid if there was no valid answer.",
        "reqps",
    ).with_target(query("A", of_all_exporters(("code",), requests), "{{code}}"))
    by_code = by_code.override_by_regexp("2..", [colors.fixed(colors.GREEN)])
    by_code = by_code.override_by_regexp("3..|429", [colors.fixed(colors.PURPLE)])
    by_code = by_code.override_by_regexp("4[^2].|42[^9]", [colors.fixed(colors.ORANGE)])
    by_code = by_code.override_by_regexp("5..|[a-z]+", [colors.fixed(colors.VERMILION)])
    by_endpoint = curves(
        "Requests per second, by endpoint",
        "Records, desktop pools, and endpoints for credentials.",
        "reqps",
    ).with_target(query("A", of_all_exporters(("endpoint",), requests), "{{endpoint}}"))
    paused = curves(
        "Share of time throttled",
        "Time that requests were held back because the API asked for a pause. The line is the"
        " threshold of the alert.",
        "percentunit",
        width=8,
    ).with_target(query("A", throttled, "{{project}}"))
    rows = once(("project",), selector(PAGE_SIZE, POLLED))
    rows = curves(
        "Rows per page",
        "Rows requested per page: api.page_size, or fewer if the API grants fewer.",
        "short",
        width=8,
    ).with_target(query("A", rows, "{{project}}"))
    return [
        stacked(by_code),
        stacked(by_endpoint),
        durations(
            "Request duration",
            "Duration of requests to the API.",
            REQUEST_DURATION,
            POLLED,
        ),
        with_limits(paused, (0.1, colors.BAD)),
        rows,
    ]


def quality() -> list:
    """Rows and values that could not be used as they were."""
    rejected = once(("project", "reason"), selector(REJECTED, POLLED))
    unknown = once(("project", "field"), selector(UNKNOWN, POLLED))
    folded = once(("project", "label"), selector(FOLDED, POLLED))
    reported = once(("project",), selector(REPORTED, POLLED))
    read = once(("project",), selector(ALL_RECORDS, PROJECT))
    understood = curves(
        "Rejected rows and unknown values",
        "Rows without an id or a start, and records with an unknown value, in the last successful"
        " poll. Should be 0. Empty while all values are known: the lines of values.",
        "short",
        width=8,
    )
    understood = understood.with_target(query("A", rejected, "{{project}} row: {{reason}}"))
    understood = understood.with_target(query("B", unknown, "{{project}} value: {{field}}"))
    counted = curves(
        "Reported minus read records",
        "The API's own count minus the number of records read. May differ from 0 for a moment while"
        " recordings change.",
        "short",
        width=8,
    ).with_target(query("A", f"{reported} - {read}", "{{project}}"))
    values = curves(
        "Values folded into _other",
        "Users and pools beyond labels.max_users and labels.max_pools. Sums are exact.",
        "short",
        width=8,
    ).with_target(query("A", folded, "{{project}} {{label}}"))
    return [
        colored_by_query(understood, {"A": colors.VERMILION, "B": colors.ORANGE}),
        counted,
        values,
    ]


def store() -> list:
    """Size of the local store, and its commits."""
    records = once(("project",), selector(STORE_RECORDS, POLLED))
    names = once(("project",), selector(STORE_TEXTS, POLLED))
    size = once(("project",), selector(STORE_BYTES, POLLED))
    oldest = age(once(("project",), selector(OLDEST_READ, POLLED)))
    return [
        curves(
            "Records and names in the local store",
            "Includes records that the API no longer lists, until they leave the window. Names are"
            " pools, users, statuses, and types.",
            "short",
            width=8,
        )
        .with_target(query("A", records, "{{project}} records"))
        .with_target(query("B", names, "{{project}} names")),
        curves(
            "State on disk",
            "Size of each project's state file. 0 if state.directory is empty.",
            "bytes",
            width=8,
        ).with_target(query("A", size, "{{project}}")),
        durations(
            "Commit duration",
            "Time taken to commit a poll to disk.",
            COMMIT_DURATION,
            EXPORTER,
        ),
        with_limits(
            curves(
                "Age of the oldest read",
                "Age of the oldest read still relied on. At most poll.reconcile_interval, whose"
                " default is the line, as far as the request limits allow.",
                "m",
                width=24,
                height=7,
            ).with_target(query("A", f"{oldest} / 60", "{{project}}")),
            (60, colors.DOUBTFUL),
        ),
    ]

"""The dashboard "Screen recordings": completeness, failures, recordings in flight, desktops, storage."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from alerts import annotations, firing
from layout import dashboard, fill
from queries import PROJECT
from recordings.backlog import backlog
from recordings.desktops import desktops
from recordings.destinations import destinations
from recordings.distributions import distributions
from recordings.failures import failures
from recordings.now import now, over_time, projects
from recordings.volume import new, storage
from variables import records


def recordings() -> Dashboard:
    """Builds the dashboard."""
    empty = dashboard(
        "screen-records",
        "Screen recordings",
        "Shows whether the recordings of Huawei Cloud Workspace desktops reach the bucket, which"
        " failed, and which are in flight.",
        records(),
        annotations(PROJECT),
    )
    return fill(
        empty,
        [*now(), firing(11, 8), *over_time(), projects()],
        {
            "Failures": failures(),
            "In flight": backlog(),
            "New recordings": new(),
            "Desktops": desktops(),
            "Where recordings go": destinations(),
            "Storage and video duration": storage(),
            "Upload delay, file size and video duration": distributions(),
        },
    )

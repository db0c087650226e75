"""The dashboard of the recordings: are they all there, and where are they?"""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from layout import dashboard, fill
from recordings.backlog import backlog
from recordings.distributions import distributions
from recordings.failures import failures
from recordings.now import now, over_time, projects
from recordings.volume import new, storage
from variables import exporters, records


def recordings() -> Dashboard:
    """All of it."""
    empty = dashboard(
        "screen-records",
        "Screen recordings",
        "Whether everything that the cloud desktops of Huawei Cloud Workspace record reaches its"
        " bucket, what failed, and what waits.",
        [*exporters(), *records()],
    )
    return fill(
        empty,
        {
            "Is everything recorded and uploaded?": [*now(), *over_time(), *projects()],
            "Failures": failures(),
            "Backlog": backlog(),
            "New recordings": new(),
            "Storage and hours": storage(),
            "Upload delay, sizes and lengths": distributions(),
        },
    )

"""The dashboard of the exporter itself: does it read all, and what does that cost?"""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from exporter.polls import api, odd, polls, state
from exporter.process import process
from exporter.wellbeing import wellbeing
from layout import dashboard, fill
from variables import exporters


def exporter() -> Dashboard:
    """All of it."""
    empty = dashboard(
        "screen-records-exporter",
        "Screen recordings: the exporter",
        "Whether the exporter reads all recordings, what it asks of the API, and what it needs.",
        exporters(),
    )
    return fill(
        empty,
        {
            "Is it well?": wellbeing(),
            "Polls": polls(),
            "Requests to the API": api(),
            "What came back": odd(),
            "What it knows": state(),
            "The process": process(),
        },
    )

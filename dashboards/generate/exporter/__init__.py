"""The dashboard "Screen records exporter": health, polls, API requests, process."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from alerts import annotations
from exporter.health import health
from exporter.polls import api, polls, quality, store
from exporter.process import process
from exporter.replicas import replicas
from layout import dashboard, fill
from queries import POLLED
from variables import exporters


def exporter() -> Dashboard:
    """Builds the dashboard."""
    empty = dashboard(
        "screen-records-exporter",
        "Screen records exporter",
        "Health of the exporter: polls, requests to the API, data quality and resource usage.",
        exporters(),
        annotations(POLLED),
    )
    return fill(
        empty,
        health(),
        {
            "Polls": polls(),
            "API requests": api(),
            "Data quality": quality(),
            "Local store": store(),
            "Replicas": replicas(),
            "Process": process(),
        },
    )

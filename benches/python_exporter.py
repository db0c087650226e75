#!/usr/bin/env python3
"""The exporter that one would write: the official SDK, prometheus_client, nothing else.

    python_exporter.py --endpoint http://127.0.0.1:10048 --project ID [--port 8000]

Written for the comparison in BENCHMARKS.md. It reads every page of the window, 1000 rows each, when
a scrape finds the last reading older than --interval; between that it serves what it has.
"""

import argparse
import datetime
import threading
import time

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkworkspace.v2 import ListScreenRecordsRequest, WorkspaceClient
from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

STATUSES = "RECORDING REC_COMPLETED REC_FAILED UPLOADING UPLOAD_COMPLETED UPLOAD_FAILED".split()


class ScreenRecords:
    def __init__(self, options):
        keys = BasicCredentials("example-access-key", "example-secret-key", options.project)
        builder = WorkspaceClient.new_builder().with_credentials(keys)
        self.client = builder.with_endpoint(options.endpoint).build()
        self.options, self.lock = options, threading.Lock()
        self.families, self.read_at, self.polls, self.poll_seconds = [], None, 0, 0.0

    def rows(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        start = now - datetime.timedelta(days=self.options.days)
        offset, total = 0, 1
        while offset < total:
            response = self.client.list_screen_records(ListScreenRecordsRequest(
                limit=1000, offset=offset, start_time=start.strftime("%Y-%m-%d %H:%M:%S"),
                sort_field="start_time", sort_type="asc"))
            rows, total = response.screen_records or [], response.total_count
            if not rows:
                break
            yield from rows
            offset += len(rows)

    def read(self):
        kinds, users = {}, {}
        for row in self.rows():
            size, duration = row.size or 0, row.duration or 0
            pool, user = row.desktop_pool_id or "_none", row.username or "_none"
            for sums, others in ((kinds, (row.type, pool)), (users, (user,))):
                if others not in sums:  # every status is there from the beginning, as 0
                    sums[others] = {status: [0, 0, 0] for status in STATUSES}
                cell = sums[others].setdefault(row.status, [0, 0, 0])
                cell[0], cell[1], cell[2] = cell[0] + 1, cell[1] + size, cell[2] + duration
        self.families = []
        for prefix, sums, labels in (("workspace_screen_records", kinds, ["status", "type", "pool"]),
                                     ("workspace_user_screen_records", users, ["status", "user"])):
            for index, suffix in enumerate(("", "_size_bytes", "_duration_seconds")):
                family = GaugeMetricFamily(prefix + suffix, "Screen recordings.", labels=labels)
                for others, by_status in sums.items():
                    for status, cell in by_status.items():
                        family.add_metric([status, *others], cell[index])
                self.families.append(family)

    def collect(self):
        with self.lock:
            begun = time.monotonic()
            if self.read_at is None or begun - self.read_at >= self.options.interval:
                self.read()
                self.read_at, self.polls = begun, self.polls + 1
                self.poll_seconds += time.monotonic() - begun
            yield from self.families
            yield CounterMetricFamily("polls", "Readings of the window.", self.polls)
            yield CounterMetricFamily("poll_seconds", "Time they took.", self.poll_seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--days", type=int, default=15)
    parser.add_argument("--interval", type=float, default=30.0)
    options = parser.parse_args()
    REGISTRY.register(ScreenRecords(options))
    start_http_server(options.port, addr="127.0.0.1")
    threading.Event().wait()

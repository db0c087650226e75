#!/usr/bin/env python3
"""The list that one would write with the official SDK: python_records.py ENDPOINT START END > FILE"""
import csv
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkworkspace.v2 import ListScreenRecordsRequest, WorkspaceClient

endpoint, start, end = sys.argv[1:]
builder = WorkspaceClient.new_builder().with_credentials(BasicCredentials("ak", "sk", "0123abcd"))
client, output, offset, total = builder.with_endpoint(endpoint).build(), None, 0, 1
while offset < total:
    page = client.list_screen_records(ListScreenRecordsRequest(
        limit=1000, offset=offset, start_time=start, end_time=end, sort_field="start_time", sort_type="asc"))
    rows, total = [row.to_dict() for row in page.screen_records or []], page.total_count
    if not rows:
        break
    if output is None:
        output = csv.DictWriter(sys.stdout, rows[0])
        output.writeheader()
    output.writerows(rows)
    offset += len(rows)

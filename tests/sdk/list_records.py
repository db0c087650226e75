#!/usr/bin/env python3
"""Lists every record of a records API with the official SDK and prints what it saw as JSON.

    pip install huaweicloudsdkworkspace
    tests/sdk/list_records.py http://127.0.0.1:10048 [--limit 1000] [--start "2024-01-01 00:00:00"]

It signs in by --auth:

    keys      --access-key, --secret-key and, for temporary ones, --security-token; made-up keys by
              default, which is enough where the API checks nothing
    env       HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK, HUAWEICLOUD_SDK_SECURITY_TOKEN
    profile   the file HUAWEICLOUD_SDK_CREDENTIALS_FILE, or ~/.huaweicloud/credentials
    metadata  temporary keys from the metadata service, which stands where the API does

It proves that the simulator is an API that the SDK can talk to: its requests are understood and
its answers are read into the SDK's own models. Pages are read up to the count; the page size is
what the server grants. Exit 1 when the rows disagree with total_count, with the record read
alone, or with each other.
"""

import argparse
import collections
import json
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.auth.internal import MetadataAccessor
from huaweicloudsdkcore.auth.provider import (
    EnvCredentialProvider,
    MetadataCredentialProvider,
    ProfileCredentialProvider,
)
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkworkspace.v2 import (
    ListDesktopPoolsRequest,
    ListScreenRecordsRequest,
    ShowScreenRecordRequest,
    WorkspaceClient,
)

PROJECT = "089b2f9a3d80d3062f24c00ca4ed5cbd"


def sign_in(options):
    """The credentials, found by the SDK itself but for those of the command line."""
    if options.auth == "env":
        credentials = EnvCredentialProvider.get_basic().get_credentials()
    elif options.auth == "profile":
        credentials = ProfileCredentialProvider.get_basic().get_credentials()
    elif options.auth == "metadata":
        # The SDK has no option for it: on a cloud server it is always the same.
        MetadataAccessor._METADATA_ENDPOINT = options.endpoint
        credentials = MetadataCredentialProvider.get_basic().get_credentials()
    else:
        credentials = BasicCredentials(options.access_key, options.secret_key)
        credentials.with_security_token(options.security_token)
    return credentials.with_project_id(options.project)


def connect(options):
    config = HttpConfig.get_default_config()
    config.timeout = (5, 60)
    builder = WorkspaceClient.new_builder().with_http_config(config)
    return builder.with_credentials(sign_in(options)).with_endpoint(options.endpoint).build()


def pages(client, options):
    """Yields (rows, total_count) until a page is empty."""
    offset = 0
    while True:
        request = ListScreenRecordsRequest(
            limit=options.limit,
            offset=offset,
            start_time=options.start,
            end_time=options.end,
            status=options.status,
            type=options.type,
            username=options.username,
            desktop_names=options.desktop_names,
            sort_field="start_time",
            sort_type="asc",
        )
        response = client.list_screen_records(request)
        rows = response.screen_records or []
        yield rows, response.total_count
        offset += len(rows)
        # A page may be short because the server grants less than was asked for, and a living API
        # always has one more row: only an empty page or the count of the same answer is the end.
        if not rows or offset >= (response.total_count or 0):
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("endpoint")
    parser.add_argument("--project", default=PROJECT)
    parser.add_argument("--auth", choices=("keys", "env", "profile", "metadata"), default="keys")
    parser.add_argument("--access-key", default="HPUAEXAMPLEACCESSKEY")
    parser.add_argument("--secret-key", default="example-secret-key")
    parser.add_argument("--security-token")
    parser.add_argument("--limit", type=int, default=1000)
    for name in ("start", "end", "status", "type", "username", "desktop-names"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--records", action="store_true", help="print every record too")
    options = parser.parse_args()

    records, total, requests = [], None, 0
    try:
        client = connect(options)
        for rows, total in pages(client, options):
            requests += 1
            records += [row.to_dict() for row in rows]
        pools = client.list_desktop_pools(ListDesktopPoolsRequest(limit=1000))
        alone = None
        if records:
            request = ShowScreenRecordRequest(record_id=records[-1]["id"])
            alone = client.show_screen_record(request).to_dict()
    except ServiceResponseException as error:
        refusal = {"status": error.status_code, "code": error.error_code, "message": error.error_msg}
        print(json.dumps({"refused": refusal, "request_id": error.request_id}))
        return 1

    starts = [record["start_time"] for record in records]
    problems = []
    if len({record["id"] for record in records}) != len(records):
        problems.append("an id came twice")
    if total != len(records):
        problems.append(f"total_count {total}, but {len(records)} rows")
    if starts != sorted(starts):
        problems.append("not in the order of start_time")
    if records and {key: alone.get(key) for key in records[-1]} != records[-1]:
        problems.append("a record read alone differs from its row")

    def count(*keys):
        found = collections.Counter(
            " ".join(str(record[key]) for key in keys) for record in records
        )
        return dict(sorted(found.items()))

    present = collections.Counter(
        key for record in records for key, value in record.items() if value is not None
    )
    answer = {
        "requests": requests,
        "records": len(records),
        "total_count": total,
        "pools": len(pools.desktop_pools or []),
        "by_status": count("status"),
        "by_status_and_type": count("status", "type"),
        "size": sum(record["size"] or 0 for record in records),
        "duration": sum(record["duration"] or 0 for record in records),
        "fields_present": dict(sorted(present.items())),
        "first": records[0] if records else None,
        "problems": problems,
    }
    if options.records:
        answer["screen_records"] = records
    json.dump(answer, sys.stdout, indent=1, ensure_ascii=False)
    print()
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Checks the signatures of recorded requests with the official SDK's own signer.

    pip install huaweicloudsdkcore
    tests/sdk/verify_signatures.py --key AK=SK [--key AK2=SK2] < requests.jsonl

Each line of stdin is one request as it was on the wire: {"method", "url", "headers", "body"}. The
url is absolute, or a path with its query where the headers have a Host; headers are an object or a
list of pairs; the body is a text or null. Requests without a signature are counted and left alone.

Prints {"signed", "unsigned", "problems"}. Exit 1 when a signature is not the SDK's, with what the
SDK would have sent, or when no request is signed at all.
"""

import argparse
import json
import re
import sys
from urllib.parse import unquote, urlsplit

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

AUTHORIZATION = re.compile(
    r"SDK-HMAC-SHA256 Access=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)


def headers_of(recorded):
    """Yields (name in lower case, value)."""
    pairs = recorded.items() if isinstance(recorded, dict) else recorded
    for name, value in pairs:
        yield name.lower(), value


def query_of(text):
    """The pairs of a query string. A plus is a plus: the SDK sends a space as %20."""
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        yield unquote(name), unquote(value)


def problem_of(request, authorization, headers, keys):
    """What is wrong with a signature, or None."""
    found = AUTHORIZATION.fullmatch(authorization)
    if not found:
        return "the Authorization header is not of the SDK's form"
    access_key, signed = found[1], found[2].split(";")
    if access_key not in keys:
        return f"no --key for the access key {access_key}"
    for name in ("host", "x-sdk-date"):
        if name not in signed:
            return f"{name} is not signed"
    missing = [name for name in signed if name not in headers]
    if missing:
        return f"signed, but not sent: {', '.join(missing)}"
    if "x-security-token" in headers and "x-security-token" not in signed:
        return "x-security-token is sent, but not signed"

    url = urlsplit(request["url"])
    again = SdkRequest(
        method=request["method"],
        schema=url.scheme,
        host=headers["host"],
        resource_path=url.path,
        query_params=list(query_of(url.query)),
        # The signer looks for some of them by their usual spelling.
        header_params={name.title(): headers[name] for name in signed},
        body=request.get("body") or "",
    )
    Signer(BasicCredentials(access_key, keys[access_key], "project")).sign(again)
    expected = again.header_params["Authorization"]
    if expected != authorization:
        return f"sent {authorization!r}, the SDK signs {expected!r}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--key", action="append", default=[], metavar="AK=SK")
    options = parser.parse_args()
    keys = dict(key.split("=", 1) for key in options.key)

    signed, unsigned, problems = 0, 0, []
    for number, line in enumerate(filter(str.strip, sys.stdin), 1):
        request = json.loads(line)
        headers = dict(headers_of(request["headers"]))
        headers.setdefault("host", urlsplit(request["url"]).netloc)
        authorization = headers.get("authorization")
        if authorization is None:
            unsigned += 1
            continue
        signed += 1
        problem = problem_of(request, authorization, headers, keys)
        if problem:
            problems.append(f"request {number}, {request['method']} {request['url']}: {problem}")
    if signed == 0:
        problems.append("no request is signed")
    json.dump({"signed": signed, "unsigned": unsigned, "problems": problems}, sys.stdout, indent=1)
    print()
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""Records that live, and the answers of a records API that shows them, with its faults.

Everything is a function of the seed, the step and the requests of the step, so that two exporters
that make the same requests get the same answers.
"""

import hashlib
import json
import random
from datetime import datetime, timezone

FLIGHT = ["RECORDING", "REC_COMPLETED", "UPLOADING"]
STATUSES = [*FLIGHT, "REC_FAILED", "UPLOAD_COMPLETED", "UPLOAD_FAILED"]
TYPES = ["FULL", "INTERVAL", "OPERATION", "SESSION"]
DISPLAY_TEXTS = {
    "UPLOAD_COMPLETED": "Uploaded",
    "UPLOAD_FAILED": "upload-failed",
    "RECORDING": "录制中",
    "OPERATION": "USER_OPERATION",
    "FULL": "Continuous screen recording",
}
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


def chance(*key):
    """A number from 0 to 1 that depends on the key only."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / (1 << 56)


class World:
    """The records of one project."""

    def __init__(self, seed, size, window, now):
        self.rng = random.Random(f"world {seed}")
        self.size, self.window, self.number, self.now = size, window, 0, now
        self.users = [self.name("user") for _ in range(self.rng.randint(1, 8))]
        self.pools = [self.name("pool") for _ in range(self.rng.randint(1, 4))]
        self.records, self.earlier = [], []
        for _ in range(size):
            self.add(now - self.rng.randint(-MINUTE, int(window * 1.3)), is_old=True)

    def name(self, kind):
        self.number += 1
        long = "x" * 490 if self.rng.random() < 0.02 else ""
        return self.rng.choice([f"{kind}-{self.number}", f"{kind} é{self.number}"]) + long

    def add(self, start, is_old=False):
        rng = self.rng
        self.number += 1
        if rng.random() < 0.3:
            start -= start % SECOND
        if self.records and rng.random() < 0.15:
            start = rng.choice(self.records)["start"]
        record = {
            "id": f"record-{self.number}",
            "start": start,
            "end": None,
            "update": start + rng.randint(0, 5 * SECOND),
            "status": "RECORDING",
            "type": rng.choice(TYPES),
            "user": rng.choice([*self.users, None]),
            "pool": rng.choice([*self.pools, None]),
            "desktop": rng.randint(1, 20),
            "size": None,
            "duration": None,
        }
        self.records.append(record)
        if is_old:
            for _ in range(rng.choice([0, 1, 2, 3, 3, 3])):
                self.progress(record, min(self.now, start + rng.randint(0, HOUR)))

    def progress(self, record, now):
        """Moves a record on by one status."""
        rng, status = self.rng, record["status"]
        if status == "RECORDING":
            record["status"] = rng.choice(["REC_COMPLETED"] * 4 + ["REC_FAILED"])
            record["end"] = max(now - rng.randint(0, MINUTE), record["start"])
            record["duration"] = (record["end"] - record["start"]) // SECOND
            record["size"] = rng.choice([0, rng.randint(1, 10**6), rng.randint(1, 10**10)])
        elif status == "REC_COMPLETED":
            record["status"] = "UPLOADING"
        elif status == "UPLOADING":
            record["status"] = rng.choice(["UPLOAD_COMPLETED"] * 3 + ["UPLOAD_FAILED"])
        elif status == "UPLOAD_FAILED" and rng.random() < 0.2:
            record["status"] = rng.choice(["UPLOADING", "UPLOAD_COMPLETED"])
        elif rng.random() < 0.02:
            record["status"] = rng.choice([*STATUSES, "PAUSED", None])
        elif rng.random() < 0.02:
            record["user"], record["pool"] = rng.choice(self.users), rng.choice(self.pools)
        else:
            return
        record["update"] = max(now, record["update"])

    def advance(self, now):
        """Lets time pass: what is there goes on, new records begin, some are deleted."""
        rng, passed = self.rng, now - self.now
        self.now = now
        self.earlier = [dict(record) for record in self.records]
        horizon = now - 2 * self.window
        self.records = [
            record for record in self.records
            if record["start"] > horizon and rng.random() > 0.004
        ]
        share = min(1.0, 0.1 + passed / HOUR)
        for record in self.records:
            if rng.random() < share:
                self.progress(record, now)
        births = min(self.size, self.size * max(passed, 0) / self.window + rng.random())
        for _ in range(int(births + rng.choice([0, 0, 1, 4]))):
            late = rng.choice([0, 0, 0, 0, 10 * MINUTE, self.window // 2, self.window])
            self.add(now - rng.randint(-5 * SECOND, max(passed, SECOND)) - late)
        for kind, names in (("user", self.users), ("pool", self.pools)):
            if rng.random() < 0.25:
                names[rng.randrange(len(names))] = self.name(kind)


class Moment:
    """What the API of one project is like during one step."""

    def __init__(self, key, world, dialect, faults):
        self.key, self.dialect, self.faults, self.now = key, dialect, faults, world.now
        hidden = faults.get("hidden", 0)
        self.records = [
            dict(record) for record in world.records
            if not hidden or chance(key, "hidden", record["id"]) >= hidden
        ]
        self.earlier = [dict(record) for record in world.earlier]
        self.pools = list(world.pools)

    def answer(self, path, query, number, repetition):
        """The status, headers and body for a request, `number` in this step."""
        rng = random.Random(repr((self.key, path, sorted(query.items()), repetition)))
        is_records = path.endswith("/screen-records")
        share, kinds = self.faults.get("http" if is_records else "pools", (0, []))
        if rng.random() < share:
            return self.error(rng.choice(kinds), rng)
        if not is_records:
            return self.ok({"desktop_pools": [
                {"id": pool, "name": pool.upper()[:20]} for pool in self.pools[1:]
            ] if query.get("offset") == "0" else []})
        return self.records_page(query, number, rng)

    def records_page(self, query, number, rng):
        dialect, faults = {**self.dialect, **self.faults}, self.faults
        limit, offset = int(query["limit"]), int(query["offset"])
        if dialect.get("max_limit") and limit > dialect["max_limit"]:
            if dialect["over_limit"] == "refuse":
                return self.refusal(400, "WKS.00010003", "limit is too large")
            limit = dialect["max_limit"]
        status = query.get("status")
        if status and (dialect["status_filter"] == "refused" or (
            dialect["status_filter"] == "four" and status.endswith("FAILED")
        )):
            return self.refusal(400, "WKS.00010003", "status is invalid")
        if dialect["status_filter"] == "ignored":
            status = None
        rows = self.earlier if rng.random() < faults.get("lagging", 0) else self.records
        moves = faults.get("moves")
        if moves and number >= moves["from"]:
            rows = [row for row in rows if chance(self.key, "move", row["id"]) > 0.05]
            rows += [dict(row, id=f"{row['id']}-{self.now}") for row in rows[: moves["added"]]]
        bound = datetime.strptime(query["start_time"], "%Y-%m-%d %H:%M:%S")
        bound = int(bound.replace(tzinfo=timezone.utc).timestamp()) * SECOND
        shown = [row for row in rows if self.matches(row, query, bound, status, dialect)]
        is_shuffled = dialect["ties"] == "shuffled"
        shown.sort(key=lambda row: (row["start"], rng.random() if is_shuffled else row["id"]))
        if faults.get("unsorted"):
            shown.reverse()
        begin = max(0, offset - faults.get("repeats", 0)) if offset else 0
        page = [] if faults.get("empty") else shown[begin : begin + limit]
        body = {"screen_records": [self.row(row, dialect) for row in page]}
        total = self.total(len(shown), len(page), dialect["total"], rng)
        if total is not None:
            body["total_count"] = total
        return self.ok(body)

    def matches(self, row, query, bound, status, dialect):
        if dialect["bound"] == "start":
            is_within = row["start"] >= bound
        elif dialect["bound"] == "after start":
            is_within = row["start"] > bound
        elif dialect["bound"] == "end":
            is_within = row["end"] is None or row["end"] >= bound
        else:
            is_within = True
        return (
            is_within
            and (status is None or row["status"] == status)
            and query.get("type") in (None, row["type"])
            and query.get("username") in (None, row["user"])
        )

    def total(self, right, rows, kind, rng):
        if kind == "random":
            return rng.choice([None, "many", -1, right + 3, max(0, right - 2), 0, rows, 10**30])
        return {
            "right": right, "text": str(right), "none": None, "page": rows, "more": right + 2,
            "constant": 40,
        }[kind]

    def row(self, record, dialect):
        def time(millis):
            if millis is None:
                return None
            if dialect["times"] == "millis":
                return millis
            at = datetime.fromtimestamp(millis // SECOND, timezone.utc)
            if dialect["times"] == "text":
                return at.strftime("%Y-%m-%d %H:%M:%S")
            return at.strftime("%Y-%m-%dT%H:%M:%S") + f".{millis % SECOND:03}Z"

        def term(code):
            return DISPLAY_TEXTS.get(code, code) if dialect["words"] == "display" else code

        luck = chance(self.key, "row", record["id"])
        status = record["status"]
        if chance(self.key, "status", record["id"]) < self.faults.get("odd_statuses", 0):
            status = f"ODD_{int(luck * 30)}"
        row = {
            "id": record["id"],
            "desktop_id": f"desktop-{record['desktop']}",
            "desktop_name": f"PC {record['desktop']}",
            "desktop_pool_id": record["pool"],
            "username": record["user"],
            "size": record["size"],
            "type": term(record["type"]),
            "status": term(status),
            "obs_bucket": "bucket",
            "file_directory": f"/{record['id']}",
            "video_filename": f"{record['id']}.mp4",
            "start_time": time(record["start"]),
            "end_time": time(record["end"]),
            "update_time": time(record["update"]),
            "duration": record["duration"],
        }
        broken = self.faults.get("broken_rows", 0)
        return damaged(row, int(luck / broken * 12)) if luck < broken else row

    def error(self, kind, rng):
        if kind == 429:
            headers = rng.choice([{}, {"Retry-After": str(rng.randint(1, 9))}])
            message = rng.choice(["slow down", "policy user over ratelimit,limit:9,time:3 second"])
            return self.refusal(429, "APIGW.0308", message, headers)
        if isinstance(kind, int):
            return self.refusal(kind, f"WKS.{kind:04}", "an error that the history wants")
        body = {
            "html": b"<html>", "nothing": b"", "object": b"{}", "null": b'{"screen_records":null}',
            "reported": b'{"error_code":"WKS.0407","error_msg":"busy"}', "list": b"[1,2]",
            "cut": None,
        }[kind]
        return (200, self.headers(), body)

    def refusal(self, status, code, message, headers=()):
        body = json.dumps({"error_code": code, "error_msg": message}).encode()
        return (status, {**self.headers(), **dict(headers)}, body)

    def ok(self, value):
        return (200, self.headers(), json.dumps(value, ensure_ascii=False).encode())

    def headers(self):
        skew = self.faults.get("skew", 0)
        at = datetime.fromtimestamp((self.now + skew) // SECOND, timezone.utc)
        return {"Date": at.strftime("%a, %d %b %Y %H:%M:%S GMT")}


def damaged(row, kind):
    """A row that breaks the documents."""
    return [
        lambda: None,
        lambda: "a record",
        lambda: [row],
        lambda: {**row, "id": None},
        lambda: {**row, "start_time": "yesterday"},
        lambda: {key: value for key, value in row.items() if key != "start_time"},
        lambda: {**row, "size": "12 MB", "duration": -4},
        lambda: {**row, "size": 1e300},
        lambda: {**row, "status": 7, "type": ["FULL"]},
        lambda: {**row, "username": {"name": "u"}, "desktop_pool_id": 12},
        lambda: {**row, "update_time": "", "end_time": "0001-01-01T00:00:00Z"},
        lambda: {**row, "status": "", "type": "new type", "username": ""},
    ][kind]()

"""A seeded history: configs, worlds, and for each step what happens before the poll."""

import random

from world import DAY, HOUR, MINUTE, SECOND, Moment, World

BEGIN = 1_768_478_400_000  # 2026-01-15T12:00:00Z
# The monotonic clock runs a little during a step. It advances by multiples of 70 s between steps,
# so that no limit of the exporter (45 s, 90 s, 100 s, 180 s, 300 s, 600 s, 3600 s) is near a sum of
# them.
TICK = 70 * SECOND
FAILURES = [500, 503, 404, 429, 400, "html", "nothing", "object", "null", "reported", "list", "cut"]
REFUSALS = [401, 403]
LABEL_LIMITS = ["max_users", "max_pools"]


class Step:
    """One step: time passes, perhaps the process restarts, then a scrape starts a poll."""

    def __init__(self, action, monotonic, now, config, moments, held):
        self.action, self.monotonic, self.now = action, monotonic, now
        self.config, self.moments, self.held = config, moments, held


class History:
    """The steps of a seed."""

    def __init__(self, seed, steps):
        self.seed = seed
        self.rng = rng = random.Random(f"history {seed}")
        self.now = BEGIN + rng.randint(0, DAY)
        size = rng.choice([0, 3, 30, 60, 100, 100, 200, 300])
        window = rng.choice([HOUR, HOUR, 2 * HOUR, 6 * HOUR, DAY])
        pages = [1, 2, 5, 10, 10, 20, 50, 1000] if size <= 100 else [2, 5, 10, 20, 50, 100]
        self.config = {
            "window": window,
            "page_size": rng.choice(pages),
            "max_retries": rng.choice([0] * 7 + [1]),
            "max_users": rng.choice([1000, 1000, 4, 1]),
            "max_pools": rng.choice([1000, 1000, 2, 1]),
            "user": rng.choice(["name", "name", "name", "hash", "drop"]),
            "counter_hold": rng.choice(["0s", "0s", "100s", "600s"]),
            "max_staleness": rng.choice(["500s", "20m", "1d"]),
            "reconcile_interval": rng.choice(["5m", "20m", "1h", "1h"]),
            "filter": "",
            "token": 0,
            "concurrency": rng.choice([1, 4]),
            "pool_names": rng.random() < 0.5,
            "created_series": rng.random() < 0.3,
            "labels": rng.choice(["{}", '{ site = "north" }']),
        }
        self.projects = ["first", "second"][: rng.choice([1, 1, 1, 2])]
        self.worlds = {
            name: World(f"{seed} {name}", size, window, self.now) for name in self.projects
        }
        self.dialect = self.new_dialect()
        self.faults, self.faults_left = {}, 0
        self.steps = [self.step(number) for number in range(steps)]

    def odd(self, usual, *others, share=0.15):
        return self.rng.choice(others) if self.rng.random() < share else usual

    def new_dialect(self):
        return {
            "times": self.odd("iso", "text", "millis", share=0.5),
            "words": self.odd("code", "display"),
            "bound": self.odd("start", "after start", "end", "ignored"),
            "status_filter": self.odd("works", "four", "ignored", "refused", share=0.4),
            "total": self.odd("right", "text", "none", "page", "more", "constant", share=0.3),
            "ties": self.odd("id", "shuffled"),
            "max_limit": self.odd(None, 5, 10, 50),
            "over_limit": self.rng.choice(["clamp", "refuse"]),
        }

    def new_faults(self):
        """The faults of the next steps."""
        rng = self.rng
        codes = [code for code in FAILURES if code != 429 or not self.config["max_retries"]]
        kinds = [
            lambda: {"broken_rows": rng.choice([0.005, 0.02, 0.2, 1])},
            lambda: {"odd_statuses": rng.choice([0.05, 1])},
            lambda: {"max_limit": rng.choice([1, 3, 10]), "over_limit": "refuse"},
            lambda: {"skew": rng.choice([-400, -100, 100, 400]) * SECOND},
            lambda: {"hidden": rng.choice([0.02, 0.3, 1])},
            lambda: {"pools": (1, [rng.choice([*codes, *REFUSALS])])},
            lambda: {"http": (1, [rng.choice(codes)])},
            lambda: {"http": (rng.choice([0.05, 0.2]), codes)},
            lambda: {"http": (rng.choice([0.05, 0.3]), REFUSALS)},
            lambda: {"total": "random"},
            lambda: {"total": rng.choice(["none", "page", "more", "constant"])},
            lambda: {"max_limit": rng.choice([3, 10, 12]), "over_limit": "clamp"},
            lambda: {"repeats": rng.randint(1, 4)},
            lambda: {"moves": {"from": rng.randint(1, 12), "added": rng.randint(0, 6)}},
            lambda: {"lagging": rng.choice([0.2, 1])},
            lambda: {"unsorted": True},
            lambda: {"bound": rng.choice(["ignored", "end", "after start"])},
            lambda: {"status_filter": rng.choice(["ignored", "refused"])},
            lambda: {"ties": "shuffled"},
            lambda: {"empty": True},
        ]
        return {**rng.choice(kinds)(), **(rng.choice(kinds)() if rng.random() < 0.3 else {})}

    def new_config(self):
        """A config as somebody changes it."""
        rng, config = self.rng, dict(self.config)
        changes = [
            lambda: {"window": rng.choice([HOUR // 2, HOUR, 2 * HOUR, DAY])},
            # Limits are only raised: if one is lowered, the internal numbers of the values decide
            # which keep their slots, and the restructuring changed the order of these numbers.
            lambda: {name: max(config[name], rng.choice([3, 1000])) for name in LABEL_LIMITS},
            lambda: {"user": rng.choice(["name", "hash", "drop"])},
            lambda: {"page_size": rng.choice([5, 10, 20, 100])},
            lambda: {"filter": rng.choice([
                "", 'status = "UPLOAD_FAILED"', 'type = "FULL"', 'username = "user-1"',
            ])},
            lambda: {"token": rng.randint(0, 3)},
            lambda: {"counter_hold": rng.choice(["0s", "100s"])},
            lambda: {"max_staleness": rng.choice(["500s", "1d"])},
        ]
        config.update(rng.choice(changes)())
        return config

    def step(self, number):
        rng = self.rng
        ticks = rng.choice([1] * 8 + [2, 3, 5, 10, 20, 52, 130])
        if rng.random() < 0.01:
            ticks = 1235
        passed = ticks * TICK + rng.randint(-3 * SECOND, 3 * SECOND)
        if rng.random() < 0.04:
            passed += rng.choice([-HOUR, -5 * MINUTE, 10 * MINUTE, DAY])
        self.now += passed
        if self.faults_left:
            self.faults_left -= 1
        else:
            self.faults = self.new_faults() if rng.random() < 0.4 else {}
            self.faults_left = rng.choice([0, 0, 1, 3])
        if rng.random() < 0.02:
            self.dialect = self.new_dialect()
        action, held = None, None
        if number == 0:
            action = "start"
        elif rng.random() < 0.2:
            action = rng.choice(["terminate", "terminate", "kill", "reload"])
            if rng.random() < 0.5:
                self.config = self.new_config()
        elif rng.random() < 0.08:
            held = rng.choice([0, 1, 2, 3, 5, 8, 13, 30])
        moments = {}
        for name, world in self.worlds.items():
            world.advance(self.now)
            moments[name] = Moment((self.seed, number, name), world, self.dialect, self.faults)
        return Step(action, ticks * TICK, self.now, dict(self.config), moments, held)


def toml(config, projects, api, state):
    """The config file for a project's API at this address."""
    text = f"""
[web]
created_series = {str(config["created_series"]).lower()}
[log]
level = "warn"
[poll]
min_interval = "50s"
default_timeout = "60s"
timeout_offset = "0s"
window = "{config["window"] // SECOND}s"
max_staleness = "{config["max_staleness"]}"
reconcile_interval = "{config["reconcile_interval"]}"
counter_hold = "{config["counter_hold"]}"
[api]
page_size = {config["page_size"]}
max_concurrent_requests = {config["concurrency"]}
max_requests_per_second = 1000
max_retries = {config["max_retries"]}
request_timeout = "60s"
[state]
directory = "{state}"
[labels]
user = "{config["user"]}"
user_hash_key = "0123456789abcdef"
max_users = {config["max_users"]}
max_pools = {config["max_pools"]}
"""
    for name in projects:
        text += f"""
[[projects]]
name = "{name}"
project_id = "{name}"
endpoint = "{api}"
pool_names = {str(config["pool_names"]).lower()}
labels = {config["labels"]}
filter = {{ {config["filter"]} }}
auth = {{ method = "token", token = "{name}-{config["token"]}" }}
"""
    return text

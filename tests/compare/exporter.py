"""An exporter as a process with its own clock, and the API that it polls."""

import http.client
import json
import mmap
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from api import Api
from history import toml

PATIENCE = 60
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)


class Clock:
    """The clocks of a process: see clock.c."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(24))
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), 24)
        self.monotonic = 0

    def set(self, now, passed):
        """Sets the time of day in milliseconds, and lets the monotonic clock advance."""
        self.monotonic += passed * 1_000_000
        # Ahead by some days, so that it is never behind zero.
        offset = 10**15 + self.monotonic - time.monotonic_ns()
        struct.pack_into("q", self.map, 0, now * 1_000_000)
        struct.pack_into("q", self.map, 8, offset)

    def waits_millis(self):
        """For how long the process waits for events; -1 for ever, 0 if it does not wait."""
        return struct.unpack_from("q", self.map, 16)[0]


class Exporter:
    """A process with its state, its API and its clock. Each start takes the next of the binaries,
    and the last one from then on."""

    def __init__(self, binaries, clock_library, folder, projects):
        folder.mkdir(parents=True)
        self.binaries, self.library, self.folder, self.projects = (
            list(binaries), clock_library, folder, projects,
        )
        self.clock, self.process = Clock(folder / "clock"), None
        self.api = Api(self.is_idle)

    def write_config(self, config):
        path = self.folder / "config.toml"
        path.write_text(toml(config, self.projects, self.api.url, self.folder / "state"))
        return path

    def start(self, config):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (self.folder / "state").mkdir(exist_ok=True)
        environment = {**os.environ, "LD_PRELOAD": self.library, "COMPARE_CLOCK": self.clock.path}
        binary = self.binaries.pop(0) if len(self.binaries) > 1 else self.binaries[0]
        arguments = ["--config.file", self.write_config(config)]
        arguments += ["--web.listen-address", f"127.0.0.1:{self.port}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [binary, *arguments], stdout=log, stderr=log, env=environment
            )

    def end(self, how):
        """Ends the process. Returns its exit code."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def is_idle(self):
        """Whether the process can do nothing until it gets an answer: all of its threads sleep, and
        no timer ends soon, such as the pause before a retry."""
        if 0 <= self.clock.waits_millis() < 1000:
            return False
        try:
            for stat in Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
                if stat.read_text().rpartition(") ")[2][0] != "S":
                    return False
        except OSError:
            return False
        return not 0 <= self.clock.waits_millis() < 1000

    def request(self, method, path, accept="text/plain"):
        deadline = time.monotonic() + PATIENCE
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            try:
                connection.request(method, path, headers={"Accept": accept})
                answer = connection.getresponse()
                return answer.status, answer.read()
            except ConnectionRefusedError:
                # It does not listen yet.
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.003)
            finally:
                connection.close()

    def is_polling(self):
        """Whether a poll is under way. The page `/` starts none."""
        return b", polling" in self.request("GET", "/")[1]

    def wait_for_poll(self):
        """Waits until no poll is under way."""
        deadline = time.monotonic() + PATIENCE
        while self.is_polling():
            if time.monotonic() > deadline:
                raise TimeoutError("a poll does not end")
            time.sleep(0.01)

    def run(self, step):
        """Runs through a step. Returns all that is to be compared, by name."""
        begun = time.monotonic()
        seen = {}
        if step.action in ("terminate", "kill"):
            how = signal.SIGTERM if step.action == "terminate" else signal.SIGKILL
            seen["exit code"] = self.end(how)
        self.api.begin(step)
        self.clock.set(step.now, step.monotonic)
        if step.action in ("start", "terminate", "kill"):
            self.start(step.config)
        if step.action == "reload":
            self.write_config(step.config)
            seen["reload"] = self.request("POST", "/-/reload")[0]
        if step.held is None:
            self.request("GET", "/metrics")
            self.wait_for_poll()
        else:
            seen["exit code"] = self.poll_and_kill(step)
        if time.monotonic() - begun > 15:
            raise TimeoutError("a step took so long that limits of time may have passed")
        seen["text"] = self.request("GET", "/metrics")[1].decode()
        seen["OpenMetrics"] = self.request("GET", "/metrics", OPENMETRICS)[1].decode()
        for name in self.projects:
            path = f"/probe?target={name}"
            seen[f"protobuf of {name}"] = self.request("GET", path, PROTOBUF)[1]
        seen["failures"] = json.loads(self.request("GET", "/api/v1/failures")[1])
        seen["requests"] = {
            name: sorted(made.text for made in self.api.requests if made.project == name)
            for name in self.projects
        }
        return seen

    def poll_and_kill(self, step):
        """Kills the process while a certain request waits for its answer, or after a poll that
        makes fewer, and starts it again without a hold."""

        def scrape():
            try:
                self.request("GET", "/metrics")
            except (OSError, http.client.HTTPException):
                pass  # Killed meanwhile.

        scraper = threading.Thread(target=scrape)
        scraper.start()
        while not self.api.is_held.wait(0.02):
            if not scraper.is_alive() and not self.is_polling():
                break
        code = self.end(signal.SIGKILL)
        scraper.join()
        self.api.hold(None)
        self.start(step.config)
        self.request("GET", "/metrics")
        self.wait_for_poll()
        return code

    def close(self):
        if self.process and self.process.poll() is None:
            self.end(signal.SIGKILL)
        self.api.close()

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""

"""Starts the exporter with a rendered config and does what the kubelet and Prometheus then do."""

import contextlib
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from contents import container_of, write_config
from manifests import of_kind

START_SECONDS = 20


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def status_of(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except OSError:
        return None


@contextlib.contextmanager
def running(folder, variables, port):
    """Runs the exporter until the end of the block. The API does not answer."""
    command = [os.environ["SCREEN_RECORDS_EXPORTER"], f"--config.file={folder / 'config.toml'}"]
    with subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while status_of(port, "/") is None and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.communicate()


def succeeds(handler, variables, folder, port):
    if "httpGet" in handler:
        return status_of(port, handler["httpGet"]["path"]) == 200
    _, *arguments, _ = handler["exec"]["command"]
    command = [os.environ["SCREEN_RECORDS_EXPORTER"], *arguments, f"--config.file={folder / 'config.toml'}"]
    return subprocess.run(command, env=variables, capture_output=True).returncode == 0


def probe_errors(name, release, expected_scrape):
    """Yields which probe fails although the exporter serves, and a scrape that is answered in another way."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, variables = write_config(scratch, name, release)
        port = free_port()
        variables |= {
            "SCREEN_RECORDS_EXPORTER__WEB__LISTEN_ADDRESSES": f"127.0.0.1:{port}",
            "SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY": str(folder / "state"),
            # Nothing listens there.
            "SCREEN_RECORDS_EXPORTER__PROJECTS__0__ENDPOINT": "http://127.0.0.1:9",
        }
        with running(folder, variables, port):
            container = container_of(release)
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if not succeeds(container[probe], variables, folder, port):
                    yield f"{name}: {probe} fails"
            for monitor in of_kind(release, "ServiceMonitor"):
                path = monitor["spec"]["endpoints"][0]["path"]
                status = status_of(port, path)
                if status != expected_scrape:
                    yield f"{name}: {path} is answered with {status}, not {expected_scrape}"

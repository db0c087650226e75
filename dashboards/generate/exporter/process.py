"""Panels of the row "Process"."""

import colors
from panels import DAYS, colored_by_query, curves, query, stacked
from queries import EXPORTER, age, rate, selector

HTTP_REQUESTS = "screen_records_exporter_http_requests_total"
DAY = 24 * 3600
HTTP_CONNECTIONS = "screen_records_exporter_http_connections"


def of_process(name: str) -> str:
    """A process metric of the selected exporters only, as other programs export it too."""
    builds = selector("screen_records_exporter_build_info", EXPORTER)
    figure = selector(f"process_{name}", EXPORTER)
    if name.endswith("_total"):
        figure = rate(figure)
    return f"{figure} and on (job, instance) {builds}"


def process() -> list:
    """Memory, CPU, files, threads, uptime, HTTP requests and connections, dropped log lines."""
    memory = curves(
        "Memory", "Resident and virtual memory.", "bytes", width=8
    )
    memory = memory.with_target(
        query("A", of_process("resident_memory_bytes"), "{{instance}} resident")
    )
    memory = memory.with_target(
        query("B", of_process("virtual_memory_bytes"), "{{instance}} virtual")
    )
    processor = curves("CPU", "CPU usage in cores.", "percentunit", width=8)
    processor = processor.with_target(query("A", of_process("cpu_seconds_total"), "{{instance}}"))
    files = curves("Open files", "Open file descriptors, and their limit.", "short", width=8)
    files = files.with_target(query("A", of_process("open_fds"), "{{instance}} open"))
    files = files.with_target(query("B", of_process("max_fds"), "{{instance}} limit"))
    threads = curves("Threads", "OS threads of the process.", "short", width=8)
    threads = threads.with_target(query("A", of_process("threads"), "{{instance}}"))
    started = f"({of_process('start_time_seconds')})"
    running = curves(
        "Uptime", "Time since the process started.", DAYS, width=8
    )
    running = running.with_target(
        query("A", f"{age(started)} / {DAY}", "{{instance}}")
    )
    asked = f"sum by (path, code) ({rate(selector(HTTP_REQUESTS, EXPORTER))})"
    requests = curves(
        "HTTP requests per second", "Requests to the exporter, by route and status.", "reqps", width=8
    )
    requests = stacked(requests.with_target(query("A", asked, "{{path}} {{code}}")))
    connections = curves("Connections", "Open connections to the exporter.", "short", width=8)
    connections = connections.with_target(
        query("A", selector(HTTP_CONNECTIONS, EXPORTER), "{{instance}}")
    )
    refused = rate(selector(f"{HTTP_CONNECTIONS}_refused_total", EXPORTER))
    limited = curves(
        "Connections refused per second",
        "Connections that were refused, or closed to make room for others, by reason.",
        "short",
        width=8,
    )
    limited = stacked(limited.with_target(query("A", f"sum by (reason) ({refused})", "{{reason}}")))
    dropped = rate(selector("screen_records_exporter_log_lines_dropped_total", EXPORTER))
    unlogged = curves(
        "Log lines dropped per second",
        "Log lines that were dropped because stderr was not read or could not be written.",
        "short",
        width=8,
    )
    unlogged = unlogged.with_target(query("A", dropped, "{{instance}}"))
    memory = colored_by_query(memory, {"A": colors.BLUE, "B": colors.GREY})
    files = colored_by_query(files, {"A": colors.BLUE, "B": colors.GREY})
    return [memory, processor, files, threads, running, requests, connections, limited, unlogged]

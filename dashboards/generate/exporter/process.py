"""Rows of the exporter's dashboard: what the process needs, and who asks it."""

import colors
from panels import colored_by_query, curves, query, stacked
from queries import EXPORTER, age, rate, selector

HTTP_REQUESTS = "screen_records_exporter_http_requests_total"


def of_process(name: str) -> str:
    """A figure of the processes that are shown, and of no other program's."""
    builds = selector("screen_records_exporter_build_info", EXPORTER)
    figure = selector(f"process_{name}", EXPORTER)
    if name.endswith("_total"):
        figure = rate(figure)
    return f"{figure} and on (job, instance) {builds}"


def process() -> list:
    """Memory, processor, files, threads, requests."""
    memory = curves(
        "Memory", "Resident: what it takes. Virtual: what it has reserved.", "bytes", width=8
    )
    memory = memory.with_target(
        query("A", of_process("resident_memory_bytes"), "{{instance}} resident")
    )
    memory = memory.with_target(
        query("B", of_process("virtual_memory_bytes"), "{{instance}} virtual")
    )
    processor = curves("Processor", "Cores in use.", "percentunit", width=8)
    processor = processor.with_target(query("A", of_process("cpu_seconds_total"), "{{instance}}"))
    files = curves("Open files", "And how many there may be.", "short", width=8)
    files = files.with_target(query("A", of_process("open_fds"), "{{instance}} open"))
    files = files.with_target(query("B", of_process("max_fds"), "{{instance}} at most"))
    threads = curves("Threads", "Threads of the process.", "short", width=8)
    threads = threads.with_target(query("A", of_process("threads"), "{{instance}}"))
    running = curves(
        "Runs since", "Time since the process started: it falls with each start.", "s", width=8
    )
    running = running.with_target(
        query("A", age(f"({of_process('start_time_seconds')})"), "{{instance}}")
    )
    asked = f"sum by (path, code) ({rate(selector(HTTP_REQUESTS, EXPORTER))})"
    requests = curves(
        "Requests to the exporter a second", "By path and HTTP status.", "reqps", width=8
    )
    requests = stacked(requests.with_target(query("A", asked, "{{path}} {{code}}")))
    memory = colored_by_query(memory, {"A": colors.BLUE, "B": colors.GREY})
    files = colored_by_query(files, {"A": colors.BLUE, "B": colors.GREY})
    return [memory, processor, files, threads, running, requests]

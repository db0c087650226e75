"""Compares what two exporters show. Everything is compared but what is named here."""

import collections
import difflib
import json
import re

# Times of the machine, the process itself, and the build.
MEASURED = [
    r"process_",
    r"screen_records_exporter_build_info",
    r"screen_records_exporter_\w+_duration_seconds_(bucket|sum)",
    r"screen_records_exporter_api_throttled_seconds_total",
    # The driver waits for the end of a poll by asking for `/` and, at the start, for `/metrics`.
    r'screen_records_exporter_http_requests_total\{path="/(metrics)?",',
]
# Expected differences between the revision before the restructuring and later ones.
EXPECTED = [
    # New: the number of names that are kept.
    r"screen_records_exporter_store_texts",
    # The size of the file, which has another format.
    r"screen_records_exporter_store_bytes",
]


# Steps in which the histories reached something, so that somebody can see what was compared. A
# group in the pattern becomes part of the name.
REACHED = {
    "up": r"workspace_screen_records_up\{.* 1$",
    "down": r"workspace_screen_records_up\{.* 0$",
    "mode": r'screen_records_exporter_sync_mode\{.*mode="(\w+)".* 1$',
    "answer": r'screen_records_exporter_api_requests_total\{.*code="(\w+)"',
    "entries counted": r"workspace_screen_record_transitions_total\{.* [1-9]\d*$",
    "unresolved failures": r"workspace_screen_records_unresolved\{.* [1-9]\d*$",
    "expired in flight": r"workspace_screen_records_expired_in_flight_total\{.* [1-9]\d*$",
    "rejected rows": r"screen_records_exporter_rejected_records\{.* [1-9]\d*$",
    "unknown values": r"screen_records_exporter_unknown_values\{.* [1-9]\d*$",
    "folded labels": r"screen_records_exporter_folded_label_values\{.* [1-9]\d*$",
    "exemplars": r"workspace_screen_record_transitions_total\{.* # \{",
    "a first sync under way": r"screen_records_exporter_first_sync_progress_ratio\{.* 0\.\d+$",
}


def protobuf(body):
    """Number and value of the fields of all MetricFamily messages, except their help texts."""
    at = 0

    def number():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = body[at]
            value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                return value

    while at < len(body):
        end = number() + at
        while at < end:
            field, kind = divmod(number(), 8)
            value = number()
            if kind == 2:  # A length, and so many bytes.
                value, at = body[at : at + value], at + value
            if field != 2:
                yield field, value


def in_order(text):
    """The lines of an exposition, with the exporter's own families at the end. These and their samples
    are sorted: their order has no meaning, and depends on the part of the program that writes them."""
    families, end = [[]], []
    for line in text.splitlines():
        if line == "# EOF":
            end = [line]
        elif line.startswith("# HELP "):
            families.append([line])
        else:
            families[-1].append(line)
    own = [lines for lines in families if lines and " screen_records_exporter_" in lines[0]]
    others = [lines for lines in families if lines and lines not in own]
    own = [sorted(lines, key=lambda line: (line[0] != "#", line)) for lines in sorted(own)]
    return [line for lines in others + own for line in lines] + end


class Comparison:
    """Compares step by step, and notes changed help texts and what the histories reached."""

    def __init__(self):
        self.left_out = re.compile("|".join(MEASURED + EXPECTED))
        self.help, self.reached = {}, collections.Counter()

    def difference(self, old, new):
        """What differs between what two exporters showed, as text; empty if nothing does."""
        parts = []
        for name in old:
            one, other = self.lines(old, name), self.lines(new, name)
            if one != other:
                diff = difflib.unified_diff(one, other, f"old {name}", f"new {name}", "", "", 2, "")
                parts.append("\n".join(diff))
        for name in ("text", "OpenMetrics"):
            self.note_help(old[name], new[name])
        self.note_reached(old)
        return "\n".join(parts)

    def lines(self, seen, name):
        """What is compared of one of the things that an exporter showed."""
        value = seen[name]
        if name in ("text", "OpenMetrics"):
            return [line for line in map(self.line, in_order(value)) if line]
        if name.startswith("protobuf"):
            return [f"{field}: {value!r}" for field, value in protobuf(value)]
        return json.dumps(value, indent=1, ensure_ascii=False).splitlines()

    def line(self, line):
        """A line without what is not compared; of a help text, only that it is there."""
        if self.left_out.match(re.sub(r"^# (TYPE|HELP|UNIT) ", "", line)):
            return None
        return re.sub(r"^(# HELP \S+) .*", r"\1", line)

    def note_help(self, old, new):
        old, new = (dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.M)) for text in (old, new))
        for name in old.keys() & new.keys():
            if old[name] != new[name]:
                self.help[name] = (old[name], new[name])

    def note_reached(self, seen):
        self.reached["steps"] += 1
        self.reached["requests"] += sum(map(len, seen["requests"].values()))
        self.reached["failed records shown"] += len(seen["failures"]["failures"])
        for name, pattern in REACHED.items():
            found = set(re.findall(pattern, seen["OpenMetrics"], re.M))
            if not re.compile(pattern).groups:
                found = {""} if found else set()
            self.reached.update(f"steps with {name} {group}".rstrip() for group in found)

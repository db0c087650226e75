"""PromQL that all panels share.

Each figure is taken once, however many exporters serve it: sums are those of one of them. Sums over
`instance` would count everything twice, and sums of the larger of two count what has moved from one status
to another between their polls in both.
"""

import re

from metrics import SEEN, SNAPSHOT, UP

IN_FLIGHT = 'status=~"RECORDING|REC_COMPLETED|UPLOADING"'
SETTLED = 'status=~"REC_FAILED|UPLOAD_COMPLETED|UPLOAD_FAILED"'
FAILED = 'status=~"REC_FAILED|UPLOAD_FAILED"'

EXPORTER = 'job=~"$job", instance=~"$instance"'
PROJECT = f'{EXPORTER}, project=~"$project"'
POOL = f'{PROJECT}, pool=~"$pool"'
POOL_AND_TYPE = f'{POOL}, type=~"$type"'
TYPE = f'{PROJECT}, type=~"$type"'
USER = f'{PROJECT}, user=~"$user"'


def selector(metric: str, *matchers: str) -> str:
    """A metric with its matchers."""
    return f"{metric}{{{', '.join(matchers)}}}"


def of_one_exporter(expression: str) -> str:
    """Of each project what one exporter says: the one with the newest snapshot, or any that has none."""
    snapshot = selector(SNAPSHOT, PROJECT)
    served = selector(UP, PROJECT)
    newest = f"topk by (project) (1, {snapshot} or {served})"
    return f"{expression} and on (project, job, instance) {newest}"


def once(labels: tuple[str, ...], expression: str) -> str:
    """The largest figure with these labels, of whichever exporter."""
    return f"max by ({', '.join(labels)}) ({expression})"


def summed(by: tuple[str, ...], expression: str) -> str:
    """The sum by some labels, of one exporter for each project."""
    if not by:
        return f"sum({of_one_exporter(expression)})"
    return f"sum by ({', '.join(by)}) ({of_one_exporter(expression)})"


def of_all_exporters(by: tuple[str, ...], expression: str) -> str:
    """The sum by some labels of what the exporters themselves do."""
    return f"sum by ({', '.join(by)}) ({expression})"


def increase(counter: str, window: str) -> str:
    """What a selected counter gained in a window."""
    return f"increase({counter}[{window}])"


def rate(counter: str) -> str:
    """What a selected counter gains a second, in the window that Grafana finds right."""
    return f"rate({counter}[$__rate_interval])"


def named(expression: str) -> str:
    """The same with the pool's name, or its id where no name is known.

    Both outlast the gauges of a project, which are gone while polls fail.
    """
    info = f"last_over_time({selector('workspace_desktop_pool_info', POOL)}[1h])"
    pools = f"group by (project, pool) ({selector(SEEN, POOL)})"
    names = (
        f"topk by (project, pool) (1, {once(('project', 'pool', 'name'), info)})"
        f' or on (project, pool) label_replace({pools}, "name", "$1", "pool", "(.*)")'
    )
    return f"({expression}) * on (project, pool) group_left (name) ({names})"


def over_the_range(expression: str) -> str:
    """The same over the whole time range: what counters gained in it, and the last of what gauges said."""

    def whole(found: re.Match) -> str:
        series, window = found.groups()
        ranged = f"{series}[$__range] @ end()"
        return ranged if window else f"last_over_time({ranged})"

    return re.sub(r"([a-z_]+\{[^}]*\})(\[[^]]*\])?", whole, expression)


def largest_named(expression: str) -> str:
    """The ten that are the largest over the time range, with their pools' names: there may be a thousand,
    and ten others at each moment cannot be followed.
    """
    return named(f"{expression} and topk(10, {over_the_range(expression)})")


def with_exporter(expression: str) -> str:
    """The same with the label `instance` of an exporter that serves the project, for links to it."""
    serving = f"group by (project, instance) ({selector(UP, PROJECT)})"
    one_each = f"topk by (project) (1, {serving})"
    return f"({expression}) * on (project) group_left (instance) {one_each}"


def read_or_gone() -> str:
    """1 for each project that is read, 0 for one whose poll failed or whose exporter is gone."""
    up = selector(UP, PROJECT)
    known = once(("project",), f"last_over_time({up}[1d])")
    return f"{once(('project',), up)} or on (project) 0 * {known}"


def age(timestamp: str) -> str:
    """Seconds since a moment; clocks that differ a little make no age below 0."""
    return f"clamp_min(time() - {timestamp}, 0)"


def buckets(histogram: str, matchers: str, window: str) -> str:
    """What the classic buckets gained, added up."""
    gained = increase(selector(f"{histogram}_bucket", matchers), window)
    if histogram.startswith("screen_records_exporter"):
        return of_all_exporters(("le",), gained)
    return summed(("le",), gained)


def native(histogram: str, matchers: str, window: str) -> str:
    """What the native histograms gained, added up."""
    gained = increase(selector(histogram, matchers), window)
    if histogram.startswith("screen_records_exporter"):
        return f"sum({gained})"
    return summed((), gained)


def quantile(share: float, histogram: str, matchers: str, window: str) -> str:
    """A quantile by the classic buckets, or by the native ones where Prometheus took only those."""
    classic = f"histogram_quantile({share}, {buckets(histogram, matchers, window)})"
    return f"{classic} or histogram_quantile({share}, {native(histogram, matchers, window)})"


def cells(histogram: str, matchers: str) -> str:
    """What a heatmap shows: native buckets, or the classic ones where Prometheus took only those."""
    window = "$__rate_interval"
    fine = native(histogram, matchers, window)
    return f"{fine} or ({buckets(histogram, matchers, window)} unless on () {fine})"

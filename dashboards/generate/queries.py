"""PromQL shared by all panels.

Every value counts once, however many exporters serve it: sums use a single exporter per project, in the recording
rules and here. Summing over `instance` would count everything twice. Summing the maximum of two exporters would count a
recording in both statuses if it changed its status between their polls.

Graphs by pool use recorded series, because the original ones are too many for a range.
"""

import re

from metrics import NEWEST_SNAPSHOT, POOL_NAMES, UP

IN_FLIGHT = 'status=~"RECORDING|REC_COMPLETED|UPLOADING"'
SETTLED = 'status=~"REC_FAILED|UPLOAD_COMPLETED|UPLOAD_FAILED"'
NOT_UPLOADED = 'status!="UPLOAD_COMPLETED"'
UPLOADED = 'status="UPLOAD_COMPLETED"'
FAILED = 'status=~"REC_FAILED|UPLOAD_FAILED"'

EXPORTER = 'job=~"$job", instance=~"$instance"'
"""Exporters; recorded series do not have these labels."""
PROJECT = 'project=~"$project"'
POLLED = f"{EXPORTER}, {PROJECT}"
"""Projects of the selected exporters."""
POOL = f'{PROJECT}, pool=~"$pool"'
POOL_AND_TYPE = f'{POOL}, type=~"$type"'
TYPE = f'{PROJECT}, type=~"$type"'
USER = f'{PROJECT}, user=~"$user"'


def selector(metric: str, *matchers: str) -> str:
    """A metric with its matchers."""
    return f"{metric}{{{', '.join(matchers)}}}"


def of_one_exporter(expression: str) -> str:
    """Restricts a query to one exporter per project: the one with the newest snapshot, if any has one."""
    return f"{expression} and on (project, job, instance) {selector(NEWEST_SNAPSHOT, PROJECT)}"


def once(labels: tuple[str, ...], expression: str) -> str:
    """The maximum over all exporters, by these labels."""
    return f"max by ({', '.join(labels)}) ({expression})"


def summed(by: tuple[str, ...], expression: str) -> str:
    """The sum by these labels, of one exporter per project."""
    if not by:
        return f"sum({of_one_exporter(expression)})"
    return f"sum by ({', '.join(by)}) ({of_one_exporter(expression)})"


def of_pools(recorded: str) -> str:
    """The sum of recorded series by project and pool."""
    return f"sum by (project, pool) ({recorded})"


def of_all_exporters(by: tuple[str, ...], expression: str) -> str:
    """The sum by these labels over all exporters, for metrics about the exporters themselves."""
    return f"sum by ({', '.join(by)}) ({expression})"


def increase(counter: str, window: str) -> str:
    """The increase of a counter in a window."""
    return f"increase({counter}[{window}])"


def rate(counter: str) -> str:
    """The rate of a counter over `$__rate_interval`."""
    return f"rate({counter}[$__rate_interval])"


def named(expression: str) -> str:
    """Adds the pool's name, or its id if the name is unknown."""
    names = selector(POOL_NAMES, POOL)
    return f"({expression}) * on (project, pool) group_left (name) {names}"


def over_the_range(expression: str) -> str:
    """Evaluates a query with the averages of its series over the whole time range."""
    return re.sub(r"([a-z0-9_:]+\{[^}]*\})", r"avg_over_time(\1[$__range] @ end())", expression)


def largest_named(expression: str) -> str:
    """The ten pools that are the largest over the time range, with names. A plain `topk` would select others at
    each step.
    """
    return named(f"{expression} and topk(10, {over_the_range(expression)})")


def with_exporter(expression: str) -> str:
    """Adds the label `instance` of an exporter that serves the project, for links to it."""
    one_each = f"group by (project, instance) ({selector(NEWEST_SNAPSHOT, PROJECT)})"
    return f"({expression}) * on (project) group_left (instance) {one_each}"


def read_or_gone(matchers: str) -> str:
    """1 for each project that is up, 0 for one whose poll failed or whose exporter is absent."""
    up = selector(UP, matchers)
    known = once(("project",), f"last_over_time({up}[1d])")
    return f"{once(('project',), up)} or on (project) 0 * {known}"


def age(timestamp: str) -> str:
    """Seconds since a timestamp, at least 0 despite small clock differences."""
    return f"clamp_min(time() - {timestamp}, 0)"


def buckets(histogram: str, matchers: str, window: str) -> str:
    """The sum of the increases of classic buckets."""
    gained = increase(selector(f"{histogram}_bucket", matchers), window)
    if histogram.startswith("screen_records_exporter"):
        return of_all_exporters(("le",), gained)
    return summed(("le",), gained)


def native(histogram: str, matchers: str, window: str) -> str:
    """The sum of the increases of native histograms."""
    gained = increase(selector(histogram, matchers), window)
    if histogram.startswith("screen_records_exporter"):
        return f"sum({gained})"
    return summed((), gained)


def quantile(share: float, histogram: str, matchers: str, window: str) -> str:
    """A quantile from classic buckets, or from native histograms if Prometheus ingested only those."""
    classic = f"histogram_quantile({share}, {buckets(histogram, matchers, window)})"
    return f"{classic} or histogram_quantile({share}, {native(histogram, matchers, window)})"


def cells(histogram: str, matchers: str) -> str:
    """The cells of a heatmap: native histograms, or classic buckets if Prometheus ingested only those."""
    window = "$__rate_interval"
    fine = native(histogram, matchers, window)
    return f"{fine} or ({buckets(histogram, matchers, window)} unless on () {fine})"

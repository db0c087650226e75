"""PromQL that all panels share.

Each figure is taken once, however many exporters serve it: the largest of a pair, then sums. Sums over
`instance` would count everything twice.
"""

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


def once(labels: tuple[str, ...], expression: str) -> str:
    """The figure with these labels, of one exporter where several serve it."""
    return f"max by ({', '.join(labels)}) ({expression})"


def summed(by: tuple[str, ...], labels: tuple[str, ...], expression: str) -> str:
    """The sum by some of the labels that the figure has."""
    if not by:
        return f"sum({once(labels, expression)})"
    return f"sum by ({', '.join(by)}) ({once(labels, expression)})"


def increase(counter: str, window: str) -> str:
    """What a selected counter gained in a window."""
    return f"increase({counter}[{window}])"


def rate(counter: str) -> str:
    """What a selected counter gains a second, in the window that Grafana finds right."""
    return f"rate({counter}[$__rate_interval])"


def named(expression: str) -> str:
    """The same with the pool's name, or its id where no name is known."""
    info = selector("workspace_desktop_pool_info", POOL)
    pools = f"group by (project, pool) ({selector('workspace_screen_records', POOL)})"
    names = (
        f"topk by (project, pool) (1, {once(('project', 'pool', 'name'), info)})"
        f' or on (project, pool) label_replace({pools}, "name", "$1", "pool", "(.*)")'
    )
    return f"({expression}) * on (project, pool) group_left (name) ({names})"


def largest_named(expression: str) -> str:
    """The ten largest at each moment, with their pools' names: there may be a thousand."""
    return named(f"topk(10, {expression})")


def with_exporter(expression: str) -> str:
    """The same with the label `instance` of an exporter that serves the project, for links to it."""
    serving = f"group by (project, instance) ({selector('workspace_screen_records_up', PROJECT)})"
    one_each = f"topk by (project) (1, {serving})"
    return f"({expression}) * on (project) group_left (instance) {one_each}"


def age(timestamp: str) -> str:
    """Seconds since a moment; clocks that differ a little make no age below 0."""
    return f"clamp_min(time() - {timestamp}, 0)"


def buckets(histogram: str, labels: tuple[str, ...], matchers: str, window: str) -> str:
    """What the classic buckets gained, added up."""
    gained = increase(selector(f"{histogram}_bucket", matchers), window)
    return summed(("le",), (*labels, "le"), gained)


def native(histogram: str, matchers: str, window: str) -> str:
    """What the native histograms gained, added up. Histograms have no maximum: of a pair both count."""
    return f"sum({increase(selector(histogram, matchers), window)})"


def quantile(
    share: float, histogram: str, labels: tuple[str, ...], matchers: str, window: str
) -> str:
    """A quantile by the classic buckets, or by the native ones where Prometheus took only those."""
    classic = f"histogram_quantile({share}, {buckets(histogram, labels, matchers, window)})"
    return f"{classic} or histogram_quantile({share}, {native(histogram, matchers, window)})"


def cells(histogram: str, labels: tuple[str, ...], matchers: str) -> str:
    """What a heatmap shows: native buckets, or the classic ones where Prometheus took only those."""
    window = "$__rate_interval"
    fine = native(histogram, matchers, window)
    return f"{fine} or ({buckets(histogram, labels, matchers, window)} unless on () {fine})"

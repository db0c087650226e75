"""Panels of the row "Where recordings go"."""

import links
from metrics import POOL_UPLOADED_BYTES, POOL_UPLOADED_SECONDS
from panels import by_pool, column, columns, largest_first, linked_columns, rows, stacked
from queries import POOL, PROJECT, largest_named, of_pools, selector, summed, with_exporter


def totals(title: str, description: str, label: str, shown: str):
    """Table of the totals in the window by a label."""
    by = ("project", label)
    metric = f"workspace_{label}_screen_records"
    size = summed(by, selector(f"{metric}_size_bytes", PROJECT))
    length = summed(by, selector(f"{metric}_duration_seconds", PROJECT))
    count = summed(by, selector(metric, PROJECT))
    failed = summed(by, selector(metric, PROJECT, 'status="UPLOAD_FAILED"'))
    largest = f"topk(100, {size})"
    panel = rows(
        title,
        description,
        {
            "A": with_exporter(largest),
            "B": with_exporter(f"({length} / 3600) and on (project, {label}) {largest}"),
            "C": with_exporter(f"{count} and on (project, {label}) {largest}"),
            "D": with_exporter(f"{failed} and on (project, {label}) {largest}"),
        },
        width=12,
    )
    panel = columns(
        panel.unit("locale").decimals(0),
        {
            "project": "Project",
            label: shown,
            "Value #A": "Storage",
            "Value #B": "Hours of video",
            "Value #C": "Recordings",
            "Value #D": "Failed uploads",
        },
    )
    panel = column(panel, "Storage", unit="bytes", decimals=1, custom__width=100)
    for narrow in ["Project", "Hours of video", "Recordings", "Failed uploads"]:
        panel = column(panel, narrow, custom__width=115)
    row = links.Of("__data.fields", {"project": "Project", label: shown})
    listed = links.records(row, "project", label)
    failed_uploads = ("status=UPLOAD_FAILED",)
    panel = linked_columns(
        panel,
        Project=links.view(row, "project"),
        **{shown: listed},
        Storage=listed,
        Hours_of_video=listed,
        Recordings=listed,
        Failed_uploads=links.failures(row, "project", more=failed_uploads),
    )
    return largest_first(column(panel, "instance", custom__hidden=True), "Storage")


def destinations() -> list:
    """Totals by bucket and policy, and uploads by pool."""
    size = of_pools(selector(POOL_UPLOADED_BYTES, POOL))
    length = of_pools(selector(POOL_UPLOADED_SECONDS, POOL))
    uploaded = by_pool(
        "Uploaded per hour, by pool",
        "Total size of the recordings whose upload completed within the last hour. The ten pools with"
        " the most.",
        "bytes",
        largest_named(size),
    )
    hours = by_pool(
        "Hours of video uploaded per hour, by pool",
        "Total duration, in hours, of the recordings whose upload completed within the last hour. The"
        " ten pools with the most.",
        "short",
        largest_named(f"{length} / 3600"),
    )
    return [
        totals(
            "Buckets",
            "The hundred OBS buckets with the most storage in the window. Recordings without a bucket,"
            " such as those whose upload has not begun, are under _none.",
            "bucket",
            "Bucket",
        ),
        totals(
            "Recording policies",
            "The hundred recording policies with the most storage in the window, by their IDs."
            " Recordings without a policy are under _none.",
            "policy",
            "Policy",
        ),
        stacked(uploaded),
        stacked(hours),
    ]

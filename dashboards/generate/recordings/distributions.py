"""Panels of the row "Upload delay, file size and video duration"."""

import colors
from panels import colored, curves, density, query
from queries import TYPE, cells, quantile

DELAY = ("workspace_screen_record_upload_delay_seconds", "s")
SIZE = ("workspace_screen_record_file_size_bytes", "bytes")
DURATION = ("workspace_screen_record_video_duration_seconds", "s")

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
COLORS = {"p50": colors.BLUE, "p90": colors.ORANGE, "p99": colors.VERMILION}


def pair(title: str, what: str, histogram: tuple[str, str]) -> list:
    """A heatmap and the quantiles next to it."""
    name, unit = histogram
    # An axis in seconds would have ticks such as 16.7 minutes.
    unit_of_line, divisor = ("m", " / 60") if unit == "s" else (unit, "")
    spread = density(
        title,
        f"{what} Shows native histograms if Prometheus ingests them, otherwise classic buckets.",
        cells(name, TYPE),
        unit,
    )
    quantiles = curves(
        f"{title}: p50, p90, p99",
        f"{what} Quantiles over the last hour, estimated from buckets. A gap means that there was no"
        " observation in that hour.",
        unit_of_line,
    )
    for index, (label, value) in enumerate(QUANTILES.items()):
        expression = f"({quantile(value, name, TYPE, '1h')}){divisor}"
        quantiles = quantiles.with_target(query("ABC"[index], expression, label))
    return [spread, colored(quantiles, COLORS)]


def distributions() -> list:
    """Upload delay, file size and video duration."""
    return [
        *pair("Upload delay", "Time from the end of a recording to its upload.", DELAY),
        *pair(
            "File size",
            "File size of settled recordings. The heatmap cannot show empty files.",
            SIZE,
        ),
        *pair("Video duration", "Video duration of settled recordings.", DURATION),
    ]

"""Rows of the recordings' dashboard: how long uploads take, how large and how long recordings are."""

import colors
from panels import colored, curves, density, query
from queries import TYPE, cells, quantile

DELAY = ("workspace_screen_record_upload_delay_seconds", "s")
SIZE = ("workspace_screen_record_file_size_bytes", "bytes")
DURATION = ("workspace_screen_record_video_duration_seconds", "s")

SHARES = {"half": 0.5, "90%": 0.9, "99%": 0.99}
COLORS = {"half": colors.BLUE, "90%": colors.ORANGE, "99%": colors.VERMILION}


def pair(title: str, what: str, histogram: tuple[str, str]) -> list:
    """A heatmap, and quantiles beside it."""
    name, unit = histogram
    spread = density(
        title,
        f"{what} Fine where Prometheus takes native histograms, else in the classic buckets.",
        cells(name, TYPE),
        unit,
    )
    upto = curves(
        f"{title}: up to",
        f"{what} Of those of the hour before, half are below the first line. Estimated from"
        " buckets. A gap where there was none in the hour.",
        unit,
    )
    for index, (share, value) in enumerate(SHARES.items()):
        expression = quantile(value, name, TYPE, "1h")
        upto = upto.with_target(query("ABC"[index], expression, share))
    return [spread, colored(upto, COLORS)]


def distributions() -> list:
    """Delay, size and length."""
    return [
        *pair("Upload delay", "Time from the end of a recording to its upload.", DELAY),
        *pair(
            "Size of files",
            "Sizes of the recordings that ended. The heatmap has no place for empty files.",
            SIZE,
        ),
        *pair("Length of videos", "Lengths of the recordings that ended.", DURATION),
    ]

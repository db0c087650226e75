"""Colours that people with any colour vision can distinguish (Okabe and Ito, 2008), never green against red.

In panels with one series per pool, the colour shows the value, from yellow (small) to blue (large).
"""

from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    FieldColorModeId,
    FieldColorSeriesByMode,
    Threshold,
    ThresholdsMode,
)

BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#999999"

GOOD, DOUBTFUL, BAD = GREEN, ORANGE, VERMILION

STATUSES = {
    "RECORDING": SKY,
    "REC_COMPLETED": YELLOW,
    "UPLOADING": BLUE,
    "UPLOAD_COMPLETED": GREEN,
    "REC_FAILED": PURPLE,
    "UPLOAD_FAILED": VERMILION,
}


def fixed(color: str) -> DynamicConfigValue:
    """An override property that sets the colour of a series."""
    value = {"mode": FieldColorModeId.FIXED.value, "fixedColor": color}
    return DynamicConfigValue(id_val="color", value=value)


def by_value() -> FieldColor:
    """Colours any number of series by their maximum."""
    color = FieldColor().mode(FieldColorModeId.CONTINUOUS_YL_BL)
    return color.series_by(FieldColorSeriesByMode.MAX)


def one(color: str = BLUE) -> FieldColor:
    """The same colour for all series."""
    return FieldColor().mode(FieldColorModeId.FIXED).fixed_color(color)


def by_threshold() -> FieldColor:
    """Colours a value by the threshold that it has reached."""
    return FieldColor().mode(FieldColorModeId.THRESHOLDS)


def thresholds(first: str, *steps: tuple[float, str]) -> ThresholdsConfig:
    """Thresholds with their colours; `first` is the colour below all of them."""
    all_steps = [Threshold(value=None, color=first)]
    all_steps += [Threshold(value=value, color=color) for value, color in steps]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(all_steps)

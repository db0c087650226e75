"""Colours that people with any kind of colour vision can tell apart (Okabe and Ito, 2008).

Never green against red. Where a panel has as many series as there are pools, each has a colour by its
value, from yellow (little) to blue (much).
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
    """The property of an override that gives a series its colour."""
    value = {"mode": FieldColorModeId.FIXED.value, "fixedColor": color}
    return DynamicConfigValue(id_val="color", value=value)


def by_value() -> FieldColor:
    """As many series as there are: by the largest value of each."""
    color = FieldColor().mode(FieldColorModeId.CONTINUOUS_YL_BL)
    return color.series_by(FieldColorSeriesByMode.MAX)


def one(color: str = BLUE) -> FieldColor:
    """All series alike."""
    return FieldColor().mode(FieldColorModeId.FIXED).fixed_color(color)


def by_threshold() -> FieldColor:
    """The colour of the threshold that the value has reached."""
    return FieldColor().mode(FieldColorModeId.THRESHOLDS)


def thresholds(first: str, *steps: tuple[float, str]) -> ThresholdsConfig:
    """Colours from these values on; `first` is that of all below."""
    all_steps = [Threshold(value=None, color=first)]
    all_steps += [Threshold(value=value, color=color) for value, color in steps]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(all_steps)

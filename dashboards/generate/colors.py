"""Colours: fixed ones for statuses and results, Grafana's by name for pools, projects and exporters.

The fixed colours are those of Okabe and Ito (2008), which people with any colour vision can distinguish, without the
yellow, which cannot be read on white. Green never stands against red.
"""

from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)

BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#999999"

GOOD, DOUBTFUL, BAD = GREEN, ORANGE, VERMILION

STATUSES = {
    "RECORDING": SKY,
    "REC_COMPLETED": ORANGE,
    "UPLOADING": BLUE,
    "UPLOAD_COMPLETED": GREEN,
    "REC_FAILED": PURPLE,
    "UPLOAD_FAILED": VERMILION,
}


def fixed(color: str) -> DynamicConfigValue:
    """An override property that sets the colour of a series."""
    value = {"mode": FieldColorModeId.FIXED.value, "fixedColor": color}
    return DynamicConfigValue(id_val="color", value=value)


def by_name() -> FieldColor:
    """A colour that depends on the name of the series only: a pool has the same one in every panel, whatever its rank.

    Grafana has this mode since version 10. Two of many names may share a colour.
    """
    return FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME)


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

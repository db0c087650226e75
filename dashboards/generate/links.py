"""Links of values: to a pool's or user's own view, to the exporter's pages, to the other dashboard, to other panels.

Every link keeps the time range and the data source.
"""

from urllib.parse import quote

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

RECORDINGS = "screen-records"
"""UID of the dashboard of the recordings."""
EXPORTER = "screen-records-exporter"
"""UID of the dashboard of the exporters."""

KEPT = "${__url_time_range}&${datasource:queryparam}"
COUNTED, NOT_COUNTED = "counted=true", "counted=false"


class Of:
    """Values in a link: those of a table's row, or the labels of a series."""

    def __init__(self, prefix: str, names: dict[str, str]):
        self.prefix = prefix
        self.names = names

    def value(self, label: str) -> str:
        """The value of a label, as it is."""
        return f"${{{self.prefix}.{self.names.get(label, label)}}}"

    def parameter(self, label: str, name: str = "") -> str:
        """The value of a label as a parameter of an address."""
        field = self.names.get(label, label)
        return f"{name or label}=${{{self.prefix}.{field}:percentencode}}"


ROW = Of("__data.fields", {"project": "Project", "status": "Status", "type": "Type", "user": "User"})
"""Columns of a table, by their titles."""
SERIES = Of("__field.labels", {})
"""Labels of a series."""


def link(title: str, url: str, is_outside: bool = False) -> dict[str, object]:
    """A link of a value. Those that leave Grafana open in a new tab."""
    return {"title": title, "url": url, "targetBlank": is_outside}


def links(*each: dict[str, object]) -> DynamicConfigValue:
    """An override property that adds links."""
    return DynamicConfigValue(id_val="links", value=list(each))


def page(title: str, path: str, instance: str = "${exporter}") -> dict[str, object]:
    """A page of an exporter; by default, of the first one of the selected projects."""
    return link(title, f"http://{instance}{path}", is_outside=True)


def failures(of: Of, *labels: str, more: tuple[str, ...] = ()) -> dict[str, object]:
    """The exporter's list of failures with these values."""
    parameters = "&".join([*(of.parameter(label) for label in labels), *more])
    return page("List of these failures", f"/failures?{parameters}", of.value("instance"))


def desktops(of: Of, *labels: str) -> dict[str, object]:
    """The exporter's list of desktops with these values, the longest silent first."""
    parameters = "&".join(of.parameter(label) for label in labels)
    return page("List of the desktops", f"/desktops?{parameters}", of.value("instance"))


def records(of: Of, *labels: str) -> dict[str, object]:
    """The exporter's list of recordings with these values."""
    parameters = "&".join(of.parameter(label) for label in labels)
    title = "List of these recordings (requires web.records)"
    return page(title, f"/records?{parameters}", of.value("instance"))


def view(of: Of, *labels: str) -> dict[str, object]:
    """The dashboard of the recordings with these values selected."""
    title = "Only this " + labels[-1]
    chosen = "&".join(of.parameter(label, f"var-{label}") for label in labels)
    return link(title, f"/d/{RECORDINGS}?{KEPT}&{chosen}")


def polls(of: Of) -> dict[str, object]:
    """The dashboard of the exporters with this project selected."""
    chosen = of.parameter("project", "var-project")
    return link("Polls of this project", f"/d/{EXPORTER}?{KEPT}&{chosen}")


def board(title: str, uid: str) -> dict[str, object]:
    """Another dashboard with the same variables."""
    return link(title, f"/d/{uid}?${{__url_time_range}}&${{__all_variables}}")


def panel(title: str) -> dict[str, object]:
    """Another panel of the dashboard of the recordings, alone. `numbered` replaces its title by its number."""
    url = f"/d/{RECORDINGS}?${{__url_time_range}}&${{__all_variables}}&viewPanel={quote(title)}"
    return link(title, url)


def numbered(text: str, titles: dict[str, int]) -> str:
    """Replaces the titles of panels in links by their numbers."""
    for title, number in titles.items():
        text = text.replace(f'&viewPanel={quote(title)}"', f'&viewPanel={number}"')
    return text

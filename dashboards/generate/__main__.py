"""Writes the dashboards next to this folder; `--check` only verifies that they are up to date.

pip install -r dashboards/generate/requirements.txt
python dashboards/generate
"""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

import links
import schema
from exporter import exporter
from recordings import recordings

FOLDER = Path(__file__).resolve().parent.parent
DASHBOARDS = {
    "screen-records.json": recordings,
    "screen-records-exporter.json": exporter,
}


def text(dashboard: Dashboard) -> str:
    """Renders the contents of a dashboard's file.

    Raises ValueError if it does not conform to Grafana's schema.
    """
    built = dashboard.build()
    mistakes = schema.fields(built, built.title)
    if mistakes:
        raise ValueError("\n".join(mistakes))
    inside = [panel for row in built.panels for panel in getattr(row, "panels", None) or []]
    numbers = {panel.title: panel.id_val for panel in [*built.panels, *inside]}
    written = json.dumps(built, cls=JSONEncoder, indent=1, sort_keys=True) + "\n"
    return links.numbered(written, numbers)


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python dashboards/generate [--check]", file=sys.stderr)
        return 2
    texts = {FOLDER / name: text(build()) for name, build in DASHBOARDS.items()}
    differing = [
        file
        for file, written in texts.items()
        if not file.exists() or file.read_text("utf-8") != written
    ]
    if arguments:
        for file in differing:
            print(f"{file} is out of date: run python dashboards/generate", file=sys.stderr)
        return 1 if differing else 0
    for file in differing:
        file.write_text(texts[file], "utf-8")
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

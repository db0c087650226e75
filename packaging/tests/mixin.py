"""Compares what the unpacked mixin builds with the files in dashboards/."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import _gojsonnet
import yaml

FOLDER = pathlib.Path(sys.argv[1])
MIXIN = FOLDER / "vendor/screen-records-exporter-mixin"
PROMTOOLS = sys.argv[2:]
RULES = ["alerts.yml", "recording-rules.yml"]
DASHBOARDS = ["screen-records.json", "screen-records-exporter.json"]

ALL = """
{ 'alerts.yml': mixin.prometheusAlerts, 'recording-rules.yml': mixin.prometheusRules } + mixin.grafanaDashboards
"""


def evaluate(snippet, config="{}"):
    head = f"""
      local plain = import 'screen-records-exporter-mixin/mixin.libsonnet';
      local mixin = plain {{ _config+:: {{ screenRecords+: {config} }} }};
    """
    return json.loads(_gojsonnet.evaluate_snippet("test.jsonnet", head + snippet, jpathdir=[str(FOLDER / "vendor")]))


def refused(config, message):
    try:
        evaluate(ALL, config)
    except RuntimeError as error:
        assert message in str(error), error
    else:
        raise AssertionError(f"{config} was accepted")


def parsed(path):
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else yaml.load(text, yaml.CSafeLoader)


def shipped(folder):
    return {name: parsed(folder / name) for name in RULES + DASHBOARDS}


def documented_commands():
    """Returns the commands of dashboards/README.md that adjust the files, by what they replace."""
    text = pathlib.Path("dashboards/README.md").read_text()
    commands = re.findall(r"sed -i '[^']+' [a-z*. -]+", text)
    named = {
        "dashboards": "http://${",
        "runbook": "/runbook",
        "scheme": "}}http://#",
        "exporter": "sortByLabel",
        "increase": "increase_prometheus",
    }
    found = {name: [command for command in commands if part in command] for name, part in named.items()}
    assert all(len(matches) == 1 for matches in found.values()), found
    assert len(commands) == len(named), commands
    return {name: matches[0] for name, matches in found.items()}


def adjusted(*commands):
    folder = FOLDER / "adjusted"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree("dashboards", folder)
    for command in commands:
        subprocess.run(command, shell=True, check=True, cwd=folder)
    changed = shipped(folder)
    assert changed != shipped(pathlib.Path("dashboards")), commands
    return changed


def rule(built, alert):
    rules = [rule for group in built["alerts.yml"]["groups"] for rule in group["rules"]]
    return next((rule for rule in rules if rule.get("alert") == alert), None)


def check_files():
    """The files that files.jsonnet writes are the shipped ones, and promtool accepts them."""
    files = json.loads(_gojsonnet.evaluate_file(str(MIXIN / "files.jsonnet")))
    built = FOLDER / "built"
    built.mkdir()
    for name, text in files.items():
        (built / name).write_text(text)
    assert shipped(built) == shipped(pathlib.Path("dashboards"))
    for promtool in PROMTOOLS:
        subprocess.run(
            [promtool, "check", "rules", *RULES], check=True, cwd=built, stdout=subprocess.DEVNULL
        )


def check_settings():
    """The settings change the files as the documented commands do."""
    commands = documented_commands()
    url = "exporterUrl: 'https://exporter.example.com/'"
    same = [
        ([commands["dashboards"], commands["exporter"]], "{ %s }" % url),
        ([commands["runbook"]], "{ runbookUrl: 'https://wiki.example.com/runbook' }"),
        ([commands["increase"]], "{ increaseFunction: 'increase_prometheus' }"),
        (
            [commands["scheme"], "sed -i 's#http://${#https://${#g' *.json"],
            "{ exporterScheme: 'https' }",
        ),
    ]
    for sed, config in same:
        assert evaluate(ALL, config) == adjusted(*sed), config

    slow = evaluate(ALL, "{ dashboardInterval: '5m' }")
    text = json.dumps([slow[name] for name in DASHBOARDS])
    assert '"interval": "5m"' in text and '"interval": "1m"' not in text


def check_alerts():
    """Alerts can be changed and removed by name; a misspelt name and a missing part are refused."""
    old = shipped(pathlib.Path("dashboards"))
    assert evaluate(ALL) == old
    config = """{ alerts+: {
      ScreenRecordsSnapshotStale: {
        expr: plain.replace(super.expr, '30 * 60', '60 * 60'),
        labels+: { severity: 'warning' },
      },
      ScreenRecordsNoNewRecords: null,
    } }"""
    new = evaluate(ALL, config)
    stale = rule(new, "ScreenRecordsSnapshotStale")
    before = rule(old, "ScreenRecordsSnapshotStale")
    assert stale["expr"] == before["expr"].replace("30 * 60", "60 * 60") != before["expr"]
    assert stale["labels"] == {**before["labels"], "severity": "warning"}
    assert rule(old, "ScreenRecordsNoNewRecords") and not rule(new, "ScreenRecordsNoNewRecords")
    refused("{ alerts+: { ScreenRecordsStale: null } }", "unknown alerts")
    missing = "plain.replace(super.expr, '31 * 60', '60 * 60')"
    refused("{ alerts+: { ScreenRecordsSnapshotStale: { expr: %s } } }" % missing, "is not in")


def check_example():
    """The example of README.md is valid and changes what it names."""
    readme = (MIXIN / "README.md").read_text()
    example = re.search(r"```jsonnet\n(.*?)```", readme, re.DOTALL)[1]
    text = _gojsonnet.evaluate_snippet(
        "example.jsonnet", f"({example}).prometheusAlerts", jpathdir=[str(FOLDER / "vendor")]
    )
    built = {"alerts.yml": json.loads(text)}
    assert rule(built, "ScreenRecordsDesktopsNotRecorded")["labels"]["severity"] == "info"
    assert "60 * 60" in rule(built, "ScreenRecordsSnapshotStale")["expr"]
    assert not rule(built, "ScreenRecordsNoNewRecords")
    assert "https://exporter.example.com/failures" in text and "http://{{" not in text


for check in (check_files, check_settings, check_alerts, check_example):
    check()
    print(f"packaging/tests/mixin: passed: {check.__doc__}")

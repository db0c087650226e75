"""Checks the services of examples/compose as Compose reads them."""

import json
import pathlib
import re
import sys

import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
# Secrets that a user creates; all other files are in the repository.
OWN_FILES = ROOT / "examples/compose/secrets"


def check_service(name, service):
    assert service["read_only"] and service["cap_drop"] == ["ALL"], name
    assert service["security_opt"] == ["no-new-privileges:true"], name
    assert not service.get("privileged") and "cap_add" not in service, name
    assert int(service["user"].split(":")[0]) > 0, name
    assert service["healthcheck"]["test"], name
    assert service["restart"] == "unless-stopped", name
    assert re.fullmatch(r"[a-z/-]+:v?[0-9]+\.[0-9]+(\.[0-9]+)?", service["image"]), service["image"]
    for port in service.get("ports", []):
        assert port["host_ip"] == "127.0.0.1", (name, port)
    for volume in service.get("volumes", []):
        if volume["type"] == "bind":
            assert pathlib.Path(volume["source"]).exists() and volume["read_only"], volume
    for variable, value in service.get("environment", {}).items():
        secret = re.search("PASSWORD|SECRET|TOKEN|KEY", variable)
        assert not secret or variable.endswith("_FILE") and value.startswith("/run/secrets/"), variable


def mounted(service):
    return {volume["target"]: volume["source"] for volume in service.get("volumes", [])}


def check_exporter(exporter):
    assert exporter["image"] == f"screen-records-exporter:{VERSION}", exporter["image"]
    assert exporter["pull_policy"] == "never"
    assert exporter["user"] == "65532:65532"


def check_project(services):
    """The config names the secrets that the exporter has, and its state is on a volume."""
    exporter = services["exporter"]
    assert mounted(exporter)["/var/lib/screen-records-exporter"] == "exporter"
    config = tomllib.loads((ROOT / "examples/compose/config.toml").read_text())
    auth = config["projects"][0]["auth"]
    named = {value for key, value in auth.items() if key.endswith("_file")}
    assert named == {f"/run/secrets/{secret['source']}" for secret in exporter["secrets"]}


def check_demo(services):
    """The demo needs neither config nor credentials, and can write its temporary files."""
    exporter = services["exporter"]
    assert exporter["command"][0] == "demo"
    assert not exporter.get("secrets") and not exporter.get("volumes")
    assert exporter["tmpfs"] == ["/tmp"]


def check_replicas(project, replicas):
    """The replicas differ only in their names, use the database, and their state is not on a volume of their own."""
    services = replicas["services"]
    exporters = [services["exporter"], services["exporter-b"]]
    for name, exporter in zip(("exporter", "exporter-b"), exporters):
        check_exporter(exporter)
        assert list(mounted(exporter)) == ["/etc/screen-records-exporter/config.toml"], mounted(exporter)
        variables = {key.rpartition("__STATE__")[2]: value for key, value in exporter["environment"].items()}
        expected = {"DIRECTORY": "", "URL_FILE": "/run/secrets/database_url", "INSECURE_TLS": "true", "REPLICA": name}
        assert variables == expected, variables
        assert {secret["source"] for secret in exporter["secrets"]} == {"access_key", "secret_key", "database_url"}
    different = {key for key in exporters[0] if exporters[0][key] != exporters[1].get(key)}
    assert different == {"environment", "ports"}, different
    # Only the replicas reach the database.
    database = services["database"]
    assert not database.get("ports") and mounted(database)["/var/lib/postgresql/data"] == "database"
    assert project["services"].keys() | {"exporter-b", "database"} == services.keys()


def check_names(services):
    """Every address in a config is a service with that port, and every path in a config is mounted."""
    ports = {name: {port["target"] for port in service.get("ports", [])} for name, service in services.items()}
    prometheus = pathlib.Path(mounted(services["prometheus"])["/etc/prometheus/prometheus.yml"]).read_text()
    assert prometheus.count("instance:") == len({name for name in services if name.startswith("exporter")})
    for target in re.findall(r'targets: \["([^"]+)"\]', prometheus):
        host, port = target.split(":")
        assert int(port) in ports[host], target
    for rules in re.findall(r"- (/\S+\.yml)", prometheus):
        assert rules in mounted(services["prometheus"]), rules


def check_provisioning(services):
    """Every variable of the provisioning files is set, and leads to a service or to the dashboards."""
    grafana = services["grafana"]
    folder = pathlib.Path(mounted(grafana)["/etc/grafana/provisioning"])
    used = {name for file in folder.rglob("*.yml") for name in re.findall(r"\$\{(\w+)\}", file.read_text())}
    environment = grafana["environment"]
    assert used == {name for name in environment if name.startswith("SCREEN_RECORDS_")}, used
    dashboards = {
        pathlib.Path(source).name
        for target, source in mounted(grafana).items()
        if target.startswith(environment["SCREEN_RECORDS_DASHBOARDS"] + "/")
    }
    assert dashboards == {file.name for file in (ROOT / "dashboards").glob("*.json")}, dashboards
    host, port = environment["SCREEN_RECORDS_PROMETHEUS"].removeprefix("http://").split(":")
    assert int(port) in {port["target"] for port in services[host]["ports"]}


def check_volumes(project, demo):
    """`down --volumes` of the demo leaves the counters of the project."""
    names = [{volume["name"] for volume in config["volumes"].values()} for config in (project, demo)]
    assert names[0].isdisjoint(names[1]), names


def check(config):
    services = config["services"]
    for name, service in services.items():
        check_service(name, service)
        for secret in service.get("secrets", []):
            assert pathlib.Path(config["secrets"][secret["source"]]["file"]).parent == OWN_FILES
    check_exporter(services["exporter"])
    check_names(services)
    check_provisioning(services)


project, demo, replicas = (json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:])
check(project)
check(demo)
check(replicas)
check_replicas(project, replicas)
check_project(project["services"])
check_demo(demo["services"])
check_volumes(project, demo)

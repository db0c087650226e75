"""Compares what the chart renders with the tree: config, rules, dashboards, and the labels that Prometheus sees."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import tomllib

import yaml

from manifests import Loader, of_kind

ROOT = pathlib.Path(__file__).parents[3]
RULE_LINK = 'http://{{ . | sortByLabel "instance" | first | label "instance" }}'
DASHBOARD_LINK = re.compile(r"http://(\$\{[^}]*\})")

# Keys of the config that the chart sets, and the name of a replica, which is that of its pod.
OWN_KEYS = {"web.listen_addresses", "web.config_file", "state.directory", "state.replica"}
STATE = "/var/lib/screen-records-exporter"

# Of a password that nobody needs: the probes must succeed without it.
PASSWORD_HASH = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"

PROBE_PATHS = {"startupProbe": "/-/healthy", "livenessProbe": "/-/healthy", "readinessProbe": "/-/ready"}


def config_of(release):
    text, = [m["data"]["config.toml"] for m in of_kind(release, "ConfigMap") if "config.toml" in m["data"]]
    return text


def config_errors(release, values):
    """Yields where the rendered config differs from the values."""
    config = tomllib.loads(config_of(release))
    expected = {section: keys for section, keys in values["config"].items() if keys}
    expected.setdefault("web", {}).update(listen_addresses=[":10047"])
    expected["state"] = state_of(values)
    if values["webConfig"]["existingSecret"]:
        expected["web"]["config_file"] = "/web-config/web-config.yml"
    if config != expected:
        yield f"config.toml: {config} is not {expected}"
    for section, keys in config.items():
        for key, value in keys.items() if isinstance(keys, dict) else ():
            if isinstance(value, float) and key != "max_requests_per_second":
                yield f"config.toml: {section}.{key} is not a whole number"


def state_of(values):
    """Returns the section `state` of the config."""
    state, database = dict(values["config"]["state"]), values["database"]
    if database["existingSecret"]:
        state["url_file"] = "/database/url"
    if database["caSecret"]:
        state["ca_file"] = "/database/ca.pem"
    return state or {"directory": STATE}


def state_errors(release, values):
    """Yields a volume or variable that contradicts the place of the state."""
    has_database = "directory" not in state_of(values)
    container = container_of(release)
    has_mount = STATE in [mount["mountPath"] for mount in container["volumeMounts"]]
    variables = {variable["name"]: variable.get("value") for variable in container.get("env", [])}
    is_unset = variables.get("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY") == ""
    if has_mount == has_database or is_unset != has_database:
        yield f"the state: mounted {has_mount}, in a database {has_database}, variable unset {is_unset}"
    claims = of_kind(release, "StatefulSet")[0]["spec"].get("volumeClaimTemplates")
    if claims and has_database:
        yield f"a volume beside a database: {claims}"
    for policy in of_kind(release, "NetworkPolicy") if has_database else ():
        ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
        if values["database"]["port"] not in ports:
            yield f"the NetworkPolicy does not allow the database: {ports}"


def prefix_of(values):
    web = values["config"]["web"]
    path = web.get("route_prefix") or re.sub(r"^https?://[^/]*", "", web.get("external_url", ""))
    return f"/{path.strip('/')}" if path.strip("/") else ""


def monitoring_errors(release, values, namespace):
    """Yields where probes and monitors do not follow the paths and TLS of the config."""
    prefix = prefix_of(values)
    container = container_of(release)
    for name, path in PROBE_PATHS.items():
        handler = container[name]
        if values["webConfig"]["existingSecret"]:
            if handler["exec"]["command"][1] != "healthcheck":
                yield f"{name}: {handler}"
        elif handler["httpGet"]["path"] != prefix + path:
            yield f"{name}: {handler}"
    scheme = "https" if values["webConfig"]["tls"] else "http"
    service = of_kind(release, "Service")[0]
    for monitor in of_kind(release, "ServiceMonitor"):
        endpoint, = monitor["spec"]["endpoints"]
        path = prefix + values["config"]["web"].get("telemetry_path", "/metrics")
        if (endpoint["path"], endpoint["scheme"]) != (path, scheme) or endpoint.get("honorLabels"):
            yield f"ServiceMonitor: {endpoint}"
        if endpoint["port"] not in [port["name"] for port in service["spec"]["ports"]]:
            yield f"ServiceMonitor: the Service has no port {endpoint['port']}"
        dropped = {"action": "drop", "sourceLabels": ["__name__"], "regex": "workspace_.*"}
        if (dropped in endpoint.get("metricRelabelings", [])) != values["probe"]["enabled"]:
            yield "ServiceMonitor and Probe both scrape the series of the projects, or none does"
    for probe in of_kind(release, "Probe"):
        address = f"{service['metadata']['name']}.{namespace}.svc:10047"
        expected = {"url": address, "path": f"{prefix}/probe", "scheme": scheme}
        names = [project["name"] for project in values["config"]["projects"]]
        if probe["spec"]["prober"] != expected or probe["spec"]["targets"]["staticConfig"]["static"] != names:
            yield f"Probe: {probe['spec']}"


def link_errors(release, values):
    """Yields where rules and dashboards differ from those of the tree, apart from the links."""
    url = values["config"]["web"].get("external_url", "").rstrip("/")
    scheme, prefix = "https" if values["webConfig"]["tls"] else "http", prefix_of(values)
    for rule in of_kind(release, "PrometheusRule"):
        link = url or RULE_LINK.replace("http:", f"{scheme}:") + prefix
        files = [(ROOT / "dashboards" / f).read_text() for f in ("recording-rules.yml", "alerts.yml")]
        if RULE_LINK not in files[1]:
            yield "alerts.yml: the links begin in another way"
        groups = [group for text in files for group in yaml.load(text.replace(RULE_LINK, link), Loader)["groups"]]
        if rule["spec"]["groups"] != groups:
            yield "PrometheusRule: differs from dashboards/*.yml"
    files = [item for m in of_kind(release, "ConfigMap") for item in m["data"].items()]
    shown = {name: text for name, text in files if name.endswith(".json")}
    for path in (ROOT / "dashboards").glob("*.json") if values["dashboards"]["enabled"] else ():
        text = path.read_text()
        if not DASHBOARD_LINK.search(text):
            yield f"{path.name}: the links begin in another way"
        expected = DASHBOARD_LINK.sub(lambda link: url or f"{scheme}://{link[1]}{prefix}", text)
        if shown.pop(path.name, "").rstrip() != expected.rstrip():
            yield f"{path.name}: differs from dashboards/"
    if shown:
        yield f"unknown dashboards: {list(shown)}"


def container_of(release):
    return of_kind(release, "StatefulSet")[0]["spec"]["template"]["spec"]["containers"][0]


def write_config(scratch, name, release):
    """Writes a config and files in place of the Secrets; returns their folder and the variables of the container."""
    folder = pathlib.Path(scratch) / name
    folder.mkdir()
    text = config_of(release)
    for path in set(re.findall(r'"/((?:secrets|web-config|database)/[^"]+)"', text)):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(contents_of(file.name))
    text = re.sub(r'"(/(?:secrets|web-config|database)/)', rf'"{folder}\1', text)
    (folder / "config.toml").write_text(text)
    container = container_of(release)
    variables = {v["name"]: v.get("value", contents_of(variable_key(v))) for v in container.get("env", [])}
    for name in ("SCREEN_RECORDS_EXPORTER__STATE__URL_FILE", "SCREEN_RECORDS_EXPORTER__STATE__CA_FILE"):
        if name in variables:
            file = folder / variables[name].lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(contents_of(file.name))
            variables[name] = str(file)
    # Those of a Secret in `extraEnvFrom`.
    return folder, variables | {"HUAWEICLOUD_SDK_AK": "ak", "HUAWEICLOUD_SDK_SK": "sk"}


def variable_key(variable):
    """Returns the key of a Secret whose value a variable has."""
    return variable.get("valueFrom", {}).get("secretKeyRef", {}).get("key", "")


def program_errors(releases):
    """Runs `check` on each config."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, release in releases:
            folder, variables = write_config(scratch, name, release)
            command = [os.environ["SCREEN_RECORDS_EXPORTER"], "check", f"--config.file={folder / 'config.toml'}"]
            result = subprocess.run(command, capture_output=True, text=True, env=variables)
            if result.returncode != 0:
                yield f"{name}: {result.stderr}"


def contents_of(name):
    """Returns a file of a Secret that the program accepts."""
    if name == "credentials":
        return "[basic]\nak = EXAMPLEACCESSKEY\nsk = ExampleSecretKey\n"
    if name == "web-config.yml":
        return f"basic_auth_users:\n  prometheus: {PASSWORD_HASH}\n"
    if name == "proxy-url":
        return "http://user:password@proxy.example.org:3128\n"
    if name in ("url", "database-url"):
        return "postgresql://exporter:password@db.example.org:5432/records\n"
    if name == "ca.pem":
        return pathlib.Path("/etc/ssl/certs/ca-certificates.crt").read_text()
    return "0123456789abcdef\n"


def rule_errors(release):
    """Runs promtool on the rules of a PrometheusRule."""
    rule, = of_kind(release, "PrometheusRule")
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump({"groups": rule["spec"]["groups"]}, file)
        file.flush()
        result = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
    if result.returncode != 0:
        yield result.stdout + result.stderr


def snake_case(value):
    """Returns keys as Prometheus writes them: `sourceLabels` is `source_labels`."""
    return {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key): item for key, item in value.items()}


def target_errors(release, namespace):
    """Has promtool relabel the targets of a pair, after what the Operator adds (`generateServiceMonitorConfig`)."""
    monitor, = of_kind(release, "ServiceMonitor")
    service = of_kind(release, "Service")[0]
    name = service["metadata"]["name"]
    added = {
        "namespace": namespace, "service": name, "container": "exporter", "endpoint": "metrics",
        "job": service["metadata"]["labels"][monitor["spec"]["jobLabel"]],
    }
    expected = []
    targets = []
    for pod, address in ((f"{name}-0", "10.0.0.1:10047"), (f"{name}-1", "10.0.0.2:10047")):
        meta = {"pod_name": pod, "service_name": name, "namespace": namespace}
        meta = {f"__meta_kubernetes_{key}": value for key, value in meta.items()}
        targets.append({"targets": [address], "labels": meta | added | {"pod": pod}})
        instance = f"{pod}.{name}.{namespace}.svc:10047"
        expected.append({"instance": instance, "job": added["job"], "namespace": namespace})
    job = {"job_name": "monitor", "static_configs": targets}
    job["relabel_configs"] = [snake_case(item) for item in monitor["spec"]["endpoints"][0]["relabelings"]]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump({"scrape_configs": [job]}, file)
        file.flush()
        command = ["promtool", "check", "service-discovery", "--timeout=1s", file.name, "monitor"]
        result = subprocess.run(command, capture_output=True, text=True)
    labels = [target["labels"] for target in json.loads(result.stdout)] if result.returncode == 0 else result.stderr
    visible = [{k: v for k, v in target.items() if not k.startswith("__")} for target in labels]
    if sorted(visible, key=str) != sorted(expected, key=str):
        yield f"labels of the targets: {visible} are not {expected}"


def leaves(values, path=""):
    """Yields the path and default of each value; maps that are empty are values."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def schema_keys(schema, path=""):
    """Yields each key of the config in the schema with its part of the schema."""
    for key, value in schema["properties"].items():
        value = value.get("items", value) if key == "projects" else value
        if "properties" in value:
            yield from schema_keys(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def config_schema_errors(chart, root):
    """Compares the keys of the config in the schema with the table in docs/configuration.md."""
    schema = json.loads((chart / "values.schema.json").read_text())
    known = dict(schema_keys(schema["properties"]["config"]))
    document = (root / "docs/configuration.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \| (.*) \|$", document, re.MULTILINE)
    for key, _, text in rows:
        if key in OWN_KEYS:
            continue
        is_secret = "also as `_file`" in text
        names = [f"{key}_file", f"{key}_env"] if is_secret else [key]
        for name in names:
            part = known.pop(name, None)
            limits = re.search(r"a (?:whole )?number from ([\d.]+) to (\d+)", text)
            if part is None:
                yield f"the schema has no config.{name}"
            elif limits and (part["minimum"], part["maximum"]) != (float(limits[1]), float(limits[2])):
                yield f"the schema has other limits of config.{name}: {part}"
            elif re.fullmatch(r"[\w-]+(, [\w-]+)* or [\w-]+", text) and text != "true or false":
                if part.get("enum") != re.split(", | or ", text):
                    yield f"the schema has other values of config.{name}: {part}"
            elif "a duration" in text and part != {"$ref": "#/definitions/duration"}:
                yield f"config.{name} is not a duration in the schema: {part}"
    for key in known:
        yield f"docs/configuration.md has no {key}"

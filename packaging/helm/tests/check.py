"""Checks the chart: over each set of values in accepted/ and refused/, and against the rest of the tree."""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback

import yaml

import contents
import manifests
import probes

TESTS = pathlib.Path(__file__).parent
ROOT = TESTS.parents[2]
CHART = TESTS.parent / "screen-records-exporter"
NAMESPACE = "monitoring"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


def template(values, release="records", namespace=NAMESPACE, chart=CHART):
    return run(os.environ["HELM"], "template", release, chart, "--namespace", namespace, "--values", values)


def rendered(values, *names):
    result = template(values, *names)
    return (manifests.parsed(result.stdout), "") if result.returncode == 0 else (None, result.stderr)


def set_of_values(path):
    """Returns the values of the chart with those of a file, as Helm merges them."""

    def merged(default, value):
        if isinstance(default, dict) and isinstance(value, dict):
            both = {key: merged(default.get(key), value.get(key, default.get(key))) for key in default | value}
            return {key: item for key, item in both.items() if item is not None}
        return value

    defaults = yaml.load((CHART / "values.yaml").read_text(), manifests.Loader)
    return merged(defaults, yaml.load(path.read_text(), manifests.Loader))


def accepted_errors(path):
    """Renders a set of values and yields what is wrong with the result."""
    release, refusal = rendered(path)
    if release is None:
        yield f"refused: {refusal}"
        return
    values = set_of_values(path)
    yield from manifests.errors(release)
    yield from contents.config_errors(release, values)
    yield from contents.state_errors(release, values)
    yield from contents.monitoring_errors(release, values, NAMESPACE)
    yield from contents.link_errors(release, values)


def refused_errors(path):
    """Renders a set of values that must be refused with the message in its first line."""
    expected = path.read_text().splitlines()[0].removeprefix("# ")
    result = template(path)
    if result.returncode == 0:
        yield "accepted"
    # The message is quoted as in a literal of Go.
    elif expected not in result.stderr and expected.replace("\\n", "\n") not in result.stderr:
        yield f"the message is not {expected!r} but: {result.stderr}"


def lint_errors():
    result = run(os.environ["HELM"], "lint", "--strict", CHART, "--values", TESTS / "accepted" / "minimal.yaml")
    if result.returncode != 0 or "WARNING" in result.stdout:
        yield result.stdout + result.stderr


def version_errors():
    chart = yaml.load((CHART / "Chart.yaml").read_text(), manifests.Loader)
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    if chart["version"] != version or str(chart["appVersion"]) != version:
        yield f"the chart is {chart['version']} of {chart['appVersion']}, Cargo.toml has {version}"


def values_errors():
    """Compares values.yaml, the schema and the table in the README."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.load((CHART / "values.yaml").read_text(), manifests.Loader)
    readme = (CHART / "README.md").read_text()
    # A parent chart has these two.
    if set(schema["properties"]) - {"global", "enabled"} != set(values):
        yield f"not in both: {set(schema['properties']) ^ set(values)}"
    rows = dict(re.findall(r"^\| `([\w.]+)` \| `?(.*?)`? \|", readme, re.MULTILINE))
    expected = dict(contents.leaves(values))
    for key, value in expected.items():
        if rows.get(key) != json.dumps(value):
            yield f"README.md: the row of {key} has not the default {json.dumps(value)} but {rows.get(key)}"
    for key in rows.keys() - expected.keys():
        yield f"README.md: values.yaml has no {key}"


def numeric_name_errors():
    """Names of only digits are numbers in YAML, unless they are quoted. A Service cannot have such a name."""
    values = TESTS / "accepted" / "numeric-names.yaml"
    release, refusal = rendered(values, "12", "34")
    yield from [refusal] if release is None else manifests.errors(release)
    _, refusal = rendered(TESTS / "accepted" / "minimal.yaml", "records.v1")
    if "set fullnameOverride" not in refusal:
        yield f"the release name records.v1 was accepted: {refusal}"


def pair_errors():
    """A further exporter does not restart the others."""
    for name in ("pair", "replicas"):
        command = [os.environ["HELM"], "template", "records", CHART, "--values", TESTS / "accepted" / f"{name}.yaml"]
        pods = []
        for replicas in (1, 2):
            release = manifests.parsed(run(*command, "--set", f"replicas={replicas}").stdout)
            pods.append(manifests.of_kind(release, "StatefulSet")[0]["spec"]["template"])
        if pods[0] != pods[1]:
            yield f"{name}: {pods[0]} is not {pods[1]}"


def link_file_errors():
    """A chart whose links were not followed is refused instead of installed with empty dashboards."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "chart"
        shutil.copytree(CHART, copy)
        for path in (copy / "files").iterdir():
            path.write_text(f"../../../../dashboards/{path.name}")
        for name, refused in (("minimal", False), ("external-url", True), ("monitoring", True)):
            result = template(TESTS / "accepted" / f"{name}.yaml", chart=copy)
            if (result.returncode != 0) != refused or refused and "use the packed chart" not in result.stderr:
                yield f"{name}: {result.returncode}: {result.stderr}"


def notes_errors():
    """The notes are templates too, and `helm template` does not render them."""
    for path in sorted((TESTS / "accepted").glob("*.yaml")):
        command = ["install", "records", CHART, "--dry-run=client", "--values", path]
        result = run(os.environ["HELM"], *command)
        if result.returncode != 0 or "To see the state of each" not in result.stdout:
            yield f"{path.stem}: {result.stderr}"


def document_errors():
    """The values in the documents are accepted, added to the least that works."""
    minimal = TESTS / "accepted" / "minimal.yaml"
    for path, expected in ((ROOT / "docs" / "kubernetes.md", 3), (CHART / "README.md", 1)):
        blocks = re.findall(r"^```yaml\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
        blocks = [block for block in blocks if "secretFiles:" in block]
        if len(blocks) != expected:
            yield f"{path.name}: {len(blocks)} blocks of values instead of {expected}"
        for block in blocks:
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(block)
                file.flush()
                values = ["--values", minimal, "--values", file.name]
                result = run(os.environ["HELM"], "template", "records", CHART, *values)
            if result.returncode != 0:
                yield f"{path.name}: {result.stderr}"
            else:
                yield from manifests.errors(manifests.parsed(result.stdout))


def probe_errors():
    """Sets of values whose probes and paths differ, and how a scrape without a password is answered."""
    names = {"external-url": 200, "external-url-prefix": 200, "route-prefix": 200, "monitoring": 200, "basic-auth": 401}
    for name, status in names.items():
        yield from probes.probe_errors(name, rendered(TESTS / "accepted" / f"{name}.yaml")[0], status)


def kustomize_errors():
    """Generates packaging/kustomize in a copy, compares it with the tree, and builds the example."""
    tree = ROOT / "packaging" / "kustomize"
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "kustomize"
        shutil.copytree(tree, copy)
        generated = run(tree / "generate", copy)
        if generated.returncode != 0:
            yield generated.stderr
            return
        ignored = {pattern.lstrip("/") for pattern in (tree / ".gitignore").read_text().split()}
        for path in sorted(path.relative_to(copy) for path in copy.rglob("*") if path.is_file()):
            if str(path) not in ignored and (copy / path).read_bytes() != (tree / path).read_bytes():
                yield f"{path} is out of date: run packaging/kustomize/generate packaging/kustomize"
        built = {name: run(os.environ["KUBECTL"], "kustomize", copy / name) for name in ("example", "example-replicas")}
    for name, result in built.items():
        yield from built_errors(name, result)


def built_errors(name, built):
    """Yields what is wrong with the manifests that kustomize wrote."""
    if built.returncode != 0:
        yield built.stderr
        return
    release = manifests.parsed(built.stdout)
    yield from manifests.errors(release)
    yield from contents.program_errors([(name, release)])
    values = yaml.load((CHART / "values.yaml").read_text(), manifests.Loader)
    yield from contents.link_errors(release, values | {"dashboards": {"enabled": True}})
    has_database = name == "example-replicas"
    database = {"existingSecret": "records-database" if has_database else "", "caSecret": "", "port": 5432}
    yield from contents.state_errors(release, values | {"database": database})
    if has_database and manifests.of_kind(release, "StatefulSet")[0]["spec"]["replicas"] < 2:
        yield f"{name}: a single replica"
    if "Helm" in built.stdout or "helm.sh" in built.stdout or "annotations: null" in built.stdout:
        yield f"{name}: something of Helm is left"


CHECKS = {
    "lint": lint_errors,
    "version": version_errors,
    "values": values_errors,
    "notes": notes_errors,
    "numeric names": numeric_name_errors,
    "links to files": link_file_errors,
    "pair": pair_errors,
    "documents": document_errors,
    "probes": probe_errors,
    "schema of the config": lambda: contents.config_schema_errors(CHART, ROOT),
    "program accepts the configs": lambda: contents.program_errors(accepted_configs()),
    "rules": lambda: contents.rule_errors(rendered(TESTS / "accepted" / "external-url.yaml")[0]),
    "kustomize": kustomize_errors,
    "labels of targets": lambda: contents.target_errors(rendered(TESTS / "accepted" / "pair.yaml")[0], NAMESPACE),
}


def accepted_configs():
    for path in sorted((TESTS / "accepted").glob("*.yaml")):
        release, _ = rendered(path)
        if release:
            yield path.stem, release


def outcome(job):
    """Runs a check. What it cannot even read is an error too, and must not hide those of the others."""
    name, check, arguments = job
    try:
        return name, list(check(*arguments))
    except Exception:
        return name, [traceback.format_exc()]


def main():
    started = time.monotonic()
    manifests.monitoring_schemas()
    accepted, refused = (sorted((TESTS / name).glob("*.yaml")) for name in ("accepted", "refused"))
    jobs = [(name, check, ()) for name, check in CHECKS.items()]
    jobs += [(f"accepted/{path.stem}", accepted_errors, (path,)) for path in accepted]
    jobs += [(f"refused/{path.stem}", refused_errors, (path,)) for path in refused]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor() as pool:
        results = list(pool.map(outcome, jobs))
    for name, errors in results:
        failed += bool(errors)
        for error in errors:
            print(f"{name}: {error}", file=sys.stderr)
    seconds = time.monotonic() - started
    print(f"{len(accepted)} sets of values accepted, {len(refused)} refused ({seconds:.1f} s)")
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

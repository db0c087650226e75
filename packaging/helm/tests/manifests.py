"""Validates manifests: their schemas, the references within them, and the restricted Pod Security Standard."""

import functools
import json
import os
import pathlib
import re
import sys

import jsonschema
import kubernetes_validate.utils as kubernetes
import yaml
from referencing import Registry, Resource



class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Refuses a key that is there twice, as the API server and Helm do."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        if len(set(keys)) != len(keys):
            raise yaml.constructor.ConstructorError(None, None, f"a key twice: {keys}", node.start_mark)
        return super().construct_mapping(node, deep)


# The oldest version that the chart accepts, and the newest with a schema.
KUBERNETES_VERSIONS = ("1.25", "1.37")

# `kubectl apply` stores each object in an annotation, and the server accepts no more.
MAX_ANNOTATION_BYTES = 262_144

MONITORING = "monitoring.coreos.com/v1"
MONITORING_KINDS = ("ServiceMonitor", "Probe", "PrometheusRule")


def parsed(text):
    return [document for document in yaml.load_all(text, Loader) if document]


def refuse_unknown(schema):
    """Refuses unknown keys, as the API server does with --validate=strict."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            refuse_unknown(value)
    elif isinstance(schema, list):
        for value in schema:
            refuse_unknown(value)
    return schema


@functools.cache
def monitoring_schemas():
    """Reads the schemas of the Prometheus Operator. Loading the models takes seconds, so a copy is kept."""
    copy = pathlib.Path(sys.prefix) / "monitoring-schemas.json"
    if not copy.exists():
        from cloudcoil.models.prometheus_operator import v1

        schemas = {kind: getattr(v1, kind).model_json_schema() for kind in MONITORING_KINDS}
        new = copy.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(schemas))
        new.rename(copy)
    schemas = json.loads(copy.read_text())
    return {kind: jsonschema.Draft202012Validator(refuse_unknown(schema)) for kind, schema in schemas.items()}


@functools.cache
def core_validator(kind, api_version, version):
    """Returns the validator that `kubernetes_validate.validate` makes anew for each object."""
    group, _, rest = api_version.rpartition("/")
    name = f"{group.split('.')[0]}-{rest}" if group else rest
    folder = f"kubernetes-json-schema/v{version}.0-local-strict"
    schema = kubernetes.schema_contents(f"{folder}/{kind.lower()}-{name}.json", version)
    registry = Resource.from_contents(schema) @ core_definitions(folder, version)
    return jsonschema.Draft202012Validator(schema, registry=registry)


@functools.cache
def core_definitions(folder, version):
    return Resource.from_contents(kubernetes.schema_contents(f"{folder}/_definitions.json", version)) @ Registry()


def schema_errors(manifest):
    if manifest["apiVersion"] == MONITORING:
        validators = [monitoring_schemas()[manifest["kind"]]]
    else:
        validators = [core_validator(manifest["kind"], manifest["apiVersion"], v) for v in KUBERNETES_VERSIONS]
    for validator in validators:
        for error in validator.iter_errors(manifest):
            path = ".".join(str(part) for part in error.absolute_path)
            yield f"{manifest['kind']} {manifest['metadata']['name']}: {path}: {error.message}"


def name_errors(manifest):
    """Yields names and labels that the API server refuses although their schema accepts them."""
    metadata = manifest["metadata"]
    if len(metadata["name"]) > 253 or not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", metadata["name"]):
        yield f"{manifest['kind']}: the name {metadata['name']} is not valid"
    # It is a label of DNS.
    if manifest["kind"] == "Service" and not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", metadata["name"]):
        yield f"Service: the name {metadata['name']} is not valid"
    for key, value in metadata["labels"].items():
        name = key.rpartition("/")[2]
        if not is_label(name) or value and not is_label(value):
            yield f"{manifest['kind']} {metadata['name']}: the label {key}={value} is not valid"


def is_label(text):
    return len(text) <= 63 and re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?", text)


def of_kind(manifests, kind):
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def is_subset(selector, labels):
    return selector.items() <= labels.items()


def pod_errors(pod):
    """Yields what the API server refuses in a pod although its schema accepts it."""
    container = pod["containers"][0]
    volumes = [volume["name"] for volume in pod.get("volumes", [])]
    mounts = container["volumeMounts"]
    paths = [mount["mountPath"] for mount in mounts]
    names = [variable["name"] for variable in container.get("env", [])]
    for what, values in (("volume", volumes), ("mountPath", paths), ("variable", names)):
        if len(set(values)) != len(values):
            yield f"a {what} twice: {values}"
    for mount in mounts:
        if mount["name"] not in volumes:
            yield f"the volume {mount['name']} is mounted and does not exist"
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        if len({"httpGet", "exec"} & set(container[name])) != 1:
            yield f"{name} has not one handler: {container[name]}"


def security_errors(pod):
    """Yields what the restricted Pod Security Standard refuses."""
    outer, inner = pod["securityContext"], pod["containers"][0]["securityContext"]
    if not outer["runAsNonRoot"] or outer["seccompProfile"] != {"type": "RuntimeDefault"}:
        yield f"securityContext of the pod: {outer}"
    if inner["allowPrivilegeEscalation"] or inner["capabilities"] != {"drop": ["ALL"]}:
        yield f"securityContext of the container: {inner}"
    if not inner["readOnlyRootFilesystem"] or pod["automountServiceAccountToken"]:
        yield "the root file system or the token of the account"


def reference_errors(manifests):
    """Yields references between the manifests that lead nowhere."""
    stateful_set, = of_kind(manifests, "StatefulSet")
    service, = of_kind(manifests, "Service")
    spec = stateful_set["spec"]
    template = json.loads(json.dumps(spec["template"]))
    labels = template["metadata"]["labels"]
    claims = [{"name": claim["metadata"]["name"]} for claim in spec.get("volumeClaimTemplates", [])]
    template["spec"]["volumes"] = template["spec"].get("volumes", []) + claims
    yield from pod_errors(template["spec"])
    yield from security_errors(template["spec"])
    selectors = [("StatefulSet", spec["selector"]["matchLabels"], labels)]
    selectors.append(("Service", service["spec"]["selector"], labels))
    for kind, key in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        selectors += [(kind, m["spec"][key]["matchLabels"], labels) for m in of_kind(manifests, kind)]
    for monitor in of_kind(manifests, "ServiceMonitor"):
        selectors.append(("ServiceMonitor", monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"]))
    for kind, selector, target in selectors:
        if not is_subset(selector, target):
            yield f"{kind} selects nothing: {selector} in {target}"
    if spec["serviceName"] != service["metadata"]["name"]:
        yield f"serviceName: {spec['serviceName']}"
    # The controller puts the name and a hash of ten characters into a label of at most 63.
    if len(stateful_set["metadata"]["name"]) > 52:
        yield f"the name of the StatefulSet is too long: {stateful_set['metadata']['name']}"
    account = template["spec"]["serviceAccountName"]
    accounts = [a["metadata"]["name"] for a in of_kind(manifests, "ServiceAccount")]
    if accounts and accounts != [account]:
        yield f"serviceAccountName: {account}, created is {accounts}"


def errors(manifests):
    """Yields everything that is wrong with the manifests of a release."""
    keys = [(m["apiVersion"], m["kind"], m["metadata"]["name"]) for m in manifests]
    if len(set(keys)) != len(keys):
        yield f"an object twice: {keys}"
    for manifest in manifests:
        yield from schema_errors(manifest)
        if manifest["metadata"].get("labels"):
            yield from name_errors(manifest)
        size = len(json.dumps(manifest, separators=(",", ":")))
        if size > MAX_ANNOTATION_BYTES:
            yield f"{manifest['kind']} {manifest['metadata']['name']}: {size} bytes are too many for kubectl apply"
    yield from reference_errors(manifests)

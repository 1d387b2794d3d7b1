"""Whether an API server would take an object: strict schemas of Kubernetes, and the fields of custom resources."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import kubernetes_validate
import yaml

CORE = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
CRDS = Path(__file__).parent / "crds"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "schemas" / "crds"
VERSIONS = ("1.33", "1.34", "1.35", "1.36", "1.37")


class ServerLoader(yaml.CSafeLoader):
    """YAML 1.1 as kubectl reads it, without dates, which JSON does not have."""


ServerLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load(text: str) -> Any:
    """A file as the API server sees it."""
    return yaml.load(text, Loader=ServerLoader)


def problems(body: dict[str, Any], version: str) -> Iterator[str]:
    """What a server would refuse; custom resources are held to our tables, and to their own schemas if at hand."""
    validators = list(_validators(body["apiVersion"], body["kind"], version))
    if not validators:
        yield f"no schema for {body['apiVersion']} {body['kind']}"
    for validator in validators:
        yield from (
            f"{'.'.join(map(str, error.instance_path))}: {error.message[:300]}" for error in validator.iter_errors(body)
        )


@functools.cache
def _validators(api_version: str, kind: str, version: str) -> tuple[Any, ...]:
    group, _, api = api_version.rpartition("/")
    own = CRDS / f"{group}.yaml"
    if own.is_file():
        made = [_custom(yaml.safe_load(own.read_text())[kind], version)]
        full = SHARED / group / f"{kind.lower()}_{api}.json"
        if full.is_file():
            made.append(jsonschema_rs.validator_for(json.loads(full.read_text())))
        return tuple(made)
    short = group.split(".")[0]
    file = _folder(version) / f"{kind.lower()}-{short + '-' if short else ''}{api}.json"
    if not file.is_file():
        return ()
    schema = json.loads(file.read_text().replace("/api/_definitions.json#", "#"))
    schema["$defs"] = _definitions(version)
    return (jsonschema_rs.validator_for(schema),)


def _folder(version: str) -> Path:
    return CORE / f"v{version}.0-local-strict"


@functools.cache
def _definitions(version: str) -> dict[str, Any]:
    text = (_folder(version) / "_definitions.json").read_text()
    definitions: dict[str, Any] = json.loads(text.replace("/api/_definitions.json#", "#"))["$defs"]
    return definitions


def _custom(fields: dict[str, Any], version: str) -> Any:
    schema = _schema({"apiVersion": "string", "kind": "string", "metadata": "core:" + _META, **fields})
    return jsonschema_rs.validator_for({**schema, "$defs": _definitions(version)})


_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def _schema(fields: Any) -> dict[str, Any]:
    if isinstance(fields, str):
        return {"$ref": f"#/$defs/{fields[5:]}"} if fields.startswith("core:") else {"type": fields}
    if isinstance(fields, list):
        return {"type": "array", "items": _schema(fields[0])}
    if set(fields) == {"*"}:
        return {"type": "object", "additionalProperties": _schema(fields["*"])}
    return {"type": "object", "properties": {k: _schema(v) for k, v in fields.items()}, "additionalProperties": False}


def pod_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """The pod that an object makes."""
    spec = body.get("spec", {})
    if body["kind"] == "WorkflowTemplate":
        spec = json.loads(spec["templates"][0]["resource"]["manifest"])["spec"]
    elif body["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    elif body["kind"] not in ("Deployment", "Rollout", "Job"):
        return None
    pod: dict[str, Any] = spec["template"]["spec"]
    return pod


def unrestricted(pod: dict[str, Any]) -> Iterator[str]:
    """What the Pod Security Standard "restricted" would refuse of a pod.

    A pod without any numeric user or group leaves them to the cluster, which sets them before the kubelet asks.
    """
    base = pod.get("securityContext", {})
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield f"{key} is set"
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    for volume in pod.get("volumes", []):
        if not set(volume) - {"name"} <= allowed:
            yield f"volume {volume['name']} is of a kind that is not allowed"
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        own, name = container.get("securityContext", {}), container["name"]
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{name} may escalate its privileges"
        if own.get("capabilities", {}).get("drop") != ["ALL"] or own.get("capabilities", {}).get("add"):
            yield f"{name} has capabilities"
        if own.get("runAsNonRoot", base.get("runAsNonRoot")) is not True:
            yield f"{name} may run as root"
        if not own.get("runAsUser", base.get("runAsUser")) and ("runAsGroup" in base or "fsGroup" in base):
            yield f"{name} has no numeric user: the kubelet refuses images whose user is a name"
        profile = (own.get("seccompProfile") or base.get("seccompProfile") or {}).get("type")
        if profile not in ("RuntimeDefault", "Localhost"):
            yield f"{name} has no seccomp profile"

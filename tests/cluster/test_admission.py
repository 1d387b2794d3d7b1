"""A real API server takes what mlspec writes: strictly, with CEL and Pod Security, twice, and without drift."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec import Result
from mlspec.compiler.kinds import pods_of
from mlspec.runtime.launch import Launch, train_job
from mlspec.targets.retraining.nodes import FILE

from ..argo import with_workflows
from ..support import ADOPTERS, EXAMPLES, objects
from ..systems import generated
from ..validation import pod_of
from .api import Api, ApiError, Object, path_of
from .control_plane import wait
from .ground import Ground, in_order
from .proof import Proof
from .systems import applied, compiled

COLUMNS = ("what", "how many", "refused or changed")
SEEDS = 60
"""How many generated systems, over all runtimes, clouds, scalers, stages, batch services, and retraining."""

CONTROLS: dict[str, Object] = {
    "an unknown field": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "controls"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {}}, "replica": 1},
    },
    "a CEL rule": {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "a", "namespace": "controls"},
        "spec": {"rules": [{"filters": [{"type": "RequestMirror"}]}]},
    },
    "Pod Security": {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "controls"},
        "spec": {"containers": [{"name": "a", "image": "a", "securityContext": {"privileged": True}}]},
    },
}


GATEWAYS = ("networking.gke.io/", "gateway.k8s.aws/", "application-networking.k8s.aws/", "gateway.envoyproxy.io/")
"""The APIs of gateway products, which the ground does not serve; `tests/crds` has their fields."""


def bodies(result: Result, folder: Path) -> list[Object]:
    """What an API server gets of a compiled system, and of its runs."""
    made = [body for body in objects(result) if body["kind"] not in ("Application", "Kustomization")]
    made += [*train_jobs(made, folder), *workflows(made)]
    return [body for body in made if not str(body["apiVersion"]).startswith(GATEWAYS)]


def train_jobs(made: list[Object], folder: Path) -> Iterator[Object]:
    """The TrainJobs that runs create from the files in ConfigMaps, as the launcher fills them in. Their owner is left
    out: the ground has no such pod, so the garbage collector would delete them.
    """
    for config in made:
        data = config.get("data")
        if isinstance(data, dict) and FILE in data:
            manifest = folder / FILE
            manifest.write_text(data[FILE])
            run = Launch(manifest=manifest, run="system-retrain-29412345", pod="system-retrain-29412345-x7k2p", uid="1")
            body: Object = train_job(run)
            del body["metadata"]["ownerReferences"]
            yield body


def workflows(made: list[Object]) -> Iterator[Object]:
    """The Workflows that CronWorkflows start, and the objects that those create."""
    for body in made:
        if body["kind"] == "CronWorkflow":
            yield {
                "apiVersion": body["apiVersion"],
                "kind": "Workflow",
                "metadata": {**body["metadata"], "name": f"{body['metadata']['name']}-1764000000"},
                "spec": body["spec"]["workflowSpec"],
            }
        elif body["kind"] == "WorkflowTemplate":
            name = f"{body['metadata']['name']}-1764000000"
            job = body["spec"]["templates"][0]["resource"]["manifest"].replace("{{workflow.name}}", name)
            yield json.loads(job)


def matrix(folder: Path) -> Iterator[tuple[str, list[Object]]]:
    """The examples, the systems of adopters, and the generated systems that mlspec accepts."""
    for example in EXAMPLES + ADOPTERS:
        yield example.name, bodies(mlspec.compile(example / "mlspec.yaml"), folder)
    yield "workflows", bodies(with_workflows(folder / "workflows"), folder)
    (folder / ".git").mkdir()
    for seed in range(SEEDS):
        own = folder / str(seed)
        for path, body in generated(seed).items():
            (own / path).parent.mkdir(parents=True, exist_ok=True)
            (own / path).write_text(json.dumps(body))
        result = mlspec.compile(own / "mlspec.yaml")
        if result.ok:
            yield f"seed {seed}", bodies(result, folder)


@pytest.fixture(scope="module")
def systems(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[str, list[Object]]]]:
    """The matrix, with its namespaces and accounts, which the server asks for before it looks at anything else.

    The accounts are deleted at the end: two systems of the matrix share a namespace with an example, where
    `mlspec cluster diff` would list what they left.
    """
    found = list(matrix(tmp_path_factory.mktemp("matrix")))
    assert len(found) > SEEDS / 2
    for name in {body["metadata"].get("namespace", "default") for _, made in found for body in made}:
        ground.namespace(name)
    accounts = {path_of(body): body for _, made in found for body in made if body["kind"] == "ServiceAccount"}
    for body in accounts.values():
        ground.api.apply(body, force=True)
    yield found
    for path in accounts:
        ground.api.request("DELETE", path)


@pytest.mark.parametrize("control", CONTROLS)
def test_the_server_refuses_what_it_should(control: str, ground: Ground) -> None:
    ground.namespace("controls")
    with pytest.raises(ApiError):
        ground.api.apply(CONTROLS[control], dry_run=True)


def test_every_object_is_admitted(ground: Ground, proof: Proof, systems: list[tuple[str, list[Object]]]) -> None:
    api, refused = ground.api, []
    for name, made in systems:
        for body in made:
            try:
                api.apply(body, dry_run=True)
            except ApiError as error:
                refused.append(f"{name}: {body['kind']} {body['metadata']['name']}: {error}")
    assert refused == []
    assert api.warnings == []
    count = sum(len(made) for _, made in systems)
    proof.row("Admission", COLUMNS, "objects applied strictly on the server", f"{count} of {len(systems)} systems", 0)


UNSEEN = r"no PriorityClass with name|RuntimeClass \S+ not found"
"""What the API server says of classes that its caches do not have yet (kubernetes, plugin/pkg/admission)."""


def _admitted(api: Api, path: str, pod: Object) -> bool:
    """Whether a pod is admitted; false while the API server has not yet noticed a class that was just created."""
    try:
        api.request("POST", path, pod, dryRun="All", fieldValidation="Strict")
    except ApiError as error:
        if re.search(UNSEEN, str(error)):
            return False
        raise
    return True


def test_every_pod_is_admitted_as_a_pod(ground: Ground, proof: Proof, systems: list[tuple[str, list[Object]]]) -> None:
    """Pod Security does not look into Rollouts and CronJobs; their pods would be refused later, and silently."""
    api, refused, count = ground.api, [], 0
    for name, made in systems:
        for body in made:
            if pod_of(body) is None:
                continue
            count += 1
            pod = _pod(body)
            ground.classes(pod)
            try:
                wait(partial(_admitted, api, _pods(body), pod), "the classes of the pod")
            except ApiError as error:
                refused.append(f"{name}: {body['kind']} {body['metadata']['name']}: {error}")
    assert refused == []
    assert count > SEEDS / 2
    assert api.warnings == []
    proof.row("Admission", COLUMNS, "pod templates created as restricted pods", count, 0)


EMPTY: dict[str, Any] = {"serving__env": {"EMPTY": ""}, "platform__rollout__provider": "none", "rollout": None}


@pytest.fixture(scope="module")
def lived(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """The objects of the examples and of one more system, applied, after all controllers have seen them.

    That one has an empty variable, which typed Go drops, in a Deployment: the API server writes that as typed Go, and a
    Rollout only after its controller updated the whole object.
    """
    folder = tmp_path_factory.mktemp("empty")
    made = [body for example in EXAMPLES for body in bodies(mlspec.compile(example / "mlspec.yaml"), folder)]
    made += applied(compiled(folder / "empty", "empty", **EMPTY))
    for name in {body["metadata"].get("namespace", "default") for body in made}:
        ground.namespace(name)
    ground.apply(made)
    for body in made:
        if body["kind"] in ("Rollout", "Deployment"):
            wait(lambda body=body: "observedGeneration" in ground.live(body).get("status", {}), body["kind"])  # type: ignore[misc]
    return made


def test_a_second_apply_changes_nothing(ground: Ground, proof: Proof, lived: list[Object]) -> None:
    settled = {path_of(body): _generation(ground.live(body)) for body in lived}
    changed = []
    for body in in_order(lived):
        after = ground.api.apply(body, force=True)
        if _generation(after) != settled[path_of(body)]:
            changed.append(path_of(body))
    assert changed == []
    proof.row("Admission", COLUMNS, "objects of the examples applied a second time", len(lived), "0 changed")


def test_no_controller_changes_what_was_written(ground: Ground, proof: Proof, lived: list[Object]) -> None:
    """A leaf that the server or a controller writes otherwise is a difference that a GitOps tool reports forever."""
    drifted = [f"{path_of(body)} {leaf}" for body in lived for leaf in drift(body, ground.live(body))]
    assert drifted == []
    leaves = sum(_leaves(body) for body in lived)
    proof.row("Admission", COLUMNS, "leaves of them after all controllers worked", leaves, "0 changed")


def drift(written: Any, live: Any, path: str = "") -> Iterator[str]:
    """The leaves that differ; the server may add fields, and it may write a quantity in its canonical form."""
    if isinstance(written, dict):
        for key, value in written.items():
            inside = live.get(key) if isinstance(live, dict) else None
            yield from drift(value, inside, f"{path}.{key}")
    elif isinstance(written, list):
        if not isinstance(live, list) or len(live) != len(written):
            yield f"{path}: {len(written)} items, now {live}"
            return
        for index, value in enumerate(written):
            yield from drift(value, live[index], f"{path}[{index}]")
    elif written != live:
        yield f"{path}: {written!r}, now {live!r}"


def _leaves(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(_leaves, inside)) if inside else 1


def _generation(body: Object) -> Any:
    """What changes when the specification of an object changes; objects without one have only their data."""
    return body["metadata"].get("generation", body.get("data"))


def _pods(body: Object) -> str:
    return f"/api/v1/namespaces/{body['metadata'].get('namespace', 'default')}/pods"


def _pod(body: Object) -> Object:
    template = pods_of(body)
    assert template is not None
    meta = copy.deepcopy(template.get("metadata", {}))
    meta["name"] = re.sub(r"[^a-z0-9-]", "-", body["metadata"]["name"])[:50]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}

"""How the tools that people use apply the files: kubectl, and Flux and Argo CD as mlspec's objects tell them to."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mlspec
from mlspec import Result

from ..validation import load
from .api import Object, path_of
from .ground import Ground, in_order
from .programs import built
from .systems import applied

__all__ = ["ARGO_CD", "FLUX", "argo_cd", "flux", "kubectl"]

ARGO_CD = {"platform__gitops": {"tool": "argocd", "repository": "https://git.example.com/deploy.git"}}
FLUX = {"platform__gitops": {"tool": "flux", "source": "deploy"}}
"""What a spec says for mlspec to write the object that tells the tool what to do."""


def _deployment(result: Result) -> Object:
    """The object that tells the tool to apply the only environment."""
    (text,) = [text for path, text in result.bundles["_system"].files.items() if path.startswith("gitops/")]
    return dict(load(text))


def kubectl(ground: Ground, result: Result, folder: Path) -> None:
    """`kubectl apply -k`, the real program, on the files as mlspec writes them."""
    out = folder / "out"
    mlspec.write(result, out)
    (bundle,) = [path.parent for path in out.rglob("kustomization.yaml")]
    _kubectl(ground, "apply", "-k", str(bundle))


def _kubectl(ground: Ground, *arguments: str) -> str:
    program, config = built("kubernetes") / "kubectl", ground.plane.kubeconfig("admin")
    done = subprocess.run([program, f"--kubeconfig={config}", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout


def flux(ground: Ground, result: Result, _: Path) -> None:
    """A server-side apply with force; ignored paths get the live value (kustomize-controller 1.9, `spec.ignore`)."""
    rules = _deployment(result)["spec"]["ignore"]
    for body in in_order(applied(result)):
        live = ground.api.find(path_of(body))
        adopted = copy.deepcopy(body)
        for rule in rules:
            if live is not None and _means(rule["target"], body):
                for path in rule["paths"]:
                    _put(adopted, path, _get(live, path))
        ground.api.apply(adopted, "kustomize-controller", force=True)


def argo_cd(ground: Ground, result: Result, _: Path) -> None:
    """A server-side apply with force, but only of objects with a difference that is not ignored (`filterOutOfSyncTasks`
    in gitops-engine/pkg/sync/sync_context.go, 3.5).
    """
    application = _deployment(result)["spec"]
    assert application["syncPolicy"]["syncOptions"] == ["ApplyOutOfSyncOnly=true"]
    for body in in_order(applied(result)):
        ignored = [
            path for rule in application["ignoreDifferences"] if _means(rule, body) for path in rule["jsonPointers"]
        ]
        live = ground.api.find(path_of(body))
        if live is None or _differs(ground, body, live, ignored):
            ground.api.apply(body, "argocd-controller", force=True)


def _differs(ground: Ground, body: Object, live: Object, ignored: Iterable[str]) -> bool:
    """Whether an apply would change a field that is not ignored."""
    applied = ground.api.apply(body, "argocd-controller", force=True, dry_run=True)
    sides = [_compared(side, ignored) for side in (applied, live)]
    return sides[0] != sides[1]


def _compared(body: Object, ignored: Iterable[str]) -> Object:
    """What Argo CD compares of an object: no status, nothing that the server counts, and no ignored field."""
    kept = copy.deepcopy({key: value for key, value in body.items() if key != "status"})
    for key in ("managedFields", "resourceVersion", "generation"):
        kept["metadata"].pop(key, None)
    for pointer in ignored:
        _put(kept, pointer, None)
    return kept


def _means(target: dict[str, Any], body: Object) -> bool:
    """Whether a rule is about an object."""
    group = body["apiVersion"].rpartition("/")[0]
    return bool((target["group"], target["kind"], target["name"]) == (group, body["kind"], body["metadata"]["name"]))


def _get(body: Any, pointer: str) -> Any:
    """The value at a JSON pointer."""
    for key in _keys(pointer):
        body = body[int(key)] if isinstance(body, list) else body[key]
    return body


def _put(body: Any, pointer: str, value: Any) -> None:
    """Replace the value at a JSON pointer, which must be there."""
    *parents, last = _keys(pointer)
    for key in parents:
        body = body[int(key)] if isinstance(body, list) else body[key]
    assert last in body
    body[last] = value


def _keys(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.strip("/").split("/")]

"""How the tools that people use apply the files: kubectl, Flux, and Argo CD, with the settings of docs/gitops.md."""

from __future__ import annotations

import copy
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

import mlspec
from mlspec import Result

from ..support import ROOT
from .api import Object, path_of
from .ground import Ground, in_order
from .programs import built
from .systems import applied

__all__ = ["argo_cd", "flux", "kubectl", "settings"]

PAGE = ROOT / "docs" / "gitops.md"


def settings(kind: str) -> Object:
    """The object of a kind that the page on GitOps tells users to write."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found = [body for block in blocks if (body := yaml.safe_load(block)).get("kind") == kind]
    (one,) = found
    return dict(one)


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
    rules = settings("Kustomization")["spec"]["ignore"]
    for body in in_order(applied(result)):
        live = ground.api.find(path_of(body))
        adopted = copy.deepcopy(body)
        for rule in rules:
            if live is not None and _means(rule["target"], body):
                for path in rule["paths"]:
                    _adopt(adopted, live, path)
        ground.api.apply(adopted, "kustomize-controller", force=True)


def argo_cd(ground: Ground, result: Result, _: Path) -> None:
    """A server-side apply with force; ignored differences get the live value (`RespectIgnoreDifferences`, 3.5)."""
    application = settings("Application")["spec"]
    options = application["syncPolicy"]["syncOptions"]
    assert "RespectIgnoreDifferences=true" in options
    for body in in_order(applied(result)):
        live = ground.api.find(path_of(body))
        target = copy.deepcopy(body)
        for rule in application["ignoreDifferences"]:
            group = body["apiVersion"].rpartition("/")[0]
            if live is not None and rule["kind"] == body["kind"] and rule["group"] == group:
                for path in rule["jsonPointers"]:
                    _adopt(target, live, path)
        ground.api.apply(target, "argocd-controller", force=True)


def _means(target: dict[str, Any], body: Object) -> bool:
    named = re.fullmatch(target.get("name", ".*"), body["metadata"]["name"])
    return re.fullmatch(target["kind"], body["kind"]) is not None and named is not None


def _adopt(body: Object, live: Object, pointer: str) -> None:
    """Put the live value at a JSON pointer into an object, or remove it if there is none."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.strip("/").split("/")]
    at, there = body, live
    for key in parents:
        at, there = at.setdefault(key, {}), there.get(key, {})
    if last in there:
        at[last] = there[last]
    else:
        at.pop(last, None)

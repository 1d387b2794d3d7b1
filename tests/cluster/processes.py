"""Jobs as real processes: what a kubelet would run in the containers of a pod, with programs of the test as images."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .api import Api, Object

__all__ = ["Exits", "environment", "runs"]

Exits = dict[str, int]
"""The exit status of each container that ran, in order: the first one that fails ends the pod."""

OURS = "mlspec"
"""The command of containers whose image is ours; they run the real program."""

AWAY = ("download", "diagnose", "promote")
"""Containers that ask a store, the process that measures, or a Git host. Other tests run these programs."""


def runs(api: Api, program: Path, folder: Path) -> Callable[[Object], Exits]:
    """Run all containers of a pod, one after another, with fresh volumes; `program` stands for the user's images."""

    def run(pod: Object) -> Exits:
        root, exits = folder / pod["metadata"]["name"], Exits()
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            if container["name"] in AWAY:
                continue
            paths = _mounted(api, pod, container, root)
            command = container.get("command", [])
            words = [sys.executable, "-m", *command] if command[:1] == [OURS] else [sys.executable, str(program)]
            own = {key: _inside(value, paths) for key, value in environment(pod, container).items()}
            own |= {"PATH": os.environ["PATH"], "TEST_FOLDER": str(folder)}
            done = subprocess.run(words, cwd=folder, env=own, check=False, timeout=60, capture_output=True)
            exits[container["name"]] = done.returncode
            if done.returncode != 0:
                break
        return exits

    return run


def environment(pod: Object, container: Object) -> dict[str, str]:
    """The variables of a container, with the references to its pod resolved, and without secrets."""
    found: dict[str, str] = {}
    for one in container.get("env", []):
        source = one.get("valueFrom", {})
        if "fieldRef" in source:
            found[one["name"]] = _field(pod, source["fieldRef"]["fieldPath"])
        elif "valueFrom" not in one:
            found[one["name"]] = one.get("value", "")
    return found


def _mounted(api: Api, pod: Object, container: Object, root: Path) -> dict[str, Path]:
    """The folders behind a container's mounts: those of the pod's volumes, with the files of ConfigMaps."""
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    paths: dict[str, Path] = {}
    for mount in container.get("volumeMounts", []):
        volume = root / mount["name"]
        place = volume / mount["subPath"] if "subPath" in mount else volume
        paths[mount["mountPath"]] = place
        place.mkdir(parents=True, exist_ok=True)
        config = volumes[mount["name"]].get("configMap")
        if config is not None:
            held = api.get(f"/api/v1/namespaces/{pod['metadata']['namespace']}/configmaps/{config['name']}")
            for name, text in held["data"].items():
                (volume / name).write_text(text)
    return paths


def _inside(value: str, paths: dict[str, Path]) -> str:
    """A path in a container as a path of this machine."""
    for mount, place in paths.items():
        if value == mount or value.startswith(f"{mount}/"):
            return f"{place}{value[len(mount) :]}"
    return value


def _field(pod: Object, path: str) -> str:
    """A value of the downward API, such as `metadata.labels['a']` or `spec.nodeName`."""
    at = pod
    for key, quoted in re.findall(r"([A-Za-z]+)|\['([^']+)'\]", path):
        at = at[key or quoted]
    return str(at)

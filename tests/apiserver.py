"""An API server in memory: server-side apply with owners, dry runs, conflicts, and refusals.

Good enough for the order of requests, what is sent, and what comes back. It fills in no defaults and validates nothing.
What it says is worded as Kubernetes 1.36 does; `tests/cluster` asks the real one.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from mlspec.terminal.cluster.access import Object, RefusedError
from mlspec.terminal.cluster.order import KINDS

__all__ = ["ApiServer"]

PLURALS = {kind: re.sub(r"ys$", "ies", f"{kind.lower()}s") for _, kind in KINDS}
PLURALS |= {"ReplicaSet": "replicasets", "AnalysisRun": "analysisruns"}
ATOMIC = {"selector", "rules"}

Path = tuple[str, ...]


class ApiServer:
    """Objects by kind and name, in one namespace."""

    def __init__(self, namespace: str, *, missing: str | None = None) -> None:
        self.namespace = namespace
        self.missing = missing
        """A group and version that it does not serve."""
        self.warnings: list[str] = []
        self.objects: dict[str, Object] = {}
        self.applied: list[str] = []
        """What was applied, in order."""
        self.tried: list[str] = []
        """What was applied in a dry run, in order."""
        self.refusals: dict[str, RefusedError] = {}
        self.before: Callable[[str], None] = lambda _: None
        """Runs before each real apply, as another client's request would."""
        self.after: Callable[[Object], None] = lambda _: None
        """Runs after each real apply with the stored object, as a controller would."""
        self._version = 100

    def request(self, method: str, path: str, body: Object | None = None, **query: str) -> Object:
        """Answer a request as an API server would."""
        words = path.strip("/").split("/")
        deep = 2 if words[0] == "api" else 3
        if len(words) == deep:
            return self._kinds("/".join(words[1:]))
        assert words[deep] == "namespaces"
        namespace, plural, *name = words[deep + 1 :]
        kind = next(kind for kind, known in PLURALS.items() if known == plural)
        if not name:
            return {"items": list(self._selected(kind, query["labelSelector"]))}
        at = f"{kind}/{name[0]}"
        if method == "GET":
            if namespace != self.namespace or at not in self.objects:
                raise RefusedError(404, f'{plural} "{name[0]}" not found', {"kind": plural, "name": name[0]})
            return copy.deepcopy(self.objects[at])
        assert (method, query["fieldManager"], query["fieldValidation"]) == ("PATCH", "mlspec", "Strict")
        assert body is not None
        if namespace != self.namespace:
            details = {"kind": "namespaces", "name": namespace}
            raise RefusedError(404, f'namespaces "{namespace}" not found', details)
        return self._apply(at, body, query)

    def update(self, at: str, manager: str, path: Path, value: Any) -> None:
        """Change one field as a controller does, which takes the field from all others."""
        live = self.objects[at]
        place = live
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = copy.deepcopy(value)
        owners = _owners(live)
        for paths in owners.values():
            paths -= {one for one in paths if one[: len(path)] == path}
        owners.setdefault((manager, "Update"), set()).add(path)
        self._store(at, live, owners)

    def status(self, at: str, **status: Any) -> None:
        """Set the status of an object."""
        self.objects[at]["status"] = status
        self._version += 1
        self.objects[at]["metadata"]["resourceVersion"] = str(self._version)

    def _kinds(self, version: str) -> Object:
        if version == self.missing:
            raise RefusedError(404, "the server could not find the requested resource")
        return {
            "resources": [
                {"kind": kind, "name": plural, "namespaced": True}
                for kind, plural in PLURALS.items()
                if (version, kind) in KINDS or kind in ("ReplicaSet", "AnalysisRun")
            ]
        }

    def _selected(self, kind: str, selector: str) -> Iterator[Object]:
        wanted = dict(part.split("=") for part in selector.split(","))
        for body in self.objects.values():
            if body["kind"] == kind and wanted.items() <= body["metadata"].get("labels", {}).items():
                yield {key: value for key, value in copy.deepcopy(body).items() if key not in ("kind", "apiVersion")}

    def _apply(self, at: str, sent: Object, query: dict[str, str]) -> Object:
        dry = query.get("dryRun") == "All"
        if not dry:
            self.before(at)
        if at in self.refusals:
            raise self.refusals[at]
        live = copy.deepcopy(self.objects.get(at, {}))
        expected = sent["metadata"].get("resourceVersion")
        if expected is not None and expected != live["metadata"]["resourceVersion"]:
            raise RefusedError(409, "the object has been modified", {"name": at})
        body = copy.deepcopy(sent)
        body["metadata"].pop("resourceVersion", None)
        owners = _owners(live)
        wanted = dict(_leaves(body))
        taken = [
            (path, manager)
            for (manager, how), paths in owners.items()
            for path in paths & wanted.keys()
            if (manager, how) != ("mlspec", "Apply") and _at(live, path) != wanted[path]
        ]
        if taken and query.get("force") != "true":
            causes = [
                {
                    "reason": "FieldManagerConflict",
                    "message": f'conflict with "{manager}" using v1',
                    "field": "." + ".".join(path),
                }
                for path, manager in taken
            ]
            raise RefusedError(409, f"Apply failed with {len(taken)} conflicts", {"causes": causes})
        for path, _ in taken:
            for paths in owners.values():
                paths.discard(path)
        dropped = owners.get(("mlspec", "Apply"), set()) - wanted.keys()
        owners["mlspec", "Apply"] = set(wanted)
        for path in dropped:
            if not any(path in paths for paths in owners.values()):
                del _parent(live, path)[path[-1]]
        for path, value in wanted.items():
            _parent(live, path)[path[-1]] = copy.deepcopy(value)
        if dry:
            self.tried.append(at)
            return _managed(live, owners)
        self.applied.append(at)
        self._store(at, live, owners)
        self.after(self.objects[at])
        return copy.deepcopy(self.objects[at])

    def _store(self, at: str, live: Object, owners: dict[tuple[str, str], set[Path]]) -> None:
        made, before = _managed(live, owners), self.objects.get(at)
        if before is None or made != before:
            self._version += 1
            made["metadata"]["resourceVersion"] = str(self._version)
        if before is None or made.get("spec") != before.get("spec"):
            made["metadata"]["generation"] = (before or made)["metadata"].get("generation", 0) + 1
        self.objects[at] = made


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every field that has one owner; lists and selectors have one as a whole."""
    if isinstance(value, dict) and value and not (path and path[0] == "spec" and path[-1] in ATOMIC):
        for key, child in value.items():
            yield from _leaves(child, (*path, key))
    else:
        yield path, value


def _at(body: Object, path: Path) -> Any:
    value: Any = body
    for step in path:
        value = value.get(step, {})
    return value


def _parent(body: Object, path: Path) -> Object:
    for step in path[:-1]:
        body = body.setdefault(step, {})
    return body


def _owners(live: Object) -> dict[tuple[str, str], set[Path]]:
    """The fields of each manager, from `metadata.managedFields`."""
    return {
        (entry["manager"], entry["operation"]): {tuple(path) for path in _fields(entry["fieldsV1"])}
        for entry in live.get("metadata", {}).get("managedFields", [])
    }


def _fields(fields: Object, path: Path = ()) -> Iterator[Path]:
    for key, child in fields.items():
        at = (*path, key.removeprefix("f:"))
        yield from _fields(child, at) if child else [at]


def _managed(live: Object, owners: dict[tuple[str, str], set[Path]]) -> Object:
    """The object with its managers."""
    entries = []
    for (manager, operation), paths in owners.items():
        fields: Object = {}
        for path in sorted(paths):
            _parent(fields, tuple(f"f:{step}" for step in path))[f"f:{path[-1]}"] = {}
        entries.append({"manager": manager, "operation": operation, "fieldsV1": fields})
    made = copy.deepcopy(live)
    made["metadata"]["managedFields"] = entries
    return made

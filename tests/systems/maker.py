"""What every part of a generated system shares: chance, the names that are declared so far, and plausible values."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

import yaml

from mlspec.compiler.catalog import load as catalog
from mlspec.compiler.language import OBJECTS, Kind
from mlspec.schema.scalars import SCALARS
from mlspec.schema.units import Memory

from ..hostile import INJECTED
from ..shapes import Shape, readable
from ..support import ROOT

T = TypeVar("T")

__all__ = ["DIGEST", "Maker", "cataloged", "members"]

DIGEST = "sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd"

_TEXTS = {
    "duration": ("30s", "5m", "1h", "12h", "1d", "7d"),
    "positive-duration": ("30s", "5m", "1h", "12h", "1d", "7d"),
    "bounded-duration": ("30s", "5m", "1h"),
    "wait": ("0s", "30s", "5m"),
    "interval": ("15s", "30s", "5m", "1h"),
    "rate": ("1/s", "120/m", "40/s"),
    "percent": ("1%", "5%", "20%", "50%", "99.5%"),
    "share": ("5%", "50%", "99.5%"),
    "chance": ("1%", "5%", "50%"),
    "memory": ("64Mi", "512Mi", "2Gi", "1G"),
    "cores": ("1", "2", "500m", "1.5"),
    "count": ("1000", "20k", "3M"),
    "positive-count": ("1000", "20k", "3M"),
    "text": ("payments", "Orders what stores will sell.", "2026-11", "ümläut"),
    "uri": ("s3://bucket/path", "https://data.example.com/file"),
    "dated-uri": ("s3://bucket/{date}/", "s3://bucket/{run}/", "gs://bucket/path"),
    "image": (f"registry.example.com/team/image:1.4@{DIGEST}", f"docker.io/team/other@{DIGEST}"),
    "cron": ("0 3 * * 1", "30 4 1 * *", "@weekly"),
    "metric": ("own-score",),
    "object-name": ("payments", "team.payments"),
    "host": ("scores.internal.example.com", "ml.example.org"),
    "label-key": ("team", "example.com/cost-center"),
    "label-value": ("payments", "a_b.c", ""),
    "env-name": ("LOG_LEVEL", "OMP_NUM_THREADS"),
    "timestamp": ("2026-11-02T04:12:00Z", "2025-02-28T23:59:59Z"),
}
"""What is said in the places whose meaning nothing else depends on; of other kinds their own examples are."""

_EXTREMES = {
    "duration": ("0s", "1us", "1ms", "52w", "0.5s"),
    "positive-duration": ("1us", "1ms", "52w", "0.5s"),
    "bounded-duration": ("0s", "1us", "365d", "0.5s"),
    "wait": ("0s", "1ms", "52w", "0.5s"),
    "interval": ("1ms", "52w", "0.001m"),
    "rate": ("0/s", "0.01/d", "100000/s"),
    "percent": ("0%", "0.001%", "100%"),
    "share": ("0.001%", "100%"),
    "chance": ("0.001%", "99.999%"),
    "memory": ("0Mi", "1k", "3.5T"),
    "cores": ("1m", "96"),
    "count": ("0", "1", "900B"),
    "positive-count": ("1", "900B"),
    "label-value": ("x" * 63, "0", "true"),
    "identifier": ("_", "x" * 128, "null"),
    "name": ("x" * 63, "y", "null"),
    "cron": ("* * * * *", "0 0 29 2 *", "@yearly"),
    "text": tuple(text for text in INJECTED if text.isprintable() and len(text) < 100),
}
"""Rare but valid values: the ends of ranges, and texts with a meaning in other languages."""


_READERS = {"s3": ("to-s3",), "gs": ("to-gcs",), "azure": ("to-azure",), "kafka": ("to-kafka",), "oci": ("to-oci",)}
_WEB = ("to-http", "to-huggingface", "to-tracking")
"""The accesses that read each store, by the scheme of its URIs."""


def _runnable(made: dict[str, Any], probe: bool) -> dict[str, Any]:
    """With a command whose first word can be a program. A probe with one asks no port."""
    made["command"] = ["run", *made["command"][1:]]
    return {key: value for key, value in made.items() if not probe or key in ("command", "timeout")}


def _expected(column: dict[str, Any]) -> None:
    """Only what values of its type can meet."""
    dtype = column["dtype"]
    listed = "true" if dtype == "bool" else "7" if dtype.startswith(("int", "uint", "float", "bfloat")) else None
    if listed in (None, "true"):
        column.pop("min", None)
        column.pop("max", None)
    if column.get("nullable") is False:
        column.pop("nullShare", None)
    values = column.get("values", {})
    if values.get("oneOf"):
        values["oneOf"] = [listed] if listed is not None else values["oneOf"]
        values.pop("max", None)


class Maker(Shape):
    """One system in the making."""

    def __init__(self, chance: random.Random) -> None:
        self.whole = cataloged("accelerators")
        self.devices = {**self.whole, **cataloged("slices")}
        self.declared: dict[str, list[str]] = {
            "runtimes": list(catalog.runtime_names()),
            "accelerators": list(self.devices),
            "algorithms": list(cataloged("algorithms")),
            "approaches": list(cataloged("approaches")),
            "clouds": list(cataloged("clouds")),
            "families": list(cataloged("families")),
            "tests": list(cataloged("rubric")["tests"]),
            "time-zones": ["UTC", "Europe/Berlin", "America/St_Johns"],
            "metrics": list(cataloged("metrics")),
            "rivals": ["champion", "naive", "human"],
            **{f"{one}-providers": list(catalog.providers(one)) for one in OBJECTS["Providers"]},
        }
        super().__init__(chance, self.declared)
        self.odd = chance.choice((0, 0, 0.02, 0.2))
        self.fullness = chance.choice((0.1, 0.3, 0.5, 0.8))
        self.access: dict[str, dict[str, Any]] = {}
        self.account = self.maybe(0.5)
        self.labels: str | None = None
        """The source of the labels, if a process in a pod can read it."""
        self.trains = self.maybe(0.5)
        self.rises = self.pick(members("CustomMetric", "direction"))
        """Whether more of the system's own metric is better."""
        self.seen = self.pick((None, None, None, *members("Constraints", "interpretability")))
        """What people must see of how models reach their answers."""
        self.lenient = self.maybe(0.3)
        self.kubernetes = self.pick(members("Platform", "kubernetes"))
        self.orchestration = ("cronjob", "argo-workflows")[int(self.kubernetes[-1]) % 2]
        self.cloud = self.pick(self.declared["clouds"])
        self.issuers = tuple(cataloged("clouds")[self.cloud].get("identities", _IDENTITIES))
        """Whose identities pods can have."""
        self.identity = self.pick((None, *(_IDENTITIES[name] for name in self.issuers)))
        self.users = self.pick((None, *members("PodSecurity", "users")))
        self.assigned = self.users == "cluster" or (self.users is None and self.cloud == "openshift")
        """Whether the cluster chooses the users of pods."""
        self.rollouts = self.pick(self.declared["rollout-providers"])
        self.scaler = self.pick(self.declared["autoscaling-providers"])
        self.mirroring = self.pick(members("Gateway", "mirroring"))
        self.gateway = self.pick(self.declared["gateway-providers"])
        self.behind = cataloged(f"providers/gateway/{self.gateway}")
        self.waits = self.maybe(0.3)
        self.network = self.maybe(0.7)
        self.shadows = self.mirroring != "none" and self.maybe(0.5)
        routed = self.rollouts != "none" or self.shadows
        self.traffic = "gateway-api" if routed else self.pick(self.declared["traffic-providers"])
        self.canaries = self.rollouts != "none" and (not self.shadows or self.maybe(0.8))
        self.runtimes: dict[str, Any] = {}
        self.format = ""
        """The format of the release that was made last."""
        self.accelerators: dict[str, Any] = {}
        self.families: dict[str, Any] = {}
        self.called: str | None = None
        """The online service that others may call."""

    def share(self, depth: int) -> float:  # noqa: ARG002 - all of a system is as full as the rest of it
        return self.fullness

    def maybe(self, share: float) -> bool:
        """Yes, so often."""
        return self.chance.random() < share

    def some(self, among: Iterable[T], most: int = 3) -> list[T]:
        """A few of them, in their order."""
        known = list(among)
        kept = set(self.chance.sample(known, self.chance.randint(1, min(most, len(known)))))
        return [name for name in known if name in kept]

    def free(self, type_name: str, /, **given: Any) -> dict[str, Any]:
        """An object. Only the given fields depend on others; `from_` stands for `from`."""
        return self.object(type_name, 0, {key.rstrip("_"): value for key, value in given.items()})

    def object(self, name: str, depth: int = 0, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        made = super().object(name, depth, given)
        if name == "Toleration" and "value" in made:
            made["operator"] = "Equal"  # no pod may have a value and `Exists`
        if name == "Scheduling":
            self._placeable(made)
        if name == "Column":
            _expected(made)
        if made.get("command"):
            made = _runnable(made, name == "Probe")
        if name == "ShadowStage" and "duration" in made:
            made["duration"] = "12h" if made["duration"].endswith("s") else "36h"  # longer than any model loads
        if name == "BusinessMetric" and {"today", "target"} <= made.keys():
            low, high = sorted((made["today"], made["target"]), key=float)
            rises = made["direction"] == "increase"
            made["today"], made["target"] = (low, high) if rises else (high, low)
        if name == "HumanPerformance":
            made["value"] = self.reached(made["metric"])
        if "uri" in made and made.get("access") not in _READERS.get(str(made["uri"]).partition(":")[0], _WEB):
            made.pop("access", None)  # it opens a port, or is for another store
        if self.assigned:
            made.pop("user", None)
        if isinstance(made.get("writable"), list):
            made["writable"] = ["/var/cache", "/scratch"][: len(made["writable"])]  # nor two mounts at one path
        if "workerMemory" not in made:
            made.pop("workerBatches", None)  # it says how many workers there are, which only their memory needs
        if "scratch" not in made:
            made.pop("unpacks", None)  # it says what counts twice, which only a limit needs
        return made

    def _placeable(self, made: dict[str, Any]) -> None:
        """Somewhere that nodes can be: with one value of each label, and on spot nodes only if the cloud has some."""
        if "nodeSelector" in made:
            made["nodeSelector"] = dict.fromkeys(made["nodeSelector"], "general")
        for label in made.get("nodeAffinity", ()):
            label["values"] = ["general", "other"]
        if made.get("spot") and "nodeSelector" not in cataloged("clouds")[self.cloud].get("spot", {}):
            made["spot"] = False

    def entry(self, key: str, kind: Kind, depth: int) -> Any:
        return self.reached(key) if kind[2:] == ("metric", "metrics") else super().entry(key, kind, depth)

    def reached(self, metric: str) -> float:
        """A value that a metric can have."""
        known = cataloged("metrics").get(metric.partition("@")[0], {})
        low = known.get("min", 0)
        return round(self.chance.uniform(low, known.get("max", low + 1)), 3)

    def texts(self, name: str) -> Iterable[str]:
        if name in _EXTREMES and self.maybe(self.odd):
            # Argo Workflows would replace what is in braces, so mlspec refuses it there
            braces = self.orchestration == "argo-workflows"
            return [one for one in _EXTREMES[name] if not (braces and "{{" in one)]
        return _TEXTS.get(name) or readable(name, (), ())

    def declare(self, collection: str, *names: str) -> None:
        """Let names be used from now on."""
        self.declared.setdefault(collection, []).extend(names)

    def accelerator(self, memory: str = "1Gi", *, vendors: str = "") -> str:
        """One with so much memory that the cloud has, or one that the platform describes. An image may be built for the
        devices of one vendor.
        """
        known = [
            name
            for name, entry in self.devices.items()
            if "price" in entry
            and self.cloud in entry["selectors"]
            and entry.get("resource", "nvidia.com/gpu").startswith(vendors)
            and Memory.parse(entry["memory"]) >= Memory.parse(memory)
        ]
        if known and self.maybe(0.7):
            return self.pick(known)
        self.accelerators["own-device"] = self.free(
            "Accelerator",
            resource=self.pick((None, "nvidia.com/gpu")),
            resources={self.cloud: "nvidia.com/gpu"} if self.maybe(0.3) else None,
            memory="80Gi",
            bfloat16=self.pick((None, True)),
            bandwidth="2 TB/s",
            price="2.5 USD/h",
            nodeSelector={"example.com/device": "own"},
        )
        return "own-device"

    def use(self, kind: str) -> str:
        """The system's access of a kind; there is one of each, as a pod cannot have two of one variable."""
        name = f"to-{kind}"
        if name not in self.access:
            self.access[name] = self._access(kind)
            self.declare("access", name)
        return name

    def _access(self, kind: str) -> dict[str, Any]:
        """By a Secret, or by an account of the system and the identity that it stands for."""
        type_name = next(name for name in OBJECTS if members(name, "kind") == (kind,))
        mechanisms = members(type_name, "mechanism")
        by_account = self.account and (kind in _OF_TRAINING or not self.trains)
        by_account = by_account and _OWNERS.get(kind, self.issuers[0]) in self.issuers
        return self.free(
            type_name,
            kind=kind,
            **({"mechanism": self.pick(mechanisms)} if mechanisms else {}),
            serviceAccount="its-account" if by_account else None,
            identity=self.identity if by_account else None,
            secret=None if by_account and kind != "git" else f"{kind}-credentials",
            keys={f"{kind.upper()}_{'TOKEN' if kind == 'git' else 'KEY'}": "key"}
            if (kind == "git" or not by_account) and self._renames(kind)
            else None,
            **self._address(kind),
        )

    def _renames(self, kind: str) -> bool:
        """Whether an access says which variables it sets; some kinds have none by themselves."""
        return kind in ("tcp", "service") or (kind != "oci" and self.maybe(0.5))

    def _address(self, kind: str) -> dict[str, Any]:
        """Where a server is. Labels select pods of a namespace that is known."""
        if kind == "tracking":
            return {"url": "http://mlflow.mlops:5000"}
        if kind == "service":
            return {"service": self.called}
        if kind == "git":
            return dict.fromkeys(("forge", "url", "api"))  # only a promotion needs them
        if kind != "tcp":
            return {}
        namespace = self.pick((None, "cache"))
        pods = {"app": "redis"} if namespace is not None and self.maybe(0.5) else None
        ports = self.pick(([6379], [443, 8443]))
        return {"host": "redis.example.com", "ports": ports, "namespace": namespace, "pods": pods}

    def uses(self, *kinds: str, calls: bool) -> list[str] | None:
        """Accesses at run time; `calls` is whether it may call a service of the same system."""
        able = [*kinds, "tcp", *(["service"] if calls and self.called is not None else [])]
        return [self.use(kind) for kind in self.some(able, 2)] if self.maybe(0.25) else None


_OF_TRAINING = ("kafka", "tracking", "git")
"""What only training reaches: it has an account of its own, so that no service's stands for another identity."""

_OWNERS = {"s3": "aws", "gcs": "google", "azure": "azure"}
"""Whose identities open a store."""

_IDENTITIES = {
    "aws": "arn:aws:iam::123456789012:role/models",
    "google": "models@example-ml.iam.gserviceaccount.com",
    "azure": "8d3f1c2a-0b1e-4c5d-9a7f-112233445566",
}


def members(type_name: str, key: str) -> tuple[Any, ...]:
    """The words that a field may be."""
    entry = OBJECTS[type_name].get(key)
    return entry[2][1] if entry is not None and entry[2][0] == "enum" else ()


@cache
def cataloged(name: str) -> dict[str, Any]:
    """A file of the catalog, such as `runtimes/triton`."""
    facts: dict[str, Any] = yaml.safe_load((ROOT / "compiler" / "catalog" / f"{name}.yaml").read_text())
    return facts


assert set(_TEXTS) <= set(SCALARS)

"""Systems that mean something: drawn from the language, with regard to what its parts mean together.

A system is made of pieces that fit: a runtime with a format that it loads and bounds that it measures, a split that
heeds the time and the entities of its data, gates on what is known. Whatever depends on nothing else is drawn from the
table of the language, so that a new field or a new word is drawn as soon as it is there; if it depends on others, fewer
systems are accepted, and a piece here has to learn it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from . import models, runtimes, serving
from .data import SEGMENT, data, features
from .maker import Maker, members
from .platform import RECEIVERS, alerts, platform, platform_file
from .release import monitoring, rollout, success, triggers
from .training import evaluation, retraining, training

__all__ = ["Files", "generated"]

Files = dict[str, dict[str, Any]]
"""The files of a system by their paths."""

_METRICS = {"forecasting": ("wape", 0.4, 0.2), "regression": ("rmse", 9.0, 4.0)}
"""The metric of a task, what a baseline reaches and what a model does."""

_NAMES = ("alpha", "b", "scorer-of-payments-by-card-in-shops")
_SINGULAR = {"models": "model", "releases": "release", "services": "serving"}


_BOUNDS = {
    "budget": "90000000000 USD/month",
    "maxReplicas": 900,
    "maxLag": "5m",
    "rate": "100/s",
}


_TIMES = {"latency": "latency", "firstToken": "first-token", "interToken": "inter-token"}
_ALERTED = {"p95", "p99", "p999"}
"""The bounds that become objectives, and what they are called."""


_OF_LANGUAGE = ("hf", "hf", "s3", "oci")
"""Where language models are: mostly on the hub."""


def generated(seed: int) -> Files:
    """The files of one system; the same for the same seed."""
    return _System(Maker(random.Random(seed))).files()


class _System:
    """The order in which pieces are drawn: what is named comes before what names it."""

    def __init__(self, maker: Maker) -> None:
        self.maker = maker
        self.name = maker.pick(_NAMES)
        self.task = maker.pick(members("Problem", "task"))
        self.metric, self.worse, self.better = _METRICS.get(self.task, ("roc_auc", 0.7, 0.9))
        self.kind = maker.pick(("online", "online", "online", "language", "language", "batch"))
        self.online = self.kind != "batch"
        maker.shadows = maker.shadows and self.online
        self.trains = self.kind != "language" and maker.trains
        maker.declare("models", self.name)
        maker.declare("services", self.name)
        self.facts: Mapping[str, Any] = {}
        self.spec: dict[str, Any] = {"constraints": {}, "models": {}, "releases": {}, "services": {}}

    def files(self) -> Files:
        """All of it."""
        maker, spec = self.maker, self.spec
        searches = self.trains and maker.maybe(0.6)
        if self.trains:
            spec["data"] = data(maker, self.task)
            spec["features"] = features(maker) if maker.maybe(0.5) else None
        self._serve()
        if self.trains:
            spec["training"] = training(maker, searches=searches)
            own = "own-score" if maker.maybe(0.3) else None
            if own is not None:
                spec["metrics"] = {
                    own: maker.free(
                        "CustomMetric",
                        direction=maker.rises,
                        query=maker.pick((None, "sum(own_score)")),
                        min=maker.pick((None, -1)),
                        max=maker.pick((None, 1)),
                    )
                }
            spec["evaluation"] = evaluation(maker, self.metric, self.worse, own)
            spec["retraining"] = retraining(maker, spec["training"]) if maker.maybe(0.5) else None
        if self.online and (maker.shadows or not maker.canaries or maker.maybe(0.6)):
            spec["rollout"] = rollout(maker, self._objectives(), labeled=self.trains)
        if not self._judged():
            maker.labels = None
        spec["monitoring"] = monitoring(
            maker,
            self._objectives(),
            self.metric,
            self.worse,
            online=self.online,
            bounded=self.trains,
            recorded=self._recorded() if self.online else None,
        )
        if spec.get("retraining"):
            chosen = triggers(maker, spec["monitoring"], self.metric)
            spec["retraining"] |= {"triggers": chosen} if chosen else {}
        reached = (self.metric, self.worse)
        spec["success"] = success(maker, *reached, bounded=self.trains) if maker.maybe(0.3) else None
        spec["problem"] = maker.free("Problem", task=self.task)
        spec["metadata"] = maker.free("Metadata", name=self.name, owner=maker.pick(RECEIVERS))
        return self._written()

    def _judged(self) -> bool:
        """Whether the main model has an output that can be compared with labels: one value for each request."""
        signature = self.spec["models"][self.name].get("signature") or {}
        shapes = [output.get("shape") or [] for output in signature.get("outputs", [])]
        rows = [shape[1:] if shape[:1] == [-1] else shape for shape in shapes]
        return any(all(size == 1 for size in shape) for shape in rows)

    def _recorded(self) -> tuple[str, list[str]]:
        """The main service, and what in its pods can record its predictions."""
        service, model = self.spec["services"][self.name], self.spec["models"][self.name]
        described = bool(model.get("signature") or model.get("llm"))
        readable = described and service.get("protocol") != "grpc" and "bodies" in self.facts
        return self.name, [*(["sidecar"] if readable else []), *(["runtime"] if "capture" in self.facts else [])]

    def _written(self) -> Files:
        """Spec, platform and release files."""
        maker, spec = self.maker, self.spec
        environments, clusters, inline = self._environments()
        files: Files = {}
        for name in () if inline else environments:
            body = {"apiVersion": "mlspec/v1", "kind": "Release", "system": self.name, "environment": name}
            files[f"releases/{name}.yaml"] = {**body, "releases": spec["releases"]}
        made = {
            **dict.fromkeys(("metrics", "data", "features", "training", "evaluation", "retraining", "rollout")),
            **spec,
            "access": maker.access or None,
            "environments": environments or None,
            "platform": self._own_platform(),
            "patches": self._patches(),
            "releases": spec["releases"] if inline else None,
        }
        whole = platform(maker, online=self.online)
        files["mlspec.yaml"] = _short(maker, maker.free("MLSystem", apiVersion="mlspec/v1", kind="MLSystem", **made))
        files["mlspec.platform.yaml"] = platform_file(maker, whole, clusters)
        return files

    def _environments(self) -> tuple[dict[str, Any], list[str], bool]:
        """Environments, one with training; their clusters; and whether releases are written in the spec."""
        maker = self.maker
        if maker.maybe(0.4):
            return {}, [], True
        clusters = ["east"] if maker.maybe(0.3) else []
        maker.declare("clusters", *clusters)
        everything = ["serving", "monitoring", *(["training"] if self.trains else [])]
        made = {"production": maker.free("Environment", runs=everything, spec=self._overlay())}
        if maker.maybe(0.5):
            own = {"services": {**self._hosts("staging"), **self._outputs("staging")}}
            overlay = _recorded_apart({**(self._overlay() or {}), **(own if own["services"] else {})}, self.spec)
            made["staging"] = maker.free(
                "Environment", namespace="test", runs=["serving", "monitoring"], spec=overlay or None
            )
        return made, clusters, maker.maybe(0.5)

    def _hosts(self, environment: str) -> dict[str, Any]:
        """Hosts of its own for an environment that may share a cluster with another."""
        named = {name for name, one in self.spec["services"].items() if (one.get("endpoint") or {}).get("hosts")}
        return {
            name: {"mode": "online", "endpoint": {"hosts": [f"{environment}.{name}.example.com"]}}
            for name in sorted(named)
        }

    def _outputs(self, environment: str) -> dict[str, Any]:
        """Folders of its own for the scores of an environment."""
        batch = {name for name, one in self.spec["services"].items() if one.get("mode") == "batch"}
        return {
            name: {"mode": "batch", "output": {"uri": f"s3://{environment}/scores/{name}/{{date}}/"}}
            for name in sorted(batch)
        }

    def _overlay(self) -> dict[str, Any] | None:
        """What one environment has otherwise."""
        maker = self.maker
        overlays: list[dict[str, Any] | None] = [None, {"monitoring": {"alerts": alerts(maker)}}]
        if self.online:
            overlays += [{"rollout": {"keepVersions": 2}}, {"platform": {"gateway": {"listener": "https"}}}]
        return maker.pick(overlays)

    def _own_platform(self) -> dict[str, Any] | None:
        """What one system has otherwise than others."""
        routed = self.online and self.maker.traffic != "none"
        if not routed or self.maker.maybe(0.8):
            return None
        return {"gateway": {"name": "own-gateway", "namespace": "gateways"}}

    def _patches(self) -> list[dict[str, Any]] | None:
        """A change of an object that is there."""
        if not self.online or self.maker.maybe(0.8):
            return None
        target = {"kind": "Service", "name": self.name}
        return [self.maker.free("Patch", target=target, patch={"spec": {"internalTrafficPolicy": "Local"}})]

    def _serve(self) -> None:
        """A version, its model and its service, and perhaps another service of them."""
        maker, name, server = self.maker, self.name, None
        if self.online:
            server = runtimes.runtime(maker, language=self.kind == "language")
            self.facts = server.facts
        formats = server.formats if server is not None else members("Artifact", "format")
        schemes = [scheme for scheme in models.SCHEMES if scheme != "hf"] if self.kind != "language" else _OF_LANGUAGE
        self.spec["releases"][name] = models.release(maker, formats, schemes, {self.metric: self.better})
        self.spec["models"][name] = self._model(server)
        self.spec["services"][name] = self._service(server)
        maker.called = name if self.online else None
        self._beside()
        allowed = [*maker.declared["accelerators"], *maker.accelerators]
        drawn = maker.free(
            "Constraints",
            **_BOUNDS,
            accelerators=maker.pick((None, allowed)),
            fairness=[self._fairness()] if self.trains and maker.maybe(0.4) else None,
            interpretability=None if self.kind == "language" and maker.seen == "reasons" else maker.seen,
        )
        told = (*_BOUNDS, "accelerators", "fairness", "interpretability")
        self.spec["constraints"] |= {key: drawn[key] for key in told if key in drawn}

    def _fairness(self) -> dict[str, Any]:
        """A bound on the gap between the groups that gates judge, too."""
        return self.maker.free("FairnessBound", metric=self.metric, between=SEGMENT, maxGap="0.5")

    def _model(self, server: runtimes.Runtime | None) -> dict[str, Any]:
        maker, known, setup = self.maker, None, server.setup if server is not None else "none"
        if self.kind == "language":
            return models.language_model(maker, setup)
        if self.trains or maker.maybe(0.3):
            known = models.candidates(maker, self.metric, self.worse, self.better)
        return models.model(maker, setup, trained=self.trains, known=known)

    def _service(self, server: runtimes.Runtime | None) -> dict[str, Any]:
        maker, constraints = self.maker, self.spec["constraints"]
        if server is None:
            made = serving.batch(maker, None)
            constraints |= {} if "constraints" in made else {"deadline": "2h", "items": "3M"}
            return made
        if server.counts_errors:
            constraints["availability"] = maker.pick(("99%", "99.5%", "99.9%"))
        if self.kind == "language":
            return serving.language_service(maker, server, self.name, constraints)
        return serving.online(maker, server, self.name, constraints)

    def _beside(self) -> None:
        """A second service: of the same model by another mode, or of a second model."""
        maker, others = self.maker, {"nightly": serving.batch, "stream": serving.streaming, "devices": serving.edge}
        if not maker.maybe(0.4):
            return
        name = maker.pick((*others, "second")) if self.kind != "language" else "second"
        if name == "second":
            if not {"firstToken", "interToken"} & set(self.spec["constraints"]):  # only a language model has tokens
                self._second()
            return
        if name == "nightly" and not self.online:
            return
        self.spec["services"][name] = others[name](maker, self.name)

    def _objectives(self) -> set[str]:
        """What is promised of some service, and can be judged."""
        promised, online = set[str](), [one for one in self.spec["services"].values() if one["mode"] == "online"]
        for bounds in (self.spec["constraints"], *(one.get("constraints") or {} for one in online)):
            promised |= {"availability"} & set(bounds)
            for key, name in _TIMES.items():
                promised |= {f"{name}-{each}" for each in _ALERTED & set(bounds.get(key, ()))}
        return promised if online else set()

    def _second(self) -> None:
        """Another online service, with bounds of its own."""
        maker, own, name = self.maker, dict[str, Any](), "second"
        server = runtimes.runtime(maker, language=False, promised=self.spec["constraints"])
        schemes = [scheme for scheme in models.SCHEMES if scheme != "hf"]
        self.spec["models"][name] = models.model(maker, server.setup, trained=False, known=None)
        self.spec["releases"][name] = models.release(maker, server.formats, schemes, {self.metric: self.better})
        service = serving.online(maker, server, name, own)
        promised = {"availability": "99.5%"} if server.counts_errors else {}
        service["constraints"] = {**(service.get("constraints") or {}), **own, **promised}
        self.spec["services"][name] = service


def _short(maker: Maker, spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with its only model, version and service in their short forms."""
    if not maker.maybe(0.5):
        return spec
    short = {plural: one for plural, one in _SINGULAR.items() if len(spec.get(plural) or ()) == 1}
    return {short.get(key, key): next(iter(value.values())) if key in short else value for key, value in spec.items()}


def _recorded_apart(overlay: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """With a folder of its own for the predictions of one of two environments."""
    if not (spec["monitoring"] or {}).get("capture"):
        return overlay
    own = {"capture": {"to": "s3://feedback/predictions-of-staging"}}
    return {**overlay, "monitoring": {**overlay.get("monitoring", {}), **own}}

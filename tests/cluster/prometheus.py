"""A real Prometheus that finds its targets as the operator would let it.

The scrape configuration is made from the PodMonitors in the API server in the way the operator makes it
(`pkg/prometheus/promcfg.go`, `generatePodMonitorConfig`, 0.95), so that a wrong selector, port, or relabeling finds
nothing here as well. Debian builds Prometheus without the discovery of pods, so a thread writes what that would find to
a file (`discovery/kubernetes/pod.go`, 2.42), with all its labels. Scrapes go through the network's proxy. Rules come
from the PrometheusRules.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import urllib3
import yaml

from .api import Api, ApiError, Object
from .control_plane import ControlPlane, answers, free_port, wait
from .programs import debian

__all__ = ["Prometheus", "scrape_config"]

_META = "__meta_kubernetes_pod_"
_OWN = {"__meta_kubernetes_namespace": "namespace", f"{_META}container_name": "container", f"{_META}name": "pod"}


class Prometheus:
    """One server; `sync` reads the monitors and rules again."""

    def __init__(self, plane: ControlPlane, proxy: str, rollouts: str) -> None:
        self._plane = plane
        self._proxy = proxy
        self._rollouts = rollouts
        self._folder = plane.folder / "prometheus"
        self._end = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._discover, name="discovery")
        self.address = f"127.0.0.1:{free_port()}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._folder.mkdir()
        self._write(self._plane.api)
        flags = [f"--config.file={self._folder / 'prometheus.yaml'}", f"--web.listen-address={self.address}"]
        flags += [f"--storage.tsdb.path={self._folder / 'data'}", "--web.enable-lifecycle"]
        self._plane.run("prometheus", [debian("prometheus"), *flags], self._folder)
        wait(lambda: answers(f"http://{self.address}/-/ready"), "Prometheus")
        self._thread.start()

    def stop(self) -> None:
        """End the discovery; the server itself is a child of the control plane."""
        self._end.set()
        self._thread.join()

    def sync(self) -> None:
        """Take over the PodMonitors and PrometheusRules of all namespaces."""
        with self._writing:
            self._write(self._plane.api)
            answer = urllib3.request("POST", f"http://{self.address}/-/reload", timeout=60)  # on a loaded machine
        if answer.status != 200:
            raise ValueError(answer.data.decode())

    def query(self, text: str) -> list[tuple[dict[str, str], float]]:
        """The samples of an instant query."""
        answer = urllib3.request("GET", f"http://{self.address}/api/v1/query", fields={"query": text}).json()
        if answer["status"] != "success":
            raise ValueError(f"{text}: {answer['error']}")
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    def alerts(self) -> list[dict[str, Any]]:
        """The pending and firing alerts."""
        found: list[dict[str, Any]] = urllib3.request("GET", f"http://{self.address}/api/v1/alerts").json()["data"][
            "alerts"
        ]
        return found

    def targets(self) -> list[dict[str, Any]]:
        """The targets that it scrapes."""
        answer = urllib3.request("GET", f"http://{self.address}/api/v1/targets?state=active").json()
        found: list[dict[str, Any]] = answer["data"]["activeTargets"]
        return found

    def _write(self, api: Api) -> None:
        monitors = api.items("/apis/monitoring.coreos.com/v1/podmonitors")
        rules = api.items("/apis/monitoring.coreos.com/v1/prometheusrules")
        found = str(self._folder / "pods.json")
        jobs = [config for monitor in monitors for config in scrape_config(monitor, found, self._proxy)]
        itself = {"job_name": "prometheus", "static_configs": [{"targets": [self.address]}]}
        argo = {"job_name": "argo-rollouts-metrics", "static_configs": [{"targets": [self._rollouts]}]}
        config = {
            "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
            "rule_files": [str(self._folder / "rules.yaml")],
            "scrape_configs": [{**itself, "scrape_interval": "1s"}, argo, *jobs],
        }
        groups = [_group(rule, group) for rule in rules for group in rule["spec"]["groups"]]
        self._save("rules.yaml", {"groups": groups})
        self._save("prometheus.yaml", config)

    def _discover(self) -> None:
        api, before = self._plane.api, ""
        while not self._end.wait(1.0):
            try:
                text = json.dumps([target for pod in api.items("/api/v1/pods") for target in discovered(pod)])
            except (ApiError, urllib3.exceptions.HTTPError):
                continue  # the next second finds them
            if text != before:
                fresh = self._folder / "pods.json.new"
                fresh.write_text(text)
                fresh.replace(self._folder / "pods.json")
                before = text

    def _save(self, name: str, body: Object) -> None:
        (self._folder / name).write_text(yaml.safe_dump(body, sort_keys=False))


def _group(rule: Object, group: Object) -> Object:
    """A rule group under a name of its own, with the namespace on everything, as the operator enforces it nowhere."""
    meta = rule["metadata"]
    return {**group, "name": f"{meta['namespace']}-{meta['name']}-{group['name']}"}


def discovered(pod: Object) -> Iterator[Object]:
    """What the discovery of pods finds: a target for each container's port, with the labels to choose by."""
    meta, status = pod["metadata"], pod["status"]
    if "podIP" not in status:
        return
    labels = {
        "__meta_kubernetes_namespace": meta["namespace"],
        f"{_META}name": meta["name"],
        f"{_META}ip": status["podIP"],
        f"{_META}phase": status["phase"],
        f"{_META}node_name": pod["spec"]["nodeName"],
        f"{_META}uid": meta["uid"],
    }
    for key, value in meta.get("labels", {}).items():
        labels[f"{_META}label_{_safe(key)}"] = value
        labels[f"{_META}labelpresent_{_safe(key)}"] = "true"
    for key, value in meta.get("annotations", {}).items():
        labels[f"{_META}annotation_{_safe(key)}"] = value
        labels[f"{_META}annotationpresent_{_safe(key)}"] = "true"
    conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
    labels[f"{_META}ready"] = conditions.get("Ready", "unknown").lower()
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", []):
            own = {
                f"{_META}container_name": container["name"],
                f"{_META}container_image": container["image"],
                f"{_META}container_port_name": port.get("name", ""),
                f"{_META}container_port_number": str(port["containerPort"]),
                f"{_META}container_port_protocol": port.get("protocol", "TCP"),
            }
            yield {"targets": [f"{status['podIP']}:{port['containerPort']}"], "labels": {**labels, **own}}


def scrape_config(monitor: Object, found: str, proxy_url: str) -> list[Object]:
    """The scrape configurations of a PodMonitor, one for each endpoint; `found` is the file with all pods."""
    meta, spec = monitor["metadata"], monitor["spec"]
    configs = []
    for number, endpoint in enumerate(spec["podMetricsEndpoints"]):
        wanted = spec.get("namespaceSelector", {}).get("matchNames") or [meta["namespace"]]
        there = {"action": "keep", "source_labels": ["__meta_kubernetes_namespace"], "regex": "|".join(wanted)}
        config: Object = {
            "job_name": f"podMonitor/{meta['namespace']}/{meta['name']}/{number}",
            "honor_labels": endpoint.get("honorLabels", False),
            "scrape_interval": endpoint.get("interval", "15s"),
            "scrape_timeout": endpoint.get("scrapeTimeout", "10s"),
            "metrics_path": endpoint.get("path", "/metrics"),
            "scheme": endpoint.get("scheme", "http").lower(),
            "proxy_url": proxy_url,
            "file_sd_configs": [{"files": [found]}],
            "relabel_configs": [there, *_relabelings(meta, spec, endpoint)],
            "metric_relabel_configs": [_relabel(one) for one in endpoint.get("metricRelabelings", [])],
        }
        configs.append(config)
    return configs


def _relabelings(meta: Object, spec: Object, endpoint: Object) -> list[Object]:
    steps: list[Object] = [{"source_labels": ["job"], "target_label": "__tmp_prometheus_job_name"}]
    if endpoint.get("filterRunning", True):
        steps.append({"action": "drop", "source_labels": [f"{_META}phase"], "regex": "(Failed|Succeeded)"})
    for key, value in spec["selector"].get("matchLabels", {}).items():
        names = [f"{_META}label_{_safe(key)}", f"{_META}labelpresent_{_safe(key)}"]
        steps.append({"action": "keep", "source_labels": names, "regex": f"({re.escape(value)});true"})
    for one in spec["selector"].get("matchExpressions", []):
        steps.append(_expression(one))
    steps.append(_port(endpoint))
    for source, target in _OWN.items():
        steps.append({"source_labels": [source], "target_label": target})
    for label in spec.get("podTargetLabels", []):
        source = f"{_META}label_{_safe(label)}"
        steps.append({"source_labels": [source], "target_label": _safe(label), "regex": "(.+)", "replacement": "${1}"})
    steps.append({"target_label": "job", "replacement": f"{meta['namespace']}/{meta['name']}"})
    if "jobLabel" in spec:
        label = f"{_META}label_{_safe(spec['jobLabel'])}"
        steps.append({"source_labels": [label], "target_label": "job", "regex": "(.+)", "replacement": "${1}"})
    steps.append({"target_label": "endpoint", "replacement": str(endpoint.get("port") or endpoint.get("portNumber"))})
    steps += [_relabel(one) for one in endpoint.get("relabelings", [])]
    return steps


def _port(endpoint: Object) -> Object:
    if "port" in endpoint:
        return {"action": "keep", "source_labels": [f"{_META}container_port_name"], "regex": endpoint["port"]}
    number = str(endpoint["portNumber"])
    return {"action": "keep", "source_labels": [f"{_META}container_port_number"], "regex": number}


def _expression(one: Object) -> Object:
    label, present = f"{_META}label_{_safe(one['key'])}", f"{_META}labelpresent_{_safe(one['key'])}"
    values = "|".join(map(re.escape, one.get("values", [])))
    if one["operator"] == "In":
        return {"action": "keep", "source_labels": [label, present], "regex": f"({values});true"}
    if one["operator"] == "NotIn":
        return {"action": "drop", "source_labels": [label, present], "regex": f"({values});true"}
    action = "keep" if one["operator"] == "Exists" else "drop"
    return {"action": action, "source_labels": [present], "regex": "true"}


_RELABEL = {
    "sourceLabels": "source_labels",
    "separator": "separator",
    "targetLabel": "target_label",
    "regex": "regex",
    "modulus": "modulus",
    "replacement": "replacement",
    "action": "action",
}


def _relabel(one: Object) -> Object:
    """A relabeling of a monitor in the words of Prometheus."""
    named = {_RELABEL[key]: value for key, value in one.items()}
    return {**named, **({"action": named["action"].lower()} if "action" in named else {})}


def _safe(label: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", label)

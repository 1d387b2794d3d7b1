"""A Kubernetes control plane on loopback: etcd, API server, controller manager, scheduler, and Argo Rollouts.

Every program is a child of this process, gets free ports, writes its log into the ground's folder, and is ended by its
process id. Nothing waits by sleeping: each program is ready when it answers, or its deadline passes.
"""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import urllib3
import yaml

from .api import Api, ApiError, Object
from .programs import built, debian, generated_crds, module_folder

__all__ = ["ControlPlane", "free_port", "wait"]

TOKENS = {
    "admin": ("admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
}
"""The user and the group of each token; the token is its name."""

READY = 120.0
"""Seconds in which each program must answer."""


def wait(for_: Callable[[], bool], what: str, seconds: float = READY, every: float = 0.25) -> float:
    """Wait until a state is reached; returns how many seconds it took, and fails after the deadline."""
    begin = time.monotonic()
    while not for_():
        if time.monotonic() - begin > seconds:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(every)
    return time.monotonic() - begin


def free_port() -> int:
    """A port of loopback that nothing uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ControlPlane:
    """Starts with `start`, ends with `stop`; `api` is the administrator's access."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.url = f"https://127.0.0.1:{free_port()}"
        self.certificate = folder / "server.crt"
        self.key = folder / "server.key"
        self._accounts = folder / "accounts.key"

    @property
    def api(self) -> Api:
        """The administrator's access; each caller gets a client of its own."""
        return Api(self.url, self.certificate, "admin")

    def start(self) -> float:
        """Start everything but Argo Rollouts; returns the seconds until the API server and its controllers worked."""
        begin = time.monotonic()
        self._secrets()
        programs = built("kubernetes")
        etcd = self._etcd()
        self._api_server(programs / "kube-apiserver", etcd)
        for name, user in (("kube-controller-manager", "controllers"), ("kube-scheduler", "scheduler")):
            extra = (
                [
                    f"--service-account-private-key-file={self._accounts}",
                    f"--root-ca-file={self.certificate}",
                    "--use-service-account-credentials",
                ]
                if user == "controllers"
                else []
            )
            config, secure = self.kubeconfig(user), free_port()
            flags = [f"--kubeconfig={config}", "--bind-address=127.0.0.1", f"--secure-port={secure}"]
            self.run(name, [programs / name, *flags, "--leader-elect=false", *extra])
        accounts = "/api/v1/namespaces/default/serviceaccounts/default"
        wait(lambda: self.api.find(accounts) is not None, "the controller manager")
        return time.monotonic() - begin

    def define(self) -> None:
        """Install the custom resource definitions, and wait until the server serves them."""
        found = list(_definitions(self.folder / "crds"))
        for body in found:
            self.api.apply(body, force=True)
        for body in found:
            path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{body['metadata']['name']}"
            wait(lambda path=path: _established(self.api.get(path)), body["metadata"]["name"])  # type: ignore[misc]

    def argo_rollouts(self, environment: Mapping[str, str]) -> str:
        """Start the controller with the Gateway API plugin; returns the address of its metrics."""
        programs, api, metrics = built("rollouts"), self.api, free_port()
        place = programs / "gatewayapi"
        plugins = [{"name": "argoproj-labs/gatewayAPI", "location": f"file://{place}"}]
        for body in (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argo-rollouts"}},
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "argo-rollouts-config", "namespace": "argo-rollouts"},
                "data": {"trafficRouterPlugins": yaml.safe_dump(plugins)},
            },
        ):
            api.apply(body)
        config = self.kubeconfig("admin")
        flags = [f"--kubeconfig={config}", "--namespace=argo-rollouts", "--leader-elect=false", "--loglevel=info"]
        flags += [f"--metricsPort={metrics}", f"--healthzPort={free_port()}"]
        where = self.folder / "argo"
        where.mkdir()
        self.run(
            "rollouts-controller",
            [programs / "rollouts-controller", *flags],
            where,
            {"KUBECONFIG": str(config), **environment},
        )
        wait(lambda: answers(f"http://127.0.0.1:{metrics}/metrics"), "Argo Rollouts")
        return f"127.0.0.1:{metrics}"

    def kubeconfig(self, user: str) -> Path:
        """A file with a user's access."""
        path = self.folder / f"{user}.kubeconfig"
        certificate = base64.b64encode(self.certificate.read_bytes()).decode()
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "ground", "cluster": {"server": self.url, "certificate-authority-data": certificate}}
            ],
            "users": [{"name": user, "user": {"token": user}}],
            "contexts": [{"name": "ground", "context": {"cluster": "ground", "user": user}}],
            "current-context": "ground",
        }
        path.write_text(yaml.safe_dump(body, sort_keys=False))
        return path

    def run(
        self,
        name: str,
        command: Sequence[str | Path],
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a program that runs until `stop`."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.children[name] = subprocess.Popen(
                [str(word) for word in command],
                cwd=folder or self.folder,
                env={**os.environ, **(environment or {})},
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt at the terminal is for the tests, which then stop the programs
            )

    def ended(self) -> list[str]:
        """The programs that ended by themselves, with the end of their logs."""
        return [
            f"{name} ended with {child.returncode}:\n{self.log(name)[-2000:]}"
            for name, child in self.children.items()
            if child.poll() is not None
        ]

    def log(self, name: str) -> str:
        """What a program has printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        """End every program, the last one first, with the programs that it started."""
        for child in reversed(self.children.values()):
            started = _started_by(child.pid)
            if child.poll() is None:
                child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            for process in started:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        self.children.clear()

    def _secrets(self) -> None:
        name = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc"
        made = ["-nodes", "-days", "30", "-subj", "/CN=ground", "-addext", name]
        new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        self._openssl(*new, *made, "-keyout", self.key, "-out", self.certificate)
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self._accounts)
        rows = [f'{token},{user},{user},"{group}"' for token, (user, group) in TOKENS.items()]
        (self.folder / "tokens.csv").write_text("\n".join(rows) + "\n")

    def _openssl(self, *arguments: str | Path) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def _etcd(self) -> str:
        client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        flags = [f"--data-dir={self.folder / 'etcd'}", f"--listen-client-urls={client}"]
        flags += [f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}"]
        flags += [f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"]
        self.run("etcd", [debian("etcd"), *flags])
        wait(lambda: answers(f"{client}/health"), "etcd")
        return client

    def _api_server(self, program: Path, etcd: str) -> None:
        port = self.url.rsplit(":", 1)[1]
        flags = [f"--etcd-servers={etcd}", "--bind-address=127.0.0.1", f"--secure-port={port}"]
        flags += [f"--tls-cert-file={self.certificate}", f"--tls-private-key-file={self.key}"]
        flags += [f"--token-auth-file={self.folder / 'tokens.csv'}", "--authorization-mode=RBAC"]
        flags += ["--service-account-issuer=https://kubernetes.default.svc"]
        flags += [f"--service-account-key-file={self._accounts}"]
        flags += [f"--service-account-signing-key-file={self._accounts}"]
        flags += ["--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none"]
        self.run("kube-apiserver", [program, *flags])
        wait(self._serves, "the API server")

    def _serves(self) -> bool:
        try:
            return self.api.get("/readyz").get("text") == "ok"
        except (ApiError, urllib3.exceptions.HTTPError):
            if ended := self.ended():
                raise RuntimeError("\n".join(ended)) from None
            return False


def _started_by(pid: int) -> list[int]:
    """The processes that a process has started. Argo Rollouts leaves its plugins behind, in groups of their own."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread may end in the meantime
            found += map(int, thread.read_text().split())
    return found


def answers(url: str) -> bool:
    """Whether a server answers with a status below 400."""
    try:
        return urllib3.request("GET", url, retries=False, timeout=2).status < 400
    except urllib3.exceptions.HTTPError:
        return False


class _Loader(yaml.CSafeLoader):
    """YAML as Go reads it: a plain `=`, which is a matcher of Alertmanager, is a string."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def _definitions(folder: Path) -> Iterable[Object]:
    """The custom resource definitions that the examples and the matrix need, from the projects' own modules."""
    folder.mkdir()
    generated_crds(folder)
    files = sorted(folder.glob("*.yaml"))
    files += sorted((module_folder("rollouts", "sigs.k8s.io/gateway-api") / "config/crd/standard").glob("*.yaml"))
    argo = module_folder("rollouts", "github.com/argoproj/argo-rollouts") / "manifests" / "crds"
    files += sorted(file for file in argo.glob("*-crd.yaml"))
    files += sorted((module_folder("keda", "github.com/kedacore/keda/v2") / "config/crd/bases").glob("keda.sh_*.yaml"))
    grafana = module_folder("grafana", "github.com/grafana/grafana-operator/v5") / "config/crd/bases"
    files.append(grafana / "grafana.integreatly.org_grafanadashboards.yaml")
    trainer = module_folder("trainer", "github.com/kubeflow/trainer/v2") / "manifests" / "base" / "crds"
    files += sorted(file for file in trainer.glob("trainer.kubeflow.org_train*.yaml"))
    workflows = module_folder("argo", "github.com/argoproj/argo-workflows/v4") / "manifests" / "base" / "crds" / "full"
    files += [workflows / f"argoproj.io_{name}.yaml" for name in ("cronworkflows", "workflows", "workflowtemplates")]
    for file in files:
        for body in yaml.load_all(file.read_text(), Loader=_Loader):
            if isinstance(body, dict) and body.get("kind") == "CustomResourceDefinition":
                body.pop("status", None)
                yield body


def _established(definition: Object) -> bool:
    conditions = definition.get("status", {}).get("conditions", [])
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

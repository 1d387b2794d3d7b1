"""What a model server answers, by the command, the environment, and the ports of the pod that mlspec wrote.

Written from the servers' own sources, not from mlspec's catalog: a wrong flag, port, or metric name of the catalog
gives no answer here, as it would in production.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .api import Object

__all__ = ["Counters", "Server", "server_of"]


@dataclass
class Counters:
    """What a pod has done since it started."""

    good: float = 0.0
    bad: float = 0.0
    milliseconds: dict[float, float] = field(default_factory=dict)
    """Successful requests by latency."""

    def add(self, good: float, bad: float, milliseconds: float) -> None:
        """Count requests; fractions are kept, and exported as whole numbers."""
        self.good += good
        self.bad += bad
        self.milliseconds[milliseconds] = self.milliseconds.get(milliseconds, 0.0) + good

    def within(self, bound: float) -> int:
        """The successful requests that took no longer than a bound in milliseconds."""
        return int(sum(many for took, many in self.milliseconds.items() if took <= bound))


@dataclass(frozen=True)
class Server:
    """One model server: the ports that it opens, the paths that it answers, and the metrics that it exports."""

    http: int
    metrics: int
    ready: tuple[str, ...]
    """The paths of the HTTP port that say whether the server can take requests."""
    inference: Callable[[str], bool]
    """Whether a path of the HTTP port runs a model."""
    export: Callable[[Counters], Iterator[str]]
    """The lines of `/metrics`."""

    def answers(self, port: int, path: str) -> bool:
        """Whether a request to a port and a path is one that the server knows."""
        if port == self.metrics and path == "/metrics":
            return True
        return port == self.http and (path in self.ready or self.inference(path))


def server_of(pod: Object) -> Server | None:
    """The server in a pod, or None for a pod that serves nothing, such as a job's.

    A server that is not described here answers nothing, so its pod never becomes ready.
    """
    container = next((one for one in pod["spec"]["containers"] if one["name"] == "server"), None)
    if container is None:
        return None
    kinds = [make for name, make in _SERVERS.items() if name in container["image"]]
    return kinds[0](container) if kinds else _SILENT


_SILENT = Server(http=0, metrics=0, ready=(), inference=lambda _: False, export=lambda _: iter(()))


def _flag(words: list[str], name: str, usual: str = "") -> str:
    found = [word.split("=", 1)[1] for word in words if word.startswith(f"--{name}=")]
    return found[-1] if found else usual


def _triton(container: Object) -> Server:
    """Triton 26.07: `docs/protocol/extension_*.md` and `src/metrics.cc` of its core; histograms only when asked for."""
    words = [*container.get("command", []), *container.get("args", [])]
    repository = f"{_flag(words, 'model-repository', '/nowhere')}/"
    mounted = [str(mount["mountPath"]) for mount in container.get("volumeMounts", [])]
    (model,) = {path.removeprefix(repository).split("/")[0] for path in mounted if path.startswith(repository)}
    labels = f'model="{model}",version="1"'
    histograms = any(word == "--metrics-config=histogram_latencies=true" for word in words)

    def export(count: Counters) -> Iterator[str]:
        yield f"nv_inference_request_success{{{labels}}} {int(count.good)}"
        yield f'nv_inference_request_failure{{{labels},reason="BACKEND"}} {int(count.bad)}'
        yield f'nv_inference_request_failure{{{labels},reason="CANCELED"}} 0'
        yield f'nv_inference_request_failure{{{labels},reason="OTHER"}} 0'
        yield f'nv_inference_request_failure{{{labels},reason="REJECTED"}} 0'
        busy = sum(ms * many for ms, many in count.milliseconds.items())
        yield f"nv_inference_request_duration_us{{{labels}}} {int(busy * 1000)}"
        yield f"nv_inference_pending_request_count{{{labels}}} 0"
        if histograms:
            name = "nv_inference_first_response_histogram_ms"
            for bound in (100, 500, 2000, 5000):
                yield f'{name}_bucket{{{labels},le="{bound}"}} {count.within(bound)}'
            yield f'{name}_bucket{{{labels},le="+Inf"}} {int(count.good)}'
            yield f"{name}_sum{{{labels}}} {busy:.3f}"
            yield f"{name}_count{{{labels}}} {int(count.good)}"

    return Server(
        http=int(_flag(words, "http-port", "8000")),
        metrics=int(_flag(words, "metrics-port", "8002")),
        ready=("/v2/health/ready", "/v2/health/live", f"/v2/models/{model}/ready"),
        inference=lambda path: path == f"/v2/models/{model}/infer",
        export=export,
    )


_SERVERS: dict[str, Callable[[Object], Server]] = {"tritonserver": _triton}

"""Services: what a runtime can load, measure and support, at a load that its replicas can carry."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Any

from mlspec.compiler.check.support import ONLY_GENERATE

from .maker import Maker, members
from .runtimes import OWN_IMAGE, SECONDS, Runtime, container

__all__ = ["batch", "extras", "edge", "language_service", "online", "streaming"]


_PERCENTILES = ("p50", "p90", "p95", "p99", "p999")


def online(maker: Maker, server: Runtime, model: str, constraints: dict[str, Any]) -> dict[str, Any]:
    """An online service of a model that is not a language model, with the bounds that its runtime can measure."""
    bounds, shortest = _bounds(maker, server)
    routed = maker.traffic != "none"
    mean = shortest / 10
    own = _said(maker, constraints, {**bounds, "throughput": _throughput(maker, mean)})
    protocol = maker.pick([one for one in _protocols(maker) if one in server.facts["ports"]]) if routed else None
    preferred = {"preferredSizes": [4, 8]} if server.supports("batching.preferredSizes") and maker.maybe(0.5) else {}
    wanted = server.supports("batching.maxDelay") and maker.maybe(0.5)
    batching = {"maxSize": 8, "maxDelay": "1ms", **preferred} if wanted else None
    return maker.free(
        "OnlineService",
        mode="online",
        model=maker.pick((None, model)),
        runtime=server.written,
        container=container(maker) if server.name == "custom" else _otherwise(maker, server),
        protocol=protocol,
        endpoint=_endpoint(maker, model, protocol) if routed else _named_callers(maker),
        preprocessing=maker.pick((None, "client", "graph")),
        serviceTime=maker.free(
            "ServiceTime",
            mean=_seconds(mean),
            at=maker.pick((1, 2, 8)),
            p99=_seconds(mean * 2),
            p995=_seconds(mean * 3),
        ),
        **extras(maker),
        batching=batching,
        parameters={"execution_mode": "1"} if server.supports("parameters") and maker.maybe(0.5) else None,
        instances=maker.pick((None, 1, 2)) if server.supports("instances") else None,
        queue=maker.pick((None, 9)) if server.supports("queue") and batching is not None else None,
        caching=maker.free("Caching") if server.supports("caching") and maker.maybe(0.5) else None,
        warmup=maker.free("Warmup") if server.supports("warmup") and maker.maybe(0.5) else None,
        replicas=_replicas(maker, server),
        resources=None if server.name == "custom" else _resources(maker),
        env=None if server.name == "custom" else _variables(maker),
        constraints={**(own or {}), "maxReplicas": 800} if maker.maybe(0.2) else own,
        access=maker.uses("http" if maker.trains else "git", calls=model == "second"),
        load=maker.pick((None, "20s", "3m")),
        llm=None,
    )


def language_service(maker: Maker, server: Runtime, model: str, constraints: dict[str, Any]) -> dict[str, Any]:
    """A service of a small language model, with room for its context on the accelerators of its cloud."""
    known, bounds = server.facts["metrics"], dict[str, Any]()
    reads = server.setup not in ONLY_GENERATE and maker.maybe(0.2)
    for name in server.bounds:
        if maker.maybe(0.6) and not (reads and name in ("firstToken", "interToken")):
            bounds[name] = {"p95": _bound(maker.pick([b for b in known[name]["buckets"] if 0.05 <= b <= 2000]), "s")}
    slowest = max(b for b in known["latency"]["buckets"] if b <= 200)
    arriving = {"mean": "2/s", "trough": "0.5/s", "peak": "4/s"}
    bounds |= {"latency": {"p95": _bound(slowest, "s")}, "throughput": arriving}
    own, device = _said(maker, constraints, bounds), maker.accelerator("75Gi", vendors="nvidia.com/")
    task = maker.pick(_READING[server.setup != "sglang"]) if reads else "generation"
    answer = {"output": 256} if server.supports("llm.tokens.output") and not reads else {}
    usual = maker.free("UsualTokens", prompt=maker.pick((None, 700)), output=maker.pick((None, 64)) if answer else None)
    measured = "saturation" not in known or maker.maybe(0.6)  # without either nothing says how full a replica is
    return maker.free(
        "OnlineService",
        mode="online",
        model=model,
        runtime=server.written,
        container=_of_language(maker, server, task),
        protocol="http" if maker.traffic != "none" else None,
        endpoint=_endpoint(maker, model, "http") if maker.traffic != "none" else _named_callers(maker),
        preprocessing=None,
        serviceTime={"mean": "1s", "at": 8} if measured else None,
        **extras(maker),
        batching={"maxSize": 32} if maker.maybe(0.5) else None,
        instances=None,
        parameters=None,
        queue=maker.pick((None, 99)) if server.supports("queue") and not reads else None,
        caching=None,
        warmup=None,
        replicas=_replicas(maker, server) if maker.maybe(0.5) else None,
        resources={"accelerator": {"type": device, "count": maker.pick((1, 2)) if device in maker.whole else 1}},
        constraints=own,
        access=None,
        load="60s",
        llm=maker.free(
            "ServingLlm",
            task=task,
            texts=maker.pick((None, 8)) if reads else None,
            tokens={
                "context": 4096,
                **answer,
                "system": 200,
                "history": 500,
                "prompt": 300,
                **({"usual": usual} if usual else {}),
            },
            promptChunk=maker.pick((None, 512)) if server.supports("llm.promptChunk") else None,
            caching=_llm_caching(maker, server),
            retrieval=maker.free("Retrieval", chunks=2, chunkTokens=100) if maker.declared.get("services") else None,
        ),
    )


def _llm_caching(maker: Maker, server: Runtime) -> dict[str, Any] | None:
    """Only servers with a setting for the type have one for prefixes."""
    if not server.supports("llm.caching.dtype") or maker.maybe(0.4):
        return None
    return maker.free("LlmCaching", dtype=maker.pick((None, *members("LlmCaching", "dtype"))))


def _replicas(maker: Maker, server: Runtime) -> dict[str, Any] | None:
    """How many there are, and what they follow, of what the runtime exports."""
    if maker.scaler == "none" or maker.maybe(0.6):
        return None
    exported = server.facts["metrics"]
    signals = [word for word, key in (("in-flight", "inFlight"), ("queue", "queue")) if key in exported]
    followed = bool(signals)
    return maker.free(
        "Replicas",
        min=2,
        max=900,
        signal=maker.pick((None, *signals)) if followed else None,
        target=maker.pick((None, 0.5, 7)) if followed else None,
        fallback=maker.pick((None, 3)) if followed and maker.scaler == "keda" else None,
    )


def _image(server: Runtime) -> dict[str, Any]:
    """The image of a runtime that its users build."""
    return {"image": OWN_IMAGE} if "build" in server.facts and "image" not in server.facts else {}


def _otherwise(maker: Maker, server: Runtime) -> dict[str, Any] | None:
    """What a service wants of its container that the catalog says otherwise, and nothing else decides."""
    if maker.maybe(0.6):
        return _image(server) or None
    drain = maker.free("Drain", preStop=maker.pick((None, "10s")), timeout=maker.pick((None, "45s", "2m")))
    size = {} if maker.waits else {"imageSize": "4G"}
    return {
        **_image(server),
        "drain": drain,
        "writable": ["/tmp", "/var/cache"],
        **size,
        **({} if maker.assigned else {"user": 2000}),
    }


_READING = (("embedding",), ("embedding", "reranking"))
"""The tasks of a server that only reads: those of SGLang, which cannot rank with a decoder, and those of the others."""

_SCORES = '--hf-overrides={"architectures": ["Qwen3ForSequenceClassification"], "classifier_from_token": ["no", "yes"]}'


def _of_language(maker: Maker, server: Runtime, task: str) -> dict[str, Any] | None:
    memory = {"deviceMemory": maker.free("DeviceMemory", utilization="90%")} if maker.maybe(0.3) else {}
    scores = {"args": [_SCORES]} if task == "reranking" else {}
    return {**_image(server), **memory, **scores} or None


def _said(maker: Maker, system: dict[str, Any], bounds: dict[str, Any]) -> dict[str, Any] | None:
    """Bounds of the whole system, or the service's own; without a canary only the latter are read by a rule."""
    if not maker.canaries or maker.maybe(0.5):
        return bounds | ({"budget": "90000000000 USD/month"} if maker.maybe(0.3) else {})
    system |= bounds
    return None


def _variables(maker: Maker) -> dict[str, str]:
    return {name: str(maker.pick(maker.texts("text"))) for name in maker.some(("LOG_LEVEL", "OMP_NUM_THREADS"))}


def _bounds(maker: Maker, server: Runtime) -> tuple[dict[str, Any], Decimal]:
    """Bounds on percentiles, each on a bucket of the runtime where its buckets are fixed; and the lowest."""
    series = server.facts["metrics"].get("latency")
    if series is None:
        return {}, Decimal("0.1")
    unit = series.get("unit", "s")
    known = [b for b in series["buckets"] if Decimal("0.005") <= Decimal(str(b)) * SECONDS[unit] <= 10]
    if series.get("settable"):
        known, unit = [5, 20, 50, 120, 250, 700], "ms"
    names = maker.some(_PERCENTILES) if server.counts_errors else ["p95"]  # something must be an objective
    kept = sorted(maker.chance.sample(known, min(len(names), len(known))))
    bounds = {name: _bound(bucket, unit) for name, bucket in zip(names, kept, strict=False)}
    return {"latency": bounds}, Decimal(str(kept[0])) * SECONDS[unit]


def _bound(bucket: float, unit: str) -> str:
    """A bucket as a length of time, which has nine digits after its point."""
    exact = Decimal(str(bucket))
    return f"{max(exact, exact.quantize(Decimal('1e-9'), ROUND_CEILING)).normalize():f}{unit}"


def _seconds(length: Decimal) -> str:
    return f"{length * 1000:.3f}ms"


def _throughput(maker: Maker, mean: Decimal) -> dict[str, Any]:
    """As many requests as a few dozen replicas answer, whatever one of them takes."""
    rate = max(1, int(maker.pick((1, 5)) / mean))
    hours = {"profile": [f"{rate}/s"] * 24} if maker.maybe(0.3) else {}
    return {"trough": f"{max(1, rate // 4)}/s", "mean": f"{rate}/s", "peak": f"{2 * rate}/s", "ramp": "30m", **hours}


def _protocols(maker: Maker) -> tuple[str, ...]:
    return ("http",) if maker.behind.get("grpc") == "none" else ("http", "grpc")


def _endpoint(maker: Maker, name: str, protocol: str | None) -> dict[str, Any]:
    """With a host that no other service has, or its own below the gateway's domain, and a timeout that is enforced."""
    enforced = maker.behind.get("timeouts") != "none" and protocol != "grpc"
    callers = [maker.free("Caller")] if maker.network and maker.maybe(0.5) else None
    checked = maker.behind.get("tokens", "none") != "none" and maker.maybe(0.5)
    return maker.free(
        "Endpoint",
        hosts=maker.pick((None, [f"{name}.example.com"])),
        timeout=maker.pick((None, "15s", "300s")) if enforced else None,
        auth=maker.free("Auth") if checked else None,
        callers=callers,
        responseSize=maker.pick((None, "4Ki")),  # larger ones cost more than the budget
        throughGateway="90%" if callers or maker.called is None else maker.pick((None, "100%")),  # others may call it
    )


def _named_callers(maker: Maker) -> dict[str, Any] | None:
    """Who gets through a network policy where no gateway leads to the service."""
    return {"callers": [maker.free("Caller")]} if maker.network else None


def _resources(maker: Maker) -> dict[str, Any]:
    """Triton loads TensorRT on accelerators only, and OpenVINO on processors."""
    wanted = maker.format == "tensorrt" or (maker.format != "openvino" and maker.maybe(0.2))
    accelerator = {"type": maker.accelerator(), "count": 1} if wanted else None
    return maker.free("Resources", accelerator=accelerator, memory=maker.pick((None, "8Gi")))


# Other modes


def batch(maker: Maker, model: str | None) -> dict[str, Any]:
    """A batch service, whose schedule leaves time for its deadline."""
    partitions = maker.pick((1, 4, 24))
    return maker.free(
        "BatchService",
        mode="batch",
        model=model,
        access=maker.uses("http", calls=model is not None),
        schedule=maker.pick(("0 4 * * *", "30 2 * * 1", "@daily")),
        partitions=partitions,
        parallel=maker.pick((None, 1, partitions)),
        input=_data(maker, "inputs"),
        output=_data(maker, "scores"),
        resources=_resources(maker),
        **extras(maker),
        user=maker.pick((None, 1000, 65532)),
        rate=maker.pick((None, "100000/s")),
        constraints={"deadline": "2h", "items": "3M"} if maker.maybe(0.3) else None,
    )


def extras(maker: Maker) -> dict[str, Any]:
    """Volumes of each kind, and a sidecar that has one of them."""
    known: dict[str, dict[str, Any]] = {
        "rules": {"configMap": "own-rules", "path": "/etc/own/rules"},
        "keys": {"secret": "own-keys", "path": "/etc/own/keys"},
        "lookup": {"claim": "own-lookup", "path": "/own/lookup", "writable": maker.pick((True, False))},
        "files": {"size": "1Gi", "path": "/own/files"},
    }
    if maker.maybe(0.6):
        return {"volumes": None, "sidecars": None}
    user = {} if maker.assigned else {"user": 2001}
    proxy = maker.free("Sidecar", image=OWN_IMAGE, mounts={maker.pick(tuple(known)): "/own"}, env={"A": "b"}, **user)
    return {"volumes": known, "sidecars": {"proxy": proxy} if maker.maybe(0.6) else None}


def _data(maker: Maker, name: str) -> dict[str, Any]:
    return maker.free(
        "BatchData",
        uri=f"s3://scores/{name}/{{date}}/",
        access=maker.use("s3") if maker.maybe(0.5) else None,
        format=maker.pick(members("BatchData", "format")),
    )


def streaming(maker: Maker, model: str | None) -> dict[str, Any]:
    """A consumer of a stream, which is not supported yet."""
    return maker.free("StreamingService", mode="streaming", model=model, **extras(maker))


def edge(maker: Maker, model: str | None) -> dict[str, Any]:
    """A model on devices, which is not supported yet."""
    return maker.free("EdgeService", mode="edge", model=model, **extras(maker))

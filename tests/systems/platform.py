"""What the organization says: coordinates and tools that go together, and policies that the system keeps."""

from __future__ import annotations

from typing import Any

from mlspec.compiler.language import OBJECTS, UNIONS

from .maker import Maker, members

__all__ = ["RECEIVERS", "alerts", "platform", "platform_file"]

RECEIVERS = ("payments", "ümläut")
"""Who gets alerts, and owns systems."""

_OWN = {"starts": "cron-job", "observed": "schedule", "checked": "2026-11-29", "source": "https://example.com"}

_REGISTRIES = ["docker.io", "nvcr.io", "registry.example.com"]
_STORES = [f"{scheme}://{place}" for scheme in ("s3", "gs", "azure", "https", "hf", "oci", "kafka") for place in (
    "models.example.internal", "example.internal", "bucket", "scores", "data.example.com",
)]  # fmt: skip
_ERRORS = ("MLS102", "MLS501", "MLS9")
"""What is an error anyway, so that its severity decides nothing of a valid system."""


def platform(maker: Maker, *, online: bool) -> dict[str, Any]:
    """One cluster's."""
    return maker.free(
        "Platform",
        kubernetes=maker.kubernetes,
        cloud=maker.cloud,
        gateway=_gateway(maker) if maker.traffic != "none" else None,
        mesh=maker.free("Mesh", hop="0.1ms") if maker.maybe(0.5) else None,
        prometheus=maker.free(
            "Prometheus",
            scrapeInterval=maker.pick((None, "15s", "1m")),
            retention="40d",
            url=maker.pick(("http://prometheus.monitoring:9090", "https://thanos.example.com/a")),
            auth=_auth(maker),
        ),
        security={"users": maker.users} if maker.users is not None else None,
        rollout={"provider": maker.rollouts},
        traffic={"provider": maker.traffic},
        orchestration={"provider": maker.orchestration},
        dashboards={"provider": maker.pick(("sidecar", "grafana-operator"))},
        alerting=_alerting(maker) if maker.maybe(0.5) else None,
        providers=_providers(maker),
        autoscaling=_autoscaling(maker),
        images=maker.free(
            "Images", runtime=maker.pick(maker.texts("image")), downloader=maker.pick(maker.texts("image"))
        ),
        network=maker.free("Network", policies=maker.network, dns=_dns(maker)),
        planning=_planning(maker) if online else None,
        prices=maker.free(
            "Prices", core="0.03 USD/h", memory="0.004 USD/h", storage="0.08 USD/GiB-month", egress="0.09 USD/GiB"
        ),
        policies=_policies(maker),
        runtimes=maker.runtimes or None,
        accelerators=maker.accelerators or None,
        families=maker.families or None,
        clouds={"own": maker.free("Cloud")},
        plugins=None,
    )


def alerts(maker: Maker) -> dict[str, Any]:
    """Who gets the alerts of a system."""
    page, ticket = (maker.pick((None, *RECEIVERS)) for _ in range(2))
    return maker.free("Alerts", page=page, ticket=ticket)


def _alerting(maker: Maker) -> dict[str, Any]:
    """Receivers with a webhook, which may also start training."""
    receivers = {name: maker.free("Receiver", webhook=maker.free("WebhookReceiver")) for name in RECEIVERS}
    return maker.free("Alerting", receivers=receivers, retraining=maker.pick((None, *RECEIVERS)))


def _auth(maker: Maker) -> dict[str, Any] | None:
    """What every controller can do to authenticate to Prometheus. Argo Rollouts takes no authority and no password."""
    given: dict[str, Any] = {} if maker.rollouts == "none" else {"ca": None}
    kind = maker.pick((None, *UNIONS["PrometheusAuth"][1]))
    if kind == "sigv4":
        return maker.free("Sigv4Auth", kind=kind)
    if kind == "basic":
        whole = {} if maker.rollouts == "none" else {"header": "authorization"}
        return maker.free("BasicAuth", kind=kind, **given, **whole)
    return maker.free("BearerAuth", kind=kind, **given) if kind is not None else None


def _dns(maker: Maker) -> str | None:
    """The namespace of DNS, where pods answer it."""
    answers = maker.cloud != "eks-auto" and maker.maybe(0.3)
    return maker.pick(("kube-system", "openshift-dns")) if answers else None


def _gateway(maker: Maker) -> dict[str, Any]:
    """A product, and the addresses that only the platform knows."""
    place = maker.free("DataPlane", **({"cidrs": ["10.0.8.0/23"]} if "missing" in maker.behind else {}))
    hop = maker.pick((None, "0.1ms"))
    return maker.free(
        "Gateway",
        provider=maker.gateway,
        mirroring=maker.mirroring,
        dataPlane=place,
        domain="models.example.com",
        hop=hop,
    )


def _autoscaling(maker: Maker) -> dict[str, Any]:
    """An autoscaler that goes with a canary."""
    adapter = members("Autoscaling", "adapter")[0] if maker.scaler == "hpa" else None
    return maker.free("Autoscaling", provider=maker.scaler, adapter=adapter)


def _providers(maker: Maker) -> dict[str, Any]:
    """Providers of the organization's own, which nothing here chooses."""
    return {
        "rollout": {"own": maker.free("RolloutCapability")},
        "traffic": {"own": maker.free("TrafficCapability")},
        "autoscaling": {"own": maker.free("AutoscalingCapability")},
        "orchestration": {"own": _OWN, "other": {"starts": "cron-workflow", "observed": "runs"}},
        "gateway": {"own": maker.free("GatewayCapability")},
        "mesh": {"own": maker.free("MeshCapability")},
        "dashboards": {"own": maker.free("DashboardsCapability")},
    }


def _planning(maker: Maker) -> dict[str, Any]:
    return maker.free(
        "Planning",
        utilization=maker.pick(("60%", "80%")),
        waiting=maker.pick(("0.4%", "1%")),
        spareFrom=maker.pick(("99.5%", "99.95%")),
        headroom=maker.pick((1, 2.5)),
        risk=maker.pick(("5%", "10%")),
        failedWindows=maker.pick((0, 1, 2)),
        stepWindows=maker.pick((6, 9)),
        significance=maker.pick(("1%", "10%")),
        power=maker.pick(("50%", "95%")),
        versions=maker.pick((0, 0.5, 1000)),
        trainingHeadroom=maker.pick((1, 2)),
        memoryEfficiency=maker.pick(("30%", "90%")),
        computeEfficiency=maker.pick(("20%", "100%")),
        mixtureEfficiency=maker.pick(("30%", "90%")),
        fp8MixtureEfficiency=maker.pick(("10%", "90%")),
        linkEfficiency=maker.pick(("40%", "90%")),
        exchange=maker.pick(("5us", "50us")),
        stepLayer=maker.pick(("10us", "80us")),
        promptLayer=maker.pick(("0.1ms", "0.5ms")),
        rough=maker.pick((1, 3)),
        roughMixture=maker.pick((1, 3)),
    )


def _policies(maker: Maker) -> dict[str, Any]:
    return maker.free(
        "Policies",
        locked=["services.another.replicas.max"] if maker.maybe(0.3) else None,
        severity=_severity(maker),
        registries=_REGISTRIES if maker.maybe(0.5) else None,
        stores=_STORES if maker.maybe(0.3) else None,
        maxCpu="512",
        maxMemory="4T",
    )


def _severity(maker: Maker) -> dict[str, str] | None:
    """How bad findings are: what refuses a system anyway stays an error, and a lenient platform bears the diagnosis."""
    said = {maker.pick(_ERRORS): "error", "MLS108": maker.pick(("warning", "info", "off"))} if maker.maybe(0.5) else {}
    return said | ({"MLS702": "warning"} if maker.lenient else {}) or None


def platform_file(maker: Maker, whole: dict[str, Any], clusters: list[str]) -> dict[str, Any]:
    """The file, with the organization's defaults for every spec."""
    return maker.free(
        "PlatformFile",
        apiVersion="mlspec/v1",
        kind="Platform",
        platform=whole,
        clusters={name: maker.free("Platform", **_ALIKE) for name in clusters} or None,
        spec={"monitoring": {"alerts": alerts(maker)}} if maker.maybe(0.3) else None,
    )


_ALIKE = dict.fromkeys(key for key in OBJECTS["Platform"] if key not in ("gitops", "storage"))
"""What clusters have in common, as the system was made for it."""

"""Models and what is in service of them: signatures that a runtime has types for, candidates, versions."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from mlspec.compiler.plan.serving.source import IMAGE_VOLUMES_FROM
from mlspec.targets.pod.address import CHECKPOINT, FOLDERS

from .data import SEGMENT
from .maker import DIGEST, Maker, cataloged, members

__all__ = ["SCHEMES", "candidates", "language_model", "model", "release"]

COMMIT = "0e9e39f249a16976918f6564b8830bc894c89659"

SCHEMES = {"s3": "s3", "gs": "gcs", "azure": "azure", "https": "http", "hf": "huggingface", "oci": "oci"}
"""Where models are stored, and the access that reads them."""


_BUCKETS = ("s3", "gs", "azure")
"""Stores that give nothing to a download without an access."""


def signature(maker: Maker, setup: str) -> dict[str, Any]:
    """Inputs and outputs of types that the runtime has."""
    dtypes = _able(setup, "DTYPES", "DATATYPES") or members("Input", "dtype")
    origins = ["request", *maker.declared.get("origins", ())]
    inputs = [
        maker.free("Input", name=f"input_{n}", dtype=maker.pick(dtypes), shape=_dims(maker), from_=maker.pick(origins))
        for n in range(maker.chance.randint(1, 3))
    ]
    outputs = [
        maker.free("Output", name=name, dtype=maker.pick(dtypes), shape=_dims(maker), carries=None)
        for name in maker.some(("score", "logits"))
    ]
    if maker.seen == "reasons" or maker.maybe(0.1):
        outputs.append(maker.free("Output", name="codes", dtype=maker.pick(dtypes), shape=[3], carries="reasons"))
    return {"inputs": inputs, "outputs": outputs}


def _able(setup: str, *tables: str) -> tuple[str, ...]:
    """What the module that configures a runtime says that it can do."""
    name = "custom" if setup == "none" else setup.replace("-", "_")
    module = import_module(f"mlspec.targets.serving.setups.{name}")
    return tuple(word for table in tables for word in getattr(module, table, ()))


def _dims(maker: Maker) -> list[int] | None:
    return maker.pick((None, [1], [-1, 28], [3, 224, 224]))


def model(maker: Maker, setup: str, *, trained: bool, known: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A model that is not a language model, chosen from the candidates that are known."""
    given = signature(maker, setup)
    scores = [one["name"] for one in given["outputs"] if one.get("shape") in (None, [1])]
    point = {"output": maker.pick(scores), "threshold": 0.5} if scores and trained and maker.maybe(0.5) else None
    return maker.free(
        "Model",
        approach=_approach(maker),
        signature=given,
        operatingPoint=point,
        candidates=known,
        optimization=maker.free("Optimization") if trained and maker.maybe(0.6) else None,
        ensemble=None,  # its members need signatures like its own, and are models of the system, too
        llm=None,
    )


def _approach(maker: Maker) -> str | None:
    """A type of model that people can read, if they must."""
    known = cataloged("approaches")
    readable = [name for name, facts in known.items() if facts["interpretable"]]
    return maker.pick(readable) if maker.seen == "model" else maker.pick((None, *known))


def _gaps(maker: Maker, metric: str, value: str) -> list[dict[str, Any]] | None:
    """The gap between the groups of a column, where the data has it."""
    known = SEGMENT in maker.declared.get("columns", ())
    return [maker.free("GroupGap", metric=metric, between=SEGMENT, value=value)] if known and maker.maybe(0.5) else None


def candidates(maker: Maker, metric: str, worse: float, better: float) -> list[dict[str, Any]]:
    """The one that was chosen, one that is no better, and the baseline that both beat."""
    made = maker.free(
        "Candidate", name="chosen", role="candidate", selected=True, metrics={metric: better}, latency={"p99": "1ms"},
        cost="0.1 USD/1M predictions", api=None, approach=_approach(maker), gaps=_gaps(maker, metric, "0.01"),
    )  # fmt: skip
    other = maker.free(
        "Candidate",
        name="other",
        role="candidate",
        selected=None,
        metrics={metric: better},
        gaps=_gaps(maker, metric, "0.02"),
        latency=None,
        cost=None,
        api={"input": "0.15 USD/1M tokens", "output": "0.6 USD/1M tokens", "request": "9 USD/1M predictions"},
    )
    naive = maker.free(
        "Candidate", name="baseline", role="naive", selected=None, metrics={metric: worse}, gaps=None, api=None
    )
    maker.declare("rivals", "chosen", "other")
    return [made, other, naive]


def release(maker: Maker, formats: Iterable[str], schemes: Iterable[str], metrics: dict[str, float]) -> dict[str, Any]:
    """A version in service; `schemes` are the places that it can be fetched from."""
    able = [scheme for scheme in schemes if scheme != "oci" or maker.kubernetes >= IMAGE_VOLUMES_FROM]
    format_ = maker.format = maker.pick(formats)
    scheme = maker.pick([scheme for scheme in able if scheme != "https" or format_ not in _FOLDERS])
    access = maker.use(SCHEMES[scheme]) if scheme in _BUCKETS or maker.maybe(0.5) else None
    made = _version(maker, "Release", format_, scheme, access, 7, metrics)
    earlier = [_version(maker, "Version", format_, scheme, access, n, metrics) for n in range(maker.pick((0, 0, 1, 2)))]
    if earlier:
        made["previous"] = earlier
    if maker.shadows and maker.maybe(0.6):
        made["shadow"] = _version(maker, "Shadow", format_, scheme, access, 8, metrics)
    return made


_FOLDERS = {*FOLDERS, CHECKPOINT}
"""The formats that at least some servers read from a folder only."""


def _version(
    maker: Maker, type_name: str, format_: str, scheme: str, access: str | None, number: int, metrics: dict[str, float]
) -> dict[str, Any]:
    stored = scheme in ("s3", "gs", "azure", "hf")
    folder = "/" if stored and (format_ in _FOLDERS or maker.maybe(0.5)) else ""
    artifact = maker.free(
        "Artifact",
        uri=f"{scheme}://models.example.internal/alpha/{number}{folder or ('' if scheme in ('hf', 'oci') else '.bin')}",
        format=format_,
        digest=COMMIT if scheme == "hf" else DIGEST,
        size=None if scheme in ("hf", "oci") else maker.pick((None, "40M", "1Gi")),
        access=access,
    )
    given: dict[str, Any] = {"shadow": None, "previous": None} if type_name == "Release" else {}
    if type_name == "Shadow":
        given["since"] = "2026-11-02T04:12:00Z"  # as `mlspec promote` writes it
    return maker.free(
        type_name,
        **given,
        version=maker.pick((str(number), f"v{number}")),
        artifact=artifact,
        metrics=metrics,
        profile=f"s3://models/{number}/profile.json",
    )


_SMALL = ("llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b")


def language_model(maker: Maker, setup: str) -> dict[str, Any]:
    """A small language model, by its family or by its shape."""
    known = [name for name in maker.declared["families"] if name in _SMALL]
    if maker.maybe(0.3):
        known = ["own-family"]
        maker.families["own-family"] = maker.free("Family", shape=_shape(maker), window=131072)
    by_family = bool(known) and maker.maybe(0.5)
    llm = maker.free(
        "ModelLlm",
        family=maker.pick(known) if by_family else None,
        shape=None if by_family else _shape(maker),
        window=131072,
        adapters=[maker.free("Adapter", name=name) for name in maker.some(("legal", "medical"))]
        if maker.maybe(0.4)
        else None,
    )
    methods = _able(setup, "QUANTIZATIONS")
    quantized = None
    if methods and maker.maybe(0.3):
        method = maker.pick(methods)
        bits = 4 if method == "modelopt" else None  # its 8 bits are those of newer devices
        quantized = {"quantization": maker.free("Quantization", method=method, bits=bits, calibration=None)}
    return maker.free(
        "Model",
        approach=_approach(maker),
        signature=None,
        operatingPoint=None,
        candidates=None,
        optimization=quantized,
        ensemble=None,
        llm=llm,
    )


def _shape(maker: Maker) -> dict[str, Any]:
    attention = maker.pick(members("LlmShape", "attention"))
    sliding = attention == "sliding-window"
    return maker.free(
        "LlmShape",
        parameters="3B",
        activeParameters=maker.pick((None, "1B")),
        embeddingParameters=maker.pick((None, "200M")),
        experts=maker.pick((None, 64)),
        expertsPerToken=4,
        layers=28,
        hidden=maker.pick((None, 3072)),
        heads=maker.pick((None, 24)),
        attentionDim=160 if attention == "latent" else None,
        kvHeads=1 if attention == "latent" else 8,
        headDim=576 if attention == "latent" else 128,
        attention=attention,
        slidingWindow=4096 if sliding else None,
        globalLayers=4 if sliding else None,
    )

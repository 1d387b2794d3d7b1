"""Meant: what mlspec calls what Kubernetes, model formats, and other tools call otherwise.

The closest spelling of such a word is often something else: `int` is not `int8`, and `gpu` is not `cpu`.
"""

from __future__ import annotations

__all__ = ["ANYWHERE", "KEYS", "VALUES", "integers_meant", "key_meant", "value_meant"]

_DEVICES = "write `accelerator: {type: l4, count: 1}`"
_BOTH = "write `cpu` and `memory` here; mlspec derives requests and limits"
_RECEIVER = "write it in an entry of `platform.alerting.receivers`, and the name of that as `page` or `ticket`"
_CONTEXT = (
    "write the context to serve as `tokens: {context: ...}` under `serving.llm`, and the longest one that the model "
    "was trained for as `window`"
)
_LENGTHS = "write the lengths as `tokens: {usual: {prompt: ..., output: ...}}` under `serving.llm`"

ANYWHERE = "*"

KEYS: dict[str, dict[str, str]] = {
    ANYWHERE: {
        "framework": "write the server as `runtime`, and the format of the model in `release.artifact.format`",
        "autoscaling": "write the bounds as `replicas: {min: 2, max: 10}` under `serving`; mlspec derives the rest "
        "from `constraints.throughput`",
        "minReplicas": "write `replicas: {min: 2}` under `serving`",
        "maxReplicas": "write `replicas: {max: 10}` under `serving`",
        "image": "write `container: {image: ...}` under `serving`",
        "nodeSelector": "write it as `scheduling: {nodeSelector: {pool: inference}}`; an accelerator selects its nodes "
        "by itself",
        "tolerations": "write them as `scheduling: {tolerations: [{key: dedicated}]}`; an accelerator tolerates its "
        "taints by itself",
        "affinity": "write node labels as `scheduling: {nodeAffinity: [{key: zone, values: [a, b]}]}`; mlspec spreads "
        "replicas over nodes and zones by itself",
        "volumeMounts": "write them as `volumes: {rules: {configMap: rules, path: /etc/rules}}` under `serving` or "
        "`training`; the model gets its own volume",
        **dict.fromkeys(
            ("health", "healthCheck", "livenessProbe", "readinessProbe", "startupProbe"),
            "write `container: {probes: {readiness: {path: /healthz}}}` under `serving`",
        ),
        "annotations": "write those of pods as `podAnnotations: {example.com/team: risk}`",
        **dict.fromkeys(("ttft", "timeToFirstToken"), "write `firstToken: {p95: ...}` under `constraints`"),
        **dict.fromkeys(("tpot", "itl", "timePerOutputToken"), "write `interToken: {p95: ...}` under `constraints`"),
        **dict.fromkeys(
            ("qps", "rps", "requestsPerSecond"), "write `throughput: {mean: ..., peak: ...}` under `constraints`"
        ),
    },
    "OnlineService": {
        "models": "write `model`, and one service for each model under `services`: each scales, rolls out, and fails "
        "by itself",
        "challenger": "add a shadow stage to `rollout.stages`, and promote the challenger: it gets mirrored requests",
        "workers": "write `instances`",
        "port": "write `container: {ports: {http: 8080}}`",
        "instanceGroup": "write `instances`",
        "instance_group": "write `instances`",
        "backendParameters": "write `parameters`",
        "acceleration": "export the model as a TensorRT plan: a server that compiles it at startup takes minutes "
        "for each replica",
        "optimization": "write `optimization` under `model`, where it says how the model was made smaller",
        "sequenceBatching": "keep the state in the request: replicas behind a Service do not get all of a sequence",
        "sequence_batching": "keep the state in the request: replicas behind a Service do not get all of a sequence",
    },
    "ModelLlm": {
        **dict.fromkeys(("context", "contextLength", "maxModelLen", "max_model_len"), _CONTEXT),
        **dict.fromkeys(("prompt", "output", "tokens"), _LENGTHS),
    },
    "Rollout": {
        **dict.fromkeys(("strategy", "steps", "canary"), "write `stages: [{canary: {steps: [5%, 25%, 50%]}}]`"),
        "blueGreen": "write `stages: [{blueGreen: {...}}]`",
        "shadow": "write `stages: [{shadow: {duration: 24h}}]`",
    },
    "Problem": {
        **dict.fromkeys(
            ("baseline", "baselines"), "write it under `model`, as `candidates: [{name: ..., role: naive}]`"
        ),
    },
    "Metadata": {
        "team": "write `owner`",
        "namespace": "write `namespace` in an entry of `environments`",
    },
    "Alerts": {
        **dict.fromkeys(("slack", "pagerduty", "opsgenie", "teams", "webhook", "email"), _RECEIVER),
    },
    **dict.fromkeys(("Artifact", "BatchData", "DataSource"), dict.fromkeys(("path", "location", "url"), "write `uri`")),
    "Batching": {
        "preferredBatchSize": "write `preferredSizes`",
        "preferred_batch_size": "write `preferredSizes`",
        "maxBatchSize": "write `maxSize`",
        "maxQueueDelay": "write `maxDelay`",
    },
    "Resources": {
        "gpu": _DEVICES,
        "gpus": _DEVICES,
        "nvidia.com/gpu": _DEVICES,
        "limits": _BOTH,
        "requests": _BOTH,
    },
    "Replicas": {"minReplicas": "write `min`", "maxReplicas": "write `max`"},
}
"""What to write instead of a key, by the mapping that it is in, or in any mapping."""

VALUES: dict[str, tuple[str, ...]] = {
    "int": ("int32", "int64"),
    "integer": ("int32", "int64"),
    "long": ("int64",),
    "short": ("int16",),
    "byte": ("uint8",),
    "float": ("float32", "float64"),
    "double": ("float64",),
    "half": ("float16",),
    "boolean": ("bool",),
    "str": ("string",),
    "text": ("string",),
    "object": ("string", "category"),
    "datetime": ("timestamp",),
    "binary": ("bytes",),
    "classification": ("binary-classification", "multiclass-classification", "multilabel-classification"),
    "time-series": ("forecasting",),
    **dict.fromkeys(("detection", "outlier-detection", "novelty-detection"), ("anomaly-detection",)),
    **dict.fromkeys(("chat", "text-generation", "summarization", "translation"), ("generation",)),
    **dict.fromkeys(("transcription", "speech-recognition", "speech-to-text"), ("generation",)),
    **dict.fromkeys(("decrease", "lower", "min"), ("minimize",)),
    **dict.fromkeys(("increase", "higher", "max"), ("maximize",)),
    "minimize": ("decrease",),
    "maximize": ("increase",),
}
"""Words of other tools, and of other fields, and what they can mean here."""

_FAMILIES = (("bf", "bfloat"), ("fp", "float"), ("uint", "uint"), ("int", "int"))
"""Beginnings of the names of sized types in Triton, ONNX, and other formats."""


def key_meant(type_name: str, key: str) -> str | None:
    """What to write instead of a key of another tool."""
    return KEYS.get(type_name, {}).get(key) or KEYS[ANYWHERE].get(key)


def value_meant(word: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    """The choices that a word of another tool can mean, such as `float32` for `TYPE_FP32`."""
    low = word.lower().removeprefix("type_").removeprefix("dt_")
    sized = (f"{ours}{low.removeprefix(theirs)}" for theirs, ours in _FAMILIES if low.startswith(theirs))
    return tuple(dict.fromkeys(one for one in (low, *VALUES.get(low, ()), *sized) if one in choices))


def integers_meant(text: str) -> tuple[str, ...]:
    """The integers that a number of thousands or millions can mean: `16k` is 16384 or 16000."""
    number, unit = text.removesuffix("i")[:-1], text.removesuffix("i")[-1:].lower()
    if unit not in _THOUSANDS or not (number.isascii() and number.isdecimal()):
        return ()
    return tuple([str(int(number) * base ** _THOUSANDS[unit]) for base in (1024, 1000)])


_THOUSANDS = {"k": 1, "m": 2}
"""The powers of a thousand that people write after a number."""

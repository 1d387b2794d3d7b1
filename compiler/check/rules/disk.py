"""The rule on disk space: it must hold the model that a server downloads or unpacks."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.serving.version import VersionPlan
from ...system import MLSystem
from ..lint import rule

__all__ = ["too_little_disk"]


@rule(
    "MLS443",
    "error",
    "services.*.resources.ephemeralStorage",
    "releases.*.artifact.size",
    "releases.*.artifact.uri",
)
def too_little_disk(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Disk space that cannot hold the model.

    Why: the kubelet evicts a pod that writes more than its limit, and the next one downloads the model again, up to the
    same point. A server that downloads its weights itself, or that unpacks an archive, writes at least the size of the
    model. What an init container downloads has a limit of its own.

    Bad:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
        release:
          artifact:
            uri: hf://example/assistant-8b
            format: safetensors
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
            size: 15Gi
        serving:
          runtime: vllm
          resources: {accelerator: {type: l4}, ephemeralStorage: 10Gi}
          llm:
            tokens: {context: 8192, output: 512}
    Good:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
        release:
          artifact:
            uri: hf://example/assistant-8b
            format: safetensors
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
            size: 15Gi
        serving:
          runtime: vllm
          resources: {accelerator: {type: l4}, ephemeralStorage: 25Gi}
          llm:
            tokens: {context: 8192, output: 512}
    """
    for service in plan.online.values():
        given = service.part.resources.ephemeral_storage.given
        for version in service.versions if given is not None else ():
            size = version.files.artifact.size
            if given is None or size is None or not _writes(version) or given.value > size.value:
                continue
            yield finding(
                "MLS443",
                f"`{service.part.own_name.value}` may write {given.value}, but its model has {size.value}",
                given,
                others=((size, "the size of the model"),),
                note="the kubelet would evict every pod before it has its model, and the next one would start over",
                help=f"write `{version.estimated_disk.value}`, or remove it",
            )


def _writes(version: VersionPlan) -> bool:
    """Whether the server itself writes the whole model."""
    return version.files.source.value == "hub" or version.service.runtime.unpacks.value

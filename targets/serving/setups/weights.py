"""The weights of a language model, for its server: a path or one commit of a hub, and the quantization method.

Traps handled here: a hub repository without a revision can change under a running service. A server does not start with
a quantization method that it or the device does not know, and a method has only some numbers of bits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ....compiler.because import Because, fixed, text
from ....compiler.finding import refusal
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.files import ModelFiles
from ....compiler.plan.serving.source import place_of
from ....compiler.system import Quantization
from ...pod.address import check_commit
from . import Setup

__all__ = ["language_server", "mounted", "quantization", "repository"]


WIDTHS = {
    "fp8": (8,), "awq": (4,), "gptq": (4, 8, 2, 3), "compressed-tensors": (4, 8, 2, 3, 5, 6, 7), "modelopt": (8, 4),
    "mxfp4": (4,),
}  # fmt: skip
"""The bits of a weight that each method has, the most common first."""


NATIVE = ("modelopt", 8)
"""The method and the bits of weights that only devices with FP8 run."""


def language_server(
    service: ServicePlan, args: Iterable[str | Because[str]], env: dict[str, Because[str]] | None = None
) -> Setup:
    """A server that takes all its settings as arguments, and can download a hub repository itself."""
    return Setup(
        args=tuple(args),
        env=env if env is not None else {},
        files={},
        model=mounted(service),
        file=fixed("model.safetensors", "the name of a single file of weights on the hub"),
    )


def repository(files: ModelFiles, server: str) -> Because[str] | None:
    """The hub repository, which the server downloads itself; None if an init container downloads the weights."""
    if files.source.value != "hub":
        return None
    check_commit(files, f"{server} downloads the repository itself, at the revision in the spec")
    return files.artifact.uri.map(lambda uri: place_of(uri).container)


def mounted(service: ServicePlan) -> Because[str]:
    """The mount path of weights that an init container or an image volume provides."""
    return text("{root}/{name}", root=service.runtime.model_path, name=service.model)


def quantization(service: ServicePlan, known: Collection[str], server: str) -> Because[str] | None:
    """The method that quantized the weights; None if they have 16 bits."""
    optimization = service.scope.system.models[service.model.value].optimization
    few = optimization.quantization if optimization is not None else None
    if few is None:
        return None
    if few.method.value not in known:
        raise refusal(
            "MLS012",
            f"{server} cannot serve weights quantized by `{few.method.value}`",
            few.method,
            others=((service.runtime_name, "the runtime"),),
            note="the server would fail to start",
            help=f"use one of {', '.join(f'`{method}`' for method in known)}, whichever the `config.json` of the "
            "weights names",
        )
    _check_bits(few)
    _check_device(service, few)
    return few.method


def _check_device(service: ServicePlan, few: Quantization) -> None:
    """Refuse FP8 weights of Model Optimizer on a device that does not compute in FP8.

    vLLM and SGLang run those of other methods there, in 16 bits (`get_min_capability` of their `ModelOptFp8Config`).
    """
    devices, eight = service.devices, few.bits is None or few.bits.value == NATIVE[1]
    if devices is None or few.method.value != NATIVE[0] or not eight:
        return
    if service.scope.platform.accelerators[devices.type.value].fp8_compute is None:
        raise refusal(
            "MLS012",
            f"`{devices.type.value}` cannot run weights quantized by `{few.method.value}` to 8 bits",
            few.method,
            others=((devices.type, "does not compute in FP8"),),
            note="the server checks the device as it loads the weights, and exits, in every replica",
            help="use an accelerator that computes in FP8, such as `l4`, or weights quantized by `fp8`",
        )


def _check_bits(few: Quantization) -> None:
    able = WIDTHS[few.method.value]
    if few.bits is not None and few.bits.value not in able:
        raise refusal(
            "MLS008",
            f"weights quantized by `{few.method.value}` cannot have {few.bits.value} bits",
            few.bits,
            others=((few.method, "the method"),),
            note="the plan would count other weights than the server loads, or the server would fail to start",
            help=f"write {', or '.join(f'`bits: {bits}`' for bits in able)}, or remove it",
        )

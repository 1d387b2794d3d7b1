"""Rules on the shapes of tensors: whether they include the batch."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import MLSystem
from ..lint import rule

__all__ = ["batch_in_the_shapes"]


@rule(
    "MLS416",
    "warning",
    "services.*.batching",
    "models.*.signature.inputs.*.shape",
    "models.*.signature.outputs.*.shape",
)
def batch_in_the_shapes(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Shapes that include the batch although the server adds it.

    Why: with request batching, Triton puts the batch in front of each shape. If the shapes already start with it,
    Triton compares them with the model file, finds one dimension too many, and refuses to load the model.

    Bad:
        model:
          signature:
            inputs: [{name: features, dtype: float32, shape: [-1, 16]}]
            outputs: [{name: score, dtype: float32, shape: [-1, 1]}]
        serving: {runtime: triton, batching: {maxSize: 8}}
    Good:
        model:
          signature:
            inputs: [{name: features, dtype: float32, shape: [16]}]
            outputs: [{name: score, dtype: float32, shape: [1]}]
        serving: {runtime: triton, batching: {maxSize: 8}}
    """
    for service in plan.online.values():
        batching = service.part.batching
        if batching is None or service.runtime.setup.value != "triton":
            continue
        signature = system.models[service.model.value].signature
        shapes = [tensor.shape for tensor in (*signature.inputs, *signature.outputs)] if signature is not None else []
        if shapes and all(shape and shape[0].value == -1 for shape in shapes):
            without = ", ".join(str(size.value) for size in shapes[0][1:]) or "1"
            yield finding(
                "MLS416",
                "every shape starts with -1, which looks like the batch",
                shapes[0][0],
                others=((batching.max_size, "with batching, the server adds the batch"),),
                note="the server finds one dimension more than the model file has, and does not load the model",
                help=f"leave out the first dimension of each shape, such as `shape: [{without}]`, or suppress this "
                "finding if the sizes of the model really vary there",
            )

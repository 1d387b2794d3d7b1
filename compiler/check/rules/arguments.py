"""The rule on arguments and variables of a server that contradict the plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...because import Because
from ...catalog import load as catalog
from ...diagnostics import Diagnostic
from ...finding import finding, where
from ...plan import Plan
from ...plan.service import ServicePlan
from ...system import MLSystem
from ..lint import rule

if TYPE_CHECKING:
    from ..decided import Setting

__all__ = ["decided_by_the_plan"]


@rule(
    "MLS438",
    "error",
    "services.*.container.args",
    "services.*.container.command",
    "services.*.container.env",
    "services.*.env",
)
def decided_by_the_plan(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:  # noqa: ARG001 - every rule takes both
    """Argument or variable of a server that contradicts the plan.

    Why: replicas, memory, probes, routes, and objectives follow from what mlspec configures in the server. Another
    value in an argument either loses silently, as mlspec's own arguments are the last, or wins. Then the server runs
    out of memory, misses its probes, or takes more requests than the plan counts. The field changes both.

    Bad:
        problem: {task: generation}
        constraints: {throughput: {mean: 2/s, peak: 6/s}}
        model: {llm: {family: llama-3.1-8b}}
        release:
          artifact:
            {uri: hf://a/assistant, format: safetensors, digest: 0e9e39f249a16976918f6564b8830bc894c89659, size: 16Gi}
        serving:
          runtime: vllm
          serviceTime: {mean: 4s, at: 16}
          resources: {cpu: 6, memory: 24Gi, accelerator: {type: l4}}
          llm: {tokens: {context: 8192, output: 512}}
          container: {args: [--max-num-seqs=24]}
    Good:
        problem: {task: generation}
        constraints: {throughput: {mean: 2/s, peak: 6/s}}
        model: {llm: {family: llama-3.1-8b}}
        release:
          artifact:
            {uri: hf://a/assistant, format: safetensors, digest: 0e9e39f249a16976918f6564b8830bc894c89659, size: 16Gi}
        serving:
          runtime: vllm
          serviceTime: {mean: 4s, at: 16}
          resources: {cpu: 6, memory: 24Gi, accelerator: {type: l4}}
          llm: {tokens: {context: 8192, output: 512}}
          batching: {maxSize: 24}
    """
    for service in plan.online.values():
        runtime = service.runtime
        lines = [line for line in (runtime.command, runtime.args) if any(map(_given, line))]
        variables = [one for env in (runtime.env, service.part.env) for one in env.items() if _given(one[1])]
        if not lines and not variables:
            continue
        from ..decided import decided  # rarely needed, so imported late

        known = decided(runtime.setup.value)
        if known is None:
            continue
        for line in lines:
            for number, setting, value in known.in_words([word.value for word in line]):
                why = _why(service, setting, value, once=known.once)
                if why:
                    yield _contradiction(service, setting, line[number].value, line[number], why)
        for name, given in variables:
            found = known.variable(name)
            text = given.value if isinstance(given, Because) else ""
            if found is not None and found.contradicts(text):
                why = _why(service, found, text)
                if why:
                    yield _contradiction(service, found, name, given, why)


def _given(value: object) -> bool:
    """Whether a value is not the catalog's, which a test compares with what is decided."""
    place = where(value)
    return place is None or not catalog.ships(place.file)


def _why(service: ServicePlan, setting: Setting, value: str, *, once: bool = False) -> str:
    """What goes wrong with a value; nothing if the plan of the service says the same, or has nothing to contradict."""
    from ..planned import PLANNED, agrees  # rarely needed, so imported late

    if setting.when is not None and PLANNED[setting.when](service) is None:
        return ""
    if setting.plan is None or not agrees(value, PLANNED[setting.plan](service)):
        return setting.why
    return _TWICE if once and value != setting.default else ""


_TWICE = "mlspec writes the same value, and the server refuses a flag that is given twice"


def _contradiction(service: ServicePlan, setting: Setting, written: str, at: object, why: str) -> Diagnostic:
    flag = written.partition("=")[0]
    other = f"`{flag}` is `{setting.name}`" if flag != setting.name and setting.name.startswith("-") else ""
    field = f"set `{setting.field}` of the {setting.of}" if setting.field and why is not _TWICE else setting.instead
    return finding(
        "MLS438",
        f"the plan decides `{flag}` of `{service.runtime_name.value}`",
        at,
        label=other,
        others=((service.runtime_name, "the runtime"),),
        note=why,
        help=f"remove it, and {field}" if field else "remove it",
    )

"""Rules on language models: output needs a limit, and a prompt needs a version."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import readable
from ...plan.service import ServicePlan
from ...plan.serving.facts import ServiceFacts
from ...system import MLSystem
from ..lint import rule
from .moving import is_moving

__all__ = ["adapters_alone", "any_file", "no_token_limit", "unknown_facts", "unversioned_prompt"]


def _generating(system: MLSystem, plan: Plan) -> Iterator[ServicePlan]:
    """The services that generate tokens; embedders and rerankers only read them."""
    for service in plan.online.values():
        described = service.part.llm is not None or system.models[service.model.value].llm is not None
        if described and service.generates.value:
            yield service


@rule(
    "MLS801",
    "error",
    "services.*.llm.task",
    "services.*.llm.tokens.context",
    "services.*.llm.tokens.output",
    "services.*.llm.retrieval",
)
def no_token_limit(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Language model without token limits.

    Why: a single request can ask for the longest possible output over the longest possible context. A few of those use
    up the memory of the accelerator, and all other requests wait (OWASP LLM10, unbounded consumption). A runtime that
    cannot limit the output needs only a limit on the context, which also ends the output.

    Bad:
        serving:
          llm:
            tokens: {context: 8192}
    Good:
        serving:
          llm:
            tokens: {context: 8192, output: 512}
    """
    for service in _generating(system, plan):
        llm = service.part.llm
        tokens = llm.tokens if llm is not None else None
        limits = {"context": tokens.context, "output": tokens.output} if tokens is not None else {}
        able = {feature.value for feature in service.runtime.features}
        asked = ("context",) if "llm" in able and "llm.tokens.output" not in able else ("context", "output")
        lacking = [name for name in asked if limits.get(name) is None]
        if lacking:
            usual = {"context": "context: 8192", "output": "output: 512"}
            limited = ", ".join(usual[name] for name in lacking)
            alone = len(plan.online) == 1 and system.problem.task.value == "generation"
            reads = "output" in lacking and not alone
            other = (
                ", or write `task: embedding` or `task: reranking` under `llm` if it writes no text" if reads else ""
            )
            yield finding(
                "MLS801",
                f"the language model is served without a limit on {' and '.join(f'`{name}`' for name in lacking)}",
                tokens,
                llm,
                service.runtime_name,
                note="a single request can use up memory and time while all others wait",
                help=f"add `{limited}` to the service's `llm.tokens`{other}"
                if tokens is not None
                else f"add `llm: {{tokens: {{{limited}}}}}` to the service{other}",
            )


@rule("MLS803", "warning", "services.*.llm.prompt.version", "services.*.llm.retrieval")
def unversioned_prompt(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """System prompt whose version changes over time.

    Why: a changed prompt is a changed model. Without a fixed version, an evaluation cannot say which prompt it covers,
    and a rollback cannot restore the old one.

    Bad:
        serving:
          llm:
            tokens: {context: 8192, output: 512, system: 600}
            prompt: {version: latest}
    Good:
        serving:
          llm:
            tokens: {context: 8192, output: 512, system: 600}
            prompt: {version: 2026-11-03}
    """
    for service in _generating(system, plan):
        llm = service.part.llm
        if llm is not None and llm.prompt is not None and is_moving(llm.prompt.version.value):
            yield finding(
                "MLS803",
                f"`{llm.prompt.version.value}` does not identify one version of the prompt",
                llm.prompt.version,
                note="an evaluation cannot say which prompt it covers, and a rollback cannot restore the old one",
                help="write the commit, date, or number of the prompt",
            )


@rule(
    "MLS807",
    "warning",
    "services.*.llm.knowledge.maxAge",
    "services.*.llm.knowledge.tokens",
    "services.*.llm.retrieval",
    "services.*.llm.tokens.context",
    "models.*.llm.family",
    "models.*.llm.tuning.method",
    "models.*.llm.window",
    "retraining.schedule",
)
def unknown_facts(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Knowledge that answers do not have, or that is too old.

    Why: a language model that is asked for a fact that it does not know invents one. What does not fit into the context
    needs retrieval, and a fine-tuned model knows nothing that is newer than its training.

    Bad:
        model: {llm: {family: llama-3.1-8b, tuning: {method: lora}}}
        retraining: {schedule: "0 3 * * 1", maxModelAge: 30d}
        serving:
          runtime: vllm
          llm:
            knowledge: {tokens: 3M, maxAge: 1d}
            tokens: {context: 8192, output: 512}
    Good:
        model: {llm: {family: llama-3.1-8b, tuning: {method: lora}}}
        retraining: {schedule: "0 3 * * 1", maxModelAge: 30d}
        serving:
          runtime: vllm
          llm:
            knowledge: {tokens: 3M, maxAge: 30d}
            tokens: {context: 8192, output: 512}
    """
    for found in plan.knowledge.values():
        asked, fits = found.asked, found.fits
        if asked is None or found.retrieved is not None or (fits is not None and fits.value):
            continue
        method, oldest = found.method, found.oldest
        if method is None and fits is not None:
            yield _unheard(asked.tokens, "what answers must know does not fit into the context", fits.reason)
        elif method is not None and asked.max_age is not None and not _trained_elsewhere(system, plan):
            if oldest is None:
                said = "nothing refreshes what a fine-tuned model knows"
                yield _unheard(asked.max_age, said, "no schedule trains it again")
            elif oldest.value > asked.max_age.value:
                ages = f"gets {readable(oldest.value)} old, and may be {readable(asked.max_age.value)} old"
                yield _unheard(asked.max_age, f"what answers know {ages}", oldest.reason)


def _trained_elsewhere(system: MLSystem, plan: Plan) -> bool:
    """Whether another environment trains the model, where the rule judges it."""
    return system.training is not None and plan.training is None


def _unheard(at: object, message: str, note: str) -> Diagnostic:
    return finding(
        "MLS807",
        message,
        at,
        note=f"the model invents what it does not know: {note}",
        help="describe its `retrieval` under `llm`, or correct `knowledge`",
    )


@rule(
    "MLS808",
    "warning",
    "models.*.llm.tuning.method",
    "training.fineTuning",
    "training.steps.train",
    "training.steps.compress",
    "services.*.model",
    "services.*.runtime",
)
def adapters_alone(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Adapters that a server would load as a whole model.

    Why: fine-tuning with `lora` or `qlora` writes the adapters and not the base model. A server of whole models does
    not start with such a folder: it has no `config.json`. Every new version would pass its gate, and then fail its
    rollout. The step `compress` is the place to merge the adapters into their base.

    Bad:
        model: {llm: {family: llama-3.1-8b, tuning: {method: lora, base: "hf://meta-llama/Llama-3.1-8B-Instruct"}}}
        training:
          fineTuning: {files: train/*.parquet, maxLength: 4096, revision: 0e9e39f249a16976918f6564b8830bc894c89659}
          resources: {accelerator: {type: l4}}
        serving: {runtime: vllm, llm: {tokens: {context: 8192, output: 512}}}
    Good:
        model: {llm: {family: llama-3.1-8b, tuning: {method: lora, base: "hf://meta-llama/Llama-3.1-8B-Instruct"}}}
        training:
          fineTuning: {files: train/*.parquet, maxLength: 4096, revision: 0e9e39f249a16976918f6564b8830bc894c89659}
          resources: {accelerator: {type: l4}}
          steps: {train: {}, compress: {command: [python, -m, chat.merge]}}
        serving: {runtime: vllm, llm: {tokens: {context: 8192, output: 512}}}
    """
    training = plan.training
    tuned = training.fine_tuning if training is not None else None
    if training is None or tuned is None or training.part.steps.compress is not None:
        return
    if not tuned.own or not tuned.adapters.value:
        return
    for service in plan.online.values():
        if service.model.value == training.model.value and not any_file(service):
            yield finding(
                "MLS808",
                f"`{service.runtime_name.value}` cannot load the adapters that training writes",
                tuned.tuning.method,
                others=((service.runtime_name, "loads whole models"),),
                note="the server would not start with them, so every new version would fail its rollout",
                help="add `compress: {command: [...]}` under `training.steps`, with a command that merges them into "
                "their base model, or write `method: full`",
            )


def any_file(service: ServiceFacts) -> bool:
    """Whether its image decides what it loads."""
    return "custom" in {known.value for known in service.runtime.formats}

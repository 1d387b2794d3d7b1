"""Rules on language models: an answer has an end, and what makes it has a version."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.service import ServicePlan
from ...system import MLSystem, OnlineService
from ..lint import rule

__all__ = ["no_token_limit", "unversioned_prompt"]

MUTABLE = ("latest", "main", "master", "head", "current")
"""Names that stand for another thing every day."""


def _generating(system: MLSystem, plan: Plan) -> Iterator[ServicePlan]:
    """The services whose answers are generated; an embedder reads tokens and writes none."""
    if system.problem.task.value == "embedding":
        return
    parts = [part for part in system.services.values() if isinstance(part, OnlineService)]
    embedders = {p.llm.retrieval.embedder.value for p in parts if p.llm is not None and p.llm.retrieval is not None}
    for name, service in plan.online.items():
        if name not in embedders and (
            service.part.llm is not None or system.models[service.model.value].llm is not None
        ):
            yield service


@rule("MLS801", "error", "services.*.llm.tokens.context", "services.*.llm.tokens.output", "services.*.llm.retrieval")
def no_token_limit(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Language model without a limit on tokens.

    Why: one request can ask for the longest answer that the model is able to give, over the longest context. A few of
    them take all memory of the accelerator, and everybody else waits (OWASP LLM10, unbounded consumption). Of a runtime
    that cannot limit answers only a context is asked for: with it an answer ends, too.

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
        able = {feature.value for feature in service.runtime.honours}
        asked = ("context",) if "llm" in able and "llm.tokens.output" not in able else ("context", "output")
        lacking = [name for name in asked if limits.get(name) is None]
        if lacking:
            usual = {"context": "context: 8192", "output": "output: 512"}
            limited = ", ".join(usual[name] for name in lacking)
            yield finding(
                "MLS801",
                f"a language model is served without a limit on {' and '.join(f'`{name}`' for name in lacking)}",
                tokens,
                llm,
                service.runtime_name,
                note="one request may take all memory and time, and everybody else waits",
                help=f"add `{limited}` to `llm.tokens` of the service"
                if tokens is not None
                else f"add `llm: {{tokens: {{{limited}}}}}` to the service",
            )


@rule("MLS803", "warning", "services.*.llm.prompt.version", "services.*.llm.tokens.system", "services.*.llm.retrieval")
def unversioned_prompt(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """System prompt without a version.

    Why: a changed prompt is a changed model. Without a version no evaluation says which prompt it judged, and no
    rollback brings the old one back.

    Bad:
        serving:
          llm:
            tokens: {context: 8192, output: 512, system: 600}
    Good:
        serving:
          llm:
            tokens: {context: 8192, output: 512, system: 600}
            prompt: {version: 2026-11-03}
    """
    for service in _generating(system, plan):
        llm = service.part.llm
        if llm is None:
            continue
        system_tokens = llm.tokens.system if llm.tokens is not None else None
        if llm.prompt is None and system_tokens is not None and system_tokens.value > 0:
            yield finding(
                "MLS803",
                f"the system prompt of {system_tokens.value:,} tokens has no version",
                system_tokens,
                note="no evaluation says which prompt it judged, and no rollback brings the old one back",
                help="add `prompt: {version: ...}` with the commit, the date or the number of the prompt",
            )
        elif llm.prompt is not None and llm.prompt.version.value.lower() in MUTABLE:
            yield finding(
                "MLS803",
                f"`{llm.prompt.version.value}` is another prompt every day",
                llm.prompt.version,
                note="no evaluation says which prompt it judged, and no rollback brings the old one back",
                help="write the commit, the date or the number of the prompt",
            )

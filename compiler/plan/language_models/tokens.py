"""The token counts of the requests of one service: what fits, and what is usual."""

from __future__ import annotations

from functools import cached_property

from ...because import Because, because, decision, first
from ...finding import refusal
from ...system import Family, Model, OnlineService, Platform, UsualTokens
from ..choose import assumed, count

__all__ = ["Tokens"]

USUAL_OUTPUT = 512
"""The assumed output tokens if the spec does not limit them."""


class Tokens:
    """The token counts of one service's requests, from the spec and from the model's family."""

    def __init__(self, model: Model, part: OnlineService, platform: Platform, generates: Because[bool]) -> None:
        self.part = part
        self.generates = generates
        self.platform = platform
        self.parent = model
        self._budget = part.llm.tokens if part.llm is not None else None

    @cached_property
    def family(self) -> Family | None:
        """The entry of its family in the catalog or the platform file."""
        return self.platform.families[self.named.value] if self.named is not None else None

    @property
    def named(self) -> Because[str] | None:
        """The name of its family."""
        return self.parent.llm.family if self.parent.llm is not None else None

    @cached_property
    def window(self) -> Because[int] | None:
        """The context window that the model was trained for."""
        own = self.parent.llm.window if self.parent.llm is not None else None
        return first(own, self.family.window if self.family is not None else None)

    @cached_property
    def context(self) -> Because[int] | None:
        """The longest context that is served. Without a limit, a server uses the model's whole context window."""
        return first(self._budget.context if self._budget is not None else None, self.window)

    @cached_property
    def output(self) -> Because[int]:
        """The largest number of output tokens of a response."""
        if not self.generates.value:
            return because(0, "the service generates no tokens", self.generates)
        given = self._budget.output if self._budget is not None else None
        path = f"{self.part.spec_path}.llm.tokens.output"
        return given if given is not None else assumed(path, USUAL_OUTPUT, "a guess, because responses have no limit")

    @cached_property
    def retrieved(self) -> Because[int] | None:
        """The tokens of the retrieved chunks in a context."""
        retrieval = self.part.llm.retrieval if self.part.llm is not None else None
        return _retrieved(retrieval.chunks, retrieval.chunk_tokens) if retrieval is not None else None

    @property
    def _written(self) -> Because[int] | None:
        """The limit on answers, if there are any."""
        return self._budget.output if self._budget is not None and self.generates.value else None

    @cached_property
    def parts(self) -> dict[str, Because[int]]:
        """The parts of a context that the spec declares, by name."""
        budget = self._budget
        given = {} if budget is None else {"system": budget.system, "history": budget.history, "prompt": budget.prompt}
        named = {**given, "chunks": self.retrieved, "answer": self._written}
        return {name: tokens for name, tokens in named.items() if tokens is not None}

    @cached_property
    def prompt(self) -> Because[int]:
        """The prompt tokens of a long request."""
        brought = {name: tokens for name, tokens in self.parts.items() if name != "answer"}
        if brought:
            return _brought(brought)
        half = _half(self.context, self.output, self.generates)
        return assumed(f"{self.part.spec_path}.llm.tokens.prompt", half.value, half.reason, half)

    @cached_property
    def length(self) -> Because[int]:
        """The tokens of a long sequence: prompt plus output."""
        return _length(self.prompt, self.output)

    @cached_property
    def usual_prompt(self) -> Because[int]:
        """The mean prompt tokens of a request; those of a long one if the spec does not say."""
        usual = self._usual.prompt if self._usual is not None else None
        if usual is None:
            return self.prompt
        self._holds_what_all_have(usual)
        return self._below(usual, self.context, "the context")

    @cached_property
    def usual_output(self) -> Because[int]:
        """The mean output tokens of a response; the largest number if the spec does not say."""
        usual = self._usual.output if self._usual is not None else None
        return self.output if usual is None else self._below(usual, self.output, "the longest answer")

    @cached_property
    def mean_length(self) -> Because[int]:
        """The mean tokens of a sequence while it is generated: half of the output is there, on average."""
        return _mean_length(self.usual_prompt, self.usual_output, self.lengths)

    @cached_property
    def shared(self) -> Because[int]:
        """The tokens that all prompts start with, which a prefix cache keeps."""
        caching, system = self.part.llm.caching if self.part.llm is not None else None, self.parts.get("system")
        if caching is None or not caching.prefix.value or system is None:
            return because(0, "no part of the prompt is cached", caching)
        return _shared(system, caching.prefix, self.usual_prompt)

    @property
    def says_usual(self) -> bool:
        """Whether the spec says how long requests usually are."""
        return self._usual is not None

    @cached_property
    def lengths(self) -> Because[str]:
        """Which lengths of requests capacity and cost are for."""
        if self._usual is None:
            return because("the largest lengths", "the spec does not say how long requests usually are", self.output)
        return because("the mean lengths", "the spec says how long requests usually are", self._usual)

    @property
    def _usual(self) -> UsualTokens | None:
        return self._budget.usual if self._budget is not None else None

    def _holds_what_all_have(self, usual: Because[int]) -> None:
        """Refuse a mean prompt that is shorter than what every prompt contains."""
        fixed = {name: tokens for name, tokens in self.parts.items() if name in ("system", "chunks")}
        always = sum(tokens.value for tokens in fixed.values())
        if usual.value < always:
            raise refusal(
                "MLS008",
                f"the mean prompt of {count(usual.value, 'token')} is below the {always:,} that every prompt has",
                usual,
                others=tuple((tokens, f"{tokens.value:,} for `{name}`") for name, tokens in fixed.items()),
                note="capacity and cost would be planned for shorter prompts than the server gets",
                help=f"write at least {always}: the retrieved chunks and the system prompt count",
            )

    def _below(self, usual: Because[int], most: Because[int] | None, what: str) -> Because[int]:
        if most is not None and usual.value > most.value:
            raise refusal(
                "MLS008",
                f"the mean of {count(usual.value, 'token')} is above {what}",
                usual,
                others=((most, f"{what} has {count(most.value, 'token')}"),),
                note="the server would cut off or refuse most requests",
                help=f"write at most {most.value}, or allow more",
            )
        return usual


@decision
def _retrieved(chunks: Because[int], tokens: Because[int]) -> tuple[int, str]:
    return chunks.value * tokens.value, f"{count(chunks.value, 'chunk')} of {count(tokens.value, 'token')}"


@decision
def _brought(parts: dict[str, Because[int]]) -> tuple[int, str]:
    said = " + ".join(f"{tokens.value:,} for `{name}`" for name, tokens in parts.items())
    return sum(tokens.value for tokens in parts.values()), said


@decision
def _half(context: Because[int] | None, output: Because[int], generates: Because[bool]) -> tuple[int, str]:
    if context is None and not generates.value:
        return USUAL_OUTPUT, "a guess, because the context has no limit"
    if context is None:
        return 4 * output.value, "four times the output"
    left = max(1, (context.value - output.value) // 2)
    return left, f"half of what the output leaves of the context of {count(context.value, 'token')}"


@decision
def _length(prompt: Because[int], output: Because[int]) -> tuple[int, str]:
    return (
        prompt.value + output.value,
        f"{count(prompt.value, 'prompt token')} ({prompt.reason}) and {count(output.value, 'output token')}",
    )


@decision
def _mean_length(prompt: Because[int], output: Because[int], lengths: Because[str]) -> tuple[int, str]:
    return (
        prompt.value + output.value // 2,
        f"{count(prompt.value, 'prompt token')} and half of {count(output.value, 'output token')}, for {lengths.value}",
    )


@decision
def _shared(system: Because[int], cached: Because[bool], prompt: Because[int]) -> tuple[int, str]:  # noqa: ARG001
    shared = min(system.value, prompt.value - 1)
    return shared, f"{count(shared, 'token')} of the system prompt from the prefix cache"

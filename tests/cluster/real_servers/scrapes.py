"""What a scrape holds: samples of the Prometheus text format, and which of them a selector of ours finds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Sample", "Scrape", "Selector", "selectors"]

_LABEL = r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"'
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?")
_SELECTOR = re.compile(rf"([a-zA-Z_:][\w:]*)\{{((?:{_LABEL},?)*)\}}")


@dataclass(frozen=True)
class Sample:
    """One line of a scrape."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Selector:
    """A vector selector of PromQL."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, name: str, matchers: str = "") -> Selector:
        """A series, and matchers as PromQL writes them."""
        found = re.findall(_LABEL, matchers)
        return cls(name, tuple((label, how, text.replace("\\\\", "\\")) for label, how, text in found))

    def finds(self, sample: Sample, target: Mapping[str, str]) -> bool:
        """Whether the selector finds a sample, once Prometheus has added the labels of the target."""
        labels = {**sample.labels, **target}
        return sample.name == self.name and all(
            _fits(labels.get(label, ""), how, text) for label, how, text in self.matchers
        )

    def __str__(self) -> str:
        return f"{self.name}{{{','.join(label + how + repr(text) for label, how, text in self.matchers)}}}"


def _fits(value: str, how: str, text: str) -> bool:
    if "~" in how:
        return (re.fullmatch(text, value) is not None) == (how == "=~")
    return (value == text) == (how == "=")


class Scrape:
    """The samples of a scrape."""

    def __init__(self, text: str, target: Mapping[str, str] | None = None) -> None:
        self.samples, self.target = tuple(_samples(text)), target or {}

    def find(self, selector: Selector) -> list[Sample]:
        """The samples that a selector finds."""
        return [sample for sample in self.samples if selector.finds(sample, self.target)]

    def total(self, selectors: Iterable[Selector]) -> float:
        """The sum of what some selectors find."""
        return sum(sample.value for selector in selectors for sample in self.find(selector))


def _samples(text: str) -> Iterator[Sample]:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            found = _SAMPLE.fullmatch(line.strip())
            assert found is not None, line
            labels = {label: value for label, _, value in re.findall(_LABEL, found[2] or "")}
            yield Sample(found[1], labels, float(found[3]))


def selectors(promql: str) -> set[Selector]:
    """The selectors of series that the server itself exports: those with its job, except for `up`.

    Others are recorded by our own rules, or exported by controllers.
    """
    found = {Selector.of(name, matchers) for name, matchers, *_ in _SELECTOR.findall(promql)}
    ours = {one for one in found if any(label == "job" for label, _, _ in one.matchers)}
    return {one for one in ours if not one.name.startswith("mlspec:") and one.name != "up"}

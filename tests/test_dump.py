"""The dumper: what it writes, every reader of YAML reads back as it was; and each line knows its reasons."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mlspec.compiler.because import Because, Derived, because, because_of, fixed, text
from mlspec.compiler.emit.dump import Lines, dump, plain

WHY = fixed("test", "a test")

AMBIGUOUS = [
    "y",
    "n",
    "Y",
    "N",
    "yes",
    "no",
    "on",
    "off",
    "Yes",
    "NO",
    "On",
    "OFF",
    "true",
    "False",
    "null",
    "Null",
    "~",
    "1",
    "0",
    "01",
    "0o7",
    "0x1f",
    "0b1",
    "1_000",
    "1e3",
    "1E3",
    ".5",
    "-.5",
    "+1",
    "1.",
    "12:30",
    "190:20:30",
    "12:30:45.5",
    "2024-01-01",
    "2024-01-01T00:00:00Z",
    "=",
    "<<",
    ".inf",
    "-.inf",
    ".nan",
    "-",
    "?",
    ":",
    "--",
    "---",
    "...",
    "#",
    "%",
    "@",
    "`",
    "!",
    "&",
    "*",
    "|",
    ">",
    "[",
    "]",
    "{",
]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(AMBIGUOUS),
    st.sampled_from(
        ["", " ", "a: b", "a #b", "# a", "- a", "'", '"', "a'b", "\t", "a\n", "\na", "a\n\nb", " a", "a ", "a:"]
    ),
)
LEAVES = st.one_of(TEXTS, st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))


def bodies(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    inner = st.recursive(
        leaves,
        lambda below: st.one_of(
            st.dictionaries(TEXTS, below, max_size=4),
            st.lists(below.filter(lambda x: not isinstance(x, list)), max_size=4),
        ),
        max_leaves=12,
    )
    return st.dictionaries(TEXTS, inner, min_size=1, max_size=5)


def reasoned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reasoned(child) for key, child in value.items()}
    if isinstance(value, list):
        return [reasoned(child) for child in value]
    return because(value, "given")


class NoDates(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, without what JSON does not have."""


NoDates.yaml_implicit_resolvers = {
    first: [(tag, rx) for tag, rx in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@given(bodies(LEAVES))
def test_yaml_1_1_reads_back_what_was_written(body: dict[str, Any]) -> None:
    written, _ = dump(reasoned(body), WHY)
    assert yaml.load(written, Loader=NoDates) == body


@given(bodies(LEAVES))
def test_yaml_1_2_reads_back_what_was_written(body: dict[str, Any]) -> None:
    written, _ = dump(reasoned(body), WHY)
    assert YAML(typ="safe", pure=True).load(StringIO(written)) == body


@given(bodies(LEAVES))
def test_every_line_has_reasons(body: dict[str, Any]) -> None:
    written, reasons = dump(reasoned(body), WHY, "# a header\n# of two lines")
    assert len(reasons) == written.count("\n")
    assert all(line[-1] is WHY for line in reasons)


@pytest.mark.parametrize("word", AMBIGUOUS)
def test_ambiguous_words_are_quoted(word: str) -> None:
    """kubectl reads YAML 1.1: `image: y` was taken for the boolean true, and refused."""
    written, _ = dump({"a": word}, WHY)
    assert written.startswith("a: '"), written


@pytest.mark.parametrize(
    "word", ["nginx:1.2", "http://a.b:80/c", "30s", "512Mi", "--flag=x", "a b c", "/models", "app.kubernetes.io/name"]
)
def test_plain_words_are_not_quoted(word: str) -> None:
    assert dump({"a": word}, WHY)[0] == f"a: {word}\n"


@pytest.mark.parametrize("bare", [1, True, 0.5, Derived()])
def test_a_value_without_a_reason_is_refused(bare: object) -> None:
    with pytest.raises(TypeError, match="has no reason"):
        dump({"a": bare}, WHY)
    with pytest.raises(TypeError, match="has no reason"):
        dump({"a": [bare]}, WHY)


def test_reasons_nest() -> None:
    leaf, scope = because(3, "leaf"), Because({"b": because(3, "leaf")}, "scope")
    written, reasons = dump({"a": leaf, "c": scope, "d": "structure"}, WHY)
    assert written == "a: 3\nc:\n  b: 3\nd: structure\n"
    assert [[reason.why for reason in line] for line in reasons] == [
        ["leaf", "a test"],
        ["scope", "a test"],
        ["leaf", "scope", "a test"],
        ["a test"],
    ]


def test_lines_of_a_text_have_their_own_reasons() -> None:
    name = because("model", "given")
    body = {"config": Lines("# fixed", text('name: "{name}"', name=name), "end")}
    written, reasons = dump(body, WHY)
    assert written == 'config: |\n  # fixed\n  name: "model"\n  end\n'
    assert [len(line) for line in reasons] == [1, 1, 2, 1]
    assert plain(body) == {"config": '# fixed\nname: "model"\nend\n'}


def test_a_because_cannot_lose_its_reason() -> None:
    value = because(3, "given")
    for careless in (
        lambda: f"{value}",
        lambda: str(value),
        lambda: bool(value),
        lambda: value == 3,
        lambda: {value: 1},
    ):
        with pytest.raises(TypeError, match="opaque"):
            careless()


def test_sources_that_are_found_later_are_found_once_and_are_the_same() -> None:
    asked: list[int] = []
    own = fixed(1, "a choice")

    def find() -> object:
        asked.append(1)
        return (own, [own])

    later = because_of("text", "why", find)
    assert dump({"a": later}, fixed("x", "y"))[0] == "a: text\n"
    assert not asked
    assert later.sources == later.sources
    assert [id(source) for source in later.sources] == [id(own), id(own)]
    assert len(asked) == 1
    with pytest.raises(AttributeError):
        _ = later.misspelled  # type: ignore[attr-defined]

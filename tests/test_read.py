"""Reading: positions, bounds, and input that PyYAML would hide or crash on."""

from __future__ import annotations

import pytest
import yaml

from mlspec.compiler.diagnostics import Diagnostic, SourceFile
from mlspec.compiler.read import MAX_DEPTH, MAX_NODES, read
from mlspec.compiler.syntax import mistake
from mlspec.compiler.tree import Mapping, Scalar, Sequence, lookup


def tree(text: str) -> Mapping:
    root, found = read(SourceFile("f", text))
    assert root is not None, found
    return root


def refused(text: str) -> Diagnostic:
    root, found = read(SourceFile("f", text))
    assert root is None
    return found[-1]


def test_scalars_keep_their_source_text() -> None:
    root = tree("a: no\nb: 0012\nc: 4e91102\nd: '5'\n")
    assert [(s.text, s.plain) for s in root.entries.values() if isinstance(s, Scalar)] == [
        ("no", True),
        ("0012", True),
        ("4e91102", True),
        ("5", False),
    ]


def test_positions_count_code_points() -> None:
    node = tree("é: {ü: 'x y'}\n").entries["é"]
    assert isinstance(node, Mapping)
    assert repr(node.entries["ü"].span) == "f:1:8"
    assert (node.entries["ü"].column, node.entries["ü"].end_column) == (7, 12)


def test_a_block_is_shown_by_its_first_line() -> None:
    span = tree("a:\n  b: 1\n  c: 2\nd: 3\n").entries["a"].span
    assert (span.line, span.column, span.end_line, span.end_column) == (1, 2, 1, 6)


def test_a_block_scalar_does_not_reach_into_the_next_key() -> None:
    span = tree("a: |\n  one\n  two\nb: 1\n").entries["a"].span
    assert (span.line, span.end_line) == (0, 0)


def test_an_alias_is_its_anchor() -> None:
    root = tree("a: &x [1, 2]\nb: *x\n")
    assert root.entries["a"] is root.entries["b"]


def test_duplicate_keys_are_found_with_both_places() -> None:
    root, found = read(SourceFile("f", "a: 1\nb: 2\na: 3\n"))
    assert root is not None
    assert [d.id for d in found] == ["MLS003"]
    assert repr(found[0].span) == "f:3:1"
    assert repr(found[0].others[0].span) == "f:1:1"


@pytest.mark.parametrize("merged", ["*a", "[*b, *a]"])
def test_trap_a_merge_key_hides_what_it_adds(merged: str) -> None:
    """It is the only finding: the keys of the other mapping are there, except for those that are set here."""
    root, found = read(SourceFile("f", f"a: &a {{x: 1, y: 2}}\nb: &b {{z: 3}}\nc: {{<<: {merged}, y: 4}}\n"))
    assert root is not None
    assert [one.message for one in found] == ["the merge key `<<` is not supported"]
    read_ = {key: value.text for key in "xyz" if isinstance(value := lookup(root, ("c", key)), Scalar)}
    assert read_ == ({"x": "1", "y": "4"} if merged == "*a" else {"x": "1", "y": "4", "z": "3"})


@pytest.mark.parametrize("other", ["1", "[1, a]", "null"])
def test_a_merge_key_of_no_mapping_adds_nothing(other: str) -> None:
    root, found = read(SourceFile("f", f"a: {{<<: {other}, b: 1}}\n"))
    assert root is not None
    assert len(found) == 1
    node = root.entries["a"]
    assert isinstance(node, Mapping)
    assert list(node.entries) == ["b"]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "f:1:1", "empty"),
        ("- 1\n", "f:1:1", "a list, not a mapping"),
        ("a: 1\n---\nb: 2\n", "f:2:1", "second YAML document"),
        ("a: b: c\n", "f:1:5", "is not allowed here"),
        ("a:\n\tb: 1\n", "f:2:1", "cannot start with"),
        ("a: @b\n", "f:1:4", "cannot start with"),
        ("a: 'b\n", "f:2:1", "is not closed"),
        ("a: 'b\n---\nc'\n", "f:2:1", "is not closed"),
        ('a: "\\q"\n', "f:1:5", "escape"),
        ("a: [1\n", "f:2:1", "not closed"),
        ("a: [1\nb: 2\n", "f:2:2", "not closed"),
        ("a: ]\n", "f:1:4", "without an opening one"),
        ("a: [1,,2]\n", "f:1:7", "without a value"),
        ("a: 'b' c\n", "f:1:8", "after the end"),
        ("a: - 1\n", "f:1:4", "is not allowed here"),
        ("a:\n  - 1\n  b: 2\n", "f:3:3", "list above"),
        ("'a':\n    b: 1\n  c: 2\n", "f:3:3", "indentation"),
        ("a: 1\nb\nc: 2\n", "f:3:1", "without a `:`"),
        ("a: |x\n  y\n", "f:1:5", "next line"),
        ("a: &\n", "f:1:5", "without a name"),
        ("a: !x!y z\n", "f:1:4", "undefined YAML tag"),
        ("%FOO\na: 1\n", "f:1:5", "cannot start with"),
        ("a: 1\n...\nb: 2\n", "f:3:1", "cannot be read"),
        ("a: \x00\n", "f:1:4", "does not allow"),
        ("a: x\u2028b: y\n", "f:1:5", "U+2028"),
        ("a: x\u0085b: y\n", "f:1:5", "U+0085"),
        ("a: x\rb: y\n", "f:1:5", "U+000D"),
        ("a: \ud800\n", "f:1:4", "half of a surrogate pair"),
        ("a: !!python/object:os.system x\n", "f:1:4", "tag"),
        ("a: *b\n", "f:1:4", "has no anchor"),
        ("a: &a [*a]\n", "f:1:8", "has no anchor"),
        ("[a]: 1\n", "f:1:1", "a list cannot be a key"),
        ("a:\n\u00a0 b: 1\n  c: 2\n", "f:2:1", "looks like a space"),
        ("a:\n  b:\u00a01\n  c: 2\n", "f:2:5", "looks like a space"),
        ("a:\u202f\n  b: 1\n", "f:1:3", "looks like a space"),
        ("a: 'b\u00a0c\nd: 1\n", "f:3:1", "is not closed"),
    ],
)
def test_refuses_with_a_position(text: str, place: str, words: str) -> None:
    found = refused(text)
    assert repr(found.span) == place
    assert words in found.message
    assert found.help


@pytest.mark.parametrize("close", ["", "]"])
@pytest.mark.parametrize("count", [MAX_DEPTH, 900, 10_000, 1_000_000])
def test_deep_nesting_is_refused_at_our_own_bound(count: int, close: str) -> None:
    """100 KB of `[` crash the loader of PyYAML 6.0.1 with a segmentation fault. PyYAML 6.0.4 rejects a thousand."""
    found = refused("a: " + "[" * count + close * count)
    assert found.message == f"values are nested more than {MAX_DEPTH} levels deep"
    assert repr(found.span) == f"f:1:{len('a: ') + MAX_DEPTH}"


def test_brackets_in_a_text_are_not_nested() -> None:
    assert set(tree(f"a: '{'[' * 2000}'\n").entries) == {"a"}
    assert "is not closed" in refused(f"a: '{'[' * 2000}").message


@pytest.mark.parametrize(
    "error",
    [
        yaml.YAMLError("words of tomorrow"),
        yaml.MarkedYAMLError("words", None, "of tomorrow", None),
        yaml.MarkedYAMLError("words", None, "of tomorrow", yaml.Mark("f", 9, 7, 9, None, 0)),
        yaml.MarkedYAMLError(
            "words", yaml.Mark("f", 9, 0, 0, None, 0), "of tomorrow", yaml.Mark("f", 9, 7, 9, None, 0)
        ),
    ],
)
def test_the_words_of_the_library_are_never_shown(error: yaml.YAMLError) -> None:
    """Whatever a version rejects, with or without a place, and even with a place outside the file."""
    found = mistake(SourceFile("f", "a: 1\nb: 2\n"), error)
    assert "tomorrow" not in repr(found)
    assert found.message
    assert found.span.line < len(found.span.file.lines)


def test_alias_bombs_are_counted() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert f"more than {MAX_NODES:,} values" in refused("\n".join(lines)).message


def test_windows_line_ends_do_not_shift_positions() -> None:
    assert repr(tree("a: 1\r\nb:\r\n  c: 2\r\n").entries["b"].span) == "f:3:3"


def test_list_items_are_found_by_name_and_by_position() -> None:
    root = tree("a: [{name: x, v: 1}, {name: y, v: 2}]\n")
    assert isinstance(root.entries["a"], Sequence)
    by_name, by_position = lookup(root, ("a", "y", "v")), lookup(root, ("a", "1", "v"))
    assert by_name is by_position
    assert isinstance(by_name, Scalar)
    assert by_name.text == "2"


def test_what_is_missing_at_the_end_of_a_file_is_missing_there() -> None:
    """libyaml looks for the value of an explicit key on a line that does not exist."""
    tree, found = read(SourceFile("f.yaml", "environments:\n ? "))
    assert found == []
    assert tree is not None
    environments = tree.entries["environments"]
    assert isinstance(environments, Mapping)
    [value] = environments.entries.values()
    assert (value.line, value.column) == (1, 3)

"""The catalog as it is read from bytecode is what its YAML says, each value in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.catalog import load
from mlspec.compiler.diagnostics import SourceFile
from mlspec.compiler.read import read
from mlspec.compiler.tree import Mapping, Node, Scalar, Sequence
from mlspec.schema.generate import generated

from .support import ROOT

CATALOG = ROOT / "compiler" / "catalog"


def shown(node: Node) -> Any:
    """A node with all that it knows."""
    place = (node.file.name, *node.place[1:])
    if isinstance(node, Scalar):
        return (place, node.text, node.plain)
    if isinstance(node, Sequence):
        return (place, [shown(item) for item in node.items])
    assert isinstance(node, Mapping)
    return (place, [(key, shown(node.keys[key]), shown(child)) for key, child in node.entries.items()])


@pytest.mark.parametrize("path", sorted(CATALOG.rglob("*.yaml")), ids=lambda path: path.stem)
def test_it_is_what_the_file_says(path: Path) -> None:
    name = path.relative_to(CATALOG).with_suffix("").as_posix()
    text = path.read_text()
    tree, found = read(SourceFile(f"catalog/{name}.yaml", text))
    assert tree is not None
    assert not found
    loaded = load._file(name)
    assert shown(loaded) == shown(tree)
    assert (loaded.file.text, loaded.file.lines) == (tree.file.text, tree.file.lines)


def test_no_module_is_left_of_a_file_that_is_gone() -> None:
    folder = CATALOG / "built"
    assert set(folder.glob("*.py")) == {path for path in generated() if path.parent == folder}


def test_no_text_is_read_before_it_is_shown() -> None:
    load._file.cache_clear()
    file = load._file("metrics").file
    with pytest.raises(AttributeError):
        object.__getattribute__(file, "text")
    assert file.lines[0].startswith("#")

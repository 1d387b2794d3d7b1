"""New values in the text of a platform file, which otherwise stays as its author wrote it: order, layout, and comments.

The new text is read again: unless it says what the old one says, but for the new values, there is none. So layouts that
these few rules do not know are refused rather than damaged.
"""

from __future__ import annotations

import re

from ...diagnostics import Edit, SourceFile, Span, applied
from ...read import read
from ...tree import Mapping, Node, Scalar
from ..reasons import scalars

__all__ = ["path_to", "remark", "with_value"]

Path = tuple[str, ...]

MARK = "# mlspec calibrate: "
_NO_WORD = re.compile(r"(?a:[^\w./:@+ -]+)")


def remark(*facts: str) -> str:
    """Where a value comes from, as a comment: without what would end the line, or change how a terminal shows it."""
    return MARK + ", ".join(_NO_WORD.sub("_", fact)[:80] for fact in facts if fact)


def path_to(tree: Node, wanted: Node) -> Path | None:
    """The path of a scalar in a file that was read again."""
    return next((path for path, node in scalars(tree, ()) if node.place[1:] == wanted.place[1:]), None)


def with_value(text: str, path: Path, value: str, comment: str) -> str | None:
    """The text of a YAML file with a value at a path, and a comment on its line; None if this cannot edit the file."""
    file = SourceFile("", text)
    tree, wrong = read(file)
    if tree is None or wrong:
        return None
    edits = _edits(file, tree, path, value)
    if not edits:
        return None
    edited = applied(file, edits)
    line = edits[0].span.line + edits[0].text.rstrip().count("\n")
    after = _commented(edited, line, comment)
    new, wrong = read(SourceFile("", after))
    if new is None or wrong:
        return None
    expected = {**_said(tree), path: value}
    return after if _said(new) == expected else None


def _edits(file: SourceFile, tree: Mapping, path: Path, value: str) -> tuple[Edit, ...]:
    """What puts a value in its place: in the place of the old one, or as new lines below its parent."""
    key: Scalar | None = None
    node: Node = tree
    for depth, step in enumerate(path):
        if not isinstance(node, Mapping) or (key is not None and _elsewhere(key, node)):
            return ()
        if step not in node.entries:
            return _inserted(file, key, node, path[depth:], value)
        key, node = node.keys[step], node.entries[step]
    if not isinstance(node, Scalar) or node.line != node.end_line or (key is not None and _elsewhere(key, node)):
        return ()
    return (Edit(span=node.span, text=value),)


def _elsewhere(key: Scalar, node: Node) -> bool:
    """Whether a value is an alias, so that an edit of it would change what else has the anchor."""
    return (node.line, node.column) < (key.line, key.column)


def _inserted(file: SourceFile, key: Scalar | None, parent: Mapping, missing: Path, value: str) -> tuple[Edit, ...]:
    flow = file.lines[parent.line][parent.column : parent.column + 1] == "{"
    if flow:
        inner = value
        for step in reversed(missing[1:]):
            inner = f"{{{step}: {inner}}}"
        at = Span(file, parent.line, parent.column + 1, parent.line, parent.column + 1)
        return (Edit(span=at, text=f"{missing[0]}: {inner}{', ' if parent.entries else ''}"),)
    end = "\r\n" if file.lines[0].endswith("\r") else "\n"
    lines = [f"{' ' * (parent.column + 2 * depth)}{step}:" for depth, step in enumerate(missing)]
    added = f"{end.join(lines)} {value}"
    if key is not None:  # right below the parent: the comments above its first entry stay above it
        last = len(file.lines[key.line].removesuffix("\r"))
        return (Edit(span=Span(file, key.line, last, key.line, last), text=f"{end}{added}"),)
    last = len(file.lines) - 1
    at = Span(file, last, len(file.lines[last]), last, len(file.lines[last]))
    return (Edit(span=at, text=f"{end if file.lines[last] else ''}{added}{end}"),)


def _commented(text: str, line: int, comment: str) -> str:
    """The text with a comment at the end of a line, instead of an earlier one of this module."""
    lines = text.split("\n")
    old = lines[line]
    end = "\r" if old.endswith("\r") else ""
    lines[line] = f"{old.removesuffix(end).partition(MARK)[0].rstrip()} {comment}{end}"
    return "\n".join(lines)


def _said(tree: Node) -> dict[Path, str]:
    """The text of every scalar, by path."""
    return {path: node.text for path, node in scalars(tree, ()) if isinstance(node, Scalar)}

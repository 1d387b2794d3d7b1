"""Helpers for the wording of messages: lists of names, excerpts without control characters, and the closest name to a
misspelled one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = [
    "CONTROLS",
    "closest",
    "escaped",
    "hostile",
    "last",
    "listing",
    "sharing",
    "shown",
    "visible",
    "words",
    "write_any",
]

# What a terminal or a CI system obeys, what reorders or hides the text around it, and what is not text: control
# characters; line and paragraph separators; the marks, embeddings, overrides, and isolates of bidirectional text; half
# surrogate pairs, which also stand for bytes of file names that are not UTF-8; annotations; invisible tags.
CONTROLS = (
    "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
"""Such characters, as the inside of a character class."""


def listing(names: Iterable[str], most: int = 12) -> str:
    """`a`, `b`, or `c`; only the first few of many names; `none` if there are no names."""
    quoted = [f"`{name}`" for name in names]
    if len(quoted) > most:
        quoted = [*quoted[: most - 1], f"{len(quoted) - most + 1} more"]
    if len(quoted) < 3:
        return " or ".join(quoted) or "none"
    return f"{', '.join(quoted[:-1])}, or {quoted[-1]}"


def write_any(meant: tuple[str, ...]) -> str:
    """The help for one or more readings of a value."""
    return f"write {listing(meant)}" + (", whichever you mean" if len(meant) > 1 else "")


def shown(text: str) -> str:
    """The author's text as a message quotes it: on one line, and cut to fit."""
    line = text if text.isprintable() else text.encode("unicode_escape").decode()
    return line if len(line) <= 60 else f"{line[:57]}..."


def visible(text: str) -> str:
    """Text without terminal control characters. Each is replaced by one character, so columns stay aligned."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def hostile(text: str) -> bool:
    """Whether a text contains control characters or others that change how the text around it is shown or read."""
    return not text.isprintable() and re.search(f"[{CONTROLS}]", text) is not None


def escaped(text: str, keep: str = "\n\t") -> str:
    """Text of several lines without control characters, written as in JSON: `\\u202e`. JSON keeps its meaning."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text

    def written(found: re.Match[str]) -> str:
        if found[0] in keep:
            return found[0]
        pair = found[0].encode("utf-16-be", "surrogatepass").hex()
        return "".join(f"\\u{pair[at : at + 4]}" for at in range(0, len(pair), 4))

    return re.sub(f"[{CONTROLS}]", written, text)


def last(path: str) -> str:
    """What to call the value at a path: its key, or the key of the list that it is an item of."""
    return next((step for step in reversed(path.split(".")) if not step.isdecimal()), path)


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known name at the smallest edit distance, if it is small enough to be a typo. If two names have words in
    common, only the others count: `image-classification` is not a typo of `binary-classification`.
    """
    best: tuple[int, str] | None = None
    for name in known:
        one, other = _apart(word.lower(), name.lower())
        if _differs(one, other):
            continue
        far = _distance(one, other, limit=max(1, min(len(one), len(other)) // 3))
        if far is not None and (best is None or far < best[0]):
            best = (far, name)
    return best[1] if best else None


def _apart(one: str, other: str) -> tuple[str, str]:
    """Two names without the words that both have."""
    common = words(one) & words(other)
    if not common:
        return one, other
    return _without(one, common), _without(other, common)


def _without(name: str, common: set[str]) -> str:
    return "-".join(word for word in _split(name) if word not in common)


def _split(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name) if word]


def words(name: str) -> set[str]:
    """The words of a name, in lowercase."""
    return set(_split(name.lower()))


def sharing(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names that have a word in common with a name: `binary-classification` for `classification`."""
    own = {word for word in words(name) if len(word) > 3}
    return tuple([one for one in known if own & words(one)])


def _differs(one: str, other: str) -> bool:
    """Whether two short words differ in a letter, so that they are two words: `aws` is not a typo of `aks`."""
    return len(one) == len(other) <= 3 and sorted(one) != sorted(other)


def _distance(one: str, other: str, limit: int) -> int | None:
    """Optimal string alignment distance: edits and swaps of adjacent characters; None above `limit`."""
    if abs(len(one) - len(other)) > limit:
        return None
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row = row, [i]
        for j, b in enumerate(other, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return None
        before = above
    return row[-1] if row[-1] <= limit else None

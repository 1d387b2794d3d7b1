"""Which patch broke a reference: the first one after which it dangles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..diagnostics import Diagnostic
from ..emit.artifact import Artifact
from ..finding import finding
from ..kinds import Kind
from ..layer import Layered
from ..plan.choose import count
from ..system import Patch
from ..tree import Scalar, entries
from ..tree import Sequence as Items
from .crossref import Dangling, dangling, unexplained
from .patch import patched
from .strategic import has_names

__all__ = ["broken"]

SHOWN = 3


def broken(
    artifacts: tuple[Artifact, ...],
    patches: Sequence[Patch],
    layered: Layered,
    kinds: Mapping[str, Kind],
    elsewhere: frozenset[str],
) -> Iterator[Diagnostic]:
    """A diagnostic for each patch that broke references, and for each reference that dangles without any patch."""
    known = set[str]()
    for number in range(len(patches) + 1):
        made, _ = patched(artifacts, patches[:number], layered)
        new = [one for one in dangling(made, kinds, elsewhere) if one.said not in known]
        known |= {one.said for one in new}
        if number == 0:
            yield from map(unexplained, new)
        elif new:
            yield _broken(patches[number - 1], new)


def _broken(patch: Patch, new: list[Dangling]) -> Diagnostic:
    """At the list that the patch replaces, at the value that it sets, or at its target."""
    replaced = _list(patch)
    first = new[0]
    if len(new) == 1:
        said, note = first.said, "the cluster would accept it, and it would silently do nothing"
    else:
        object_ = f"{patch.target.kind.value} `{patch.target.name.value}`"
        said = f"the patch of the {object_} breaks {count(len(new), 'reference')}"
        rest = f"; and {len(new) - SHOWN} more" if len(new) > SHOWN else ""
        note = "; ".join(one.said for one in new[:SHOWN]) + rest
    if replaced is not None:
        help_ = (
            f"a JSON merge patch replaces the whole list `{replaced.text}`: write `merge: strategic`, which keeps its "
            "other items, or repeat them in the patch"
        )
    else:
        help_ = "undo the patch, or change what it refers to in the same way"
    own = [leaf for one in new for leaf in one.patched]
    at = [replaced] if replaced is not None else own
    return finding("MLS034", said, *at, patch.target.name, first.artifact.why, note=note, help=help_)


def _list(patch: Patch) -> Scalar | None:
    """The key of the first list that the patch replaces, although a strategic patch would merge it by names."""
    if patch.patch is None or patch.merge.value == "strategic":
        return None
    lists = (key for key, node in entries(patch.patch) if isinstance(node, Items))
    return next((key for key in lists if has_names(key.text)), None)

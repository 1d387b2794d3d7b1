"""Remembered: the outcomes of earlier runs, from the user's cache.

An entry holds the outcome of one system, without its files. A second entry holds the stamps of an output folder that
contains exactly these files. For commands that write or compare output, both must hold; anything else is compiled.
"""

from __future__ import annotations

import json
import os
from typing import Any

from ...compiler.check.outline import Outline, outline
from ...compiler.pipeline import Compiled
from ..cache.folder import Folder
from ..cache.key import digest, key
from ..cache.pack import Packer, unpacked
from ..cache.stamps import stamped, still
from ..texts import Texts, gathered
from ..write import contents
from .outcome import Outcome
from .request import Request, folder_of

__all__ = ["Remembered"]


class Remembered:
    """What the cache knows for one request."""

    def __init__(self, request: Request, folder: Folder, *, written: bool) -> None:
        self._request = request
        self._folder = folder
        self._written = written
        """Whether the command needs the output on the disk, too."""
        self._fresh: tuple[Outcome, str] | None = None

    def outcome(self, path: str, *, claims: bool = False) -> Outcome | None:
        """The outcome for a spec as it is now; None if it has to be compiled. Reads its `claims` only on demand."""
        try:
            texts = gathered(path, self._request.options.platform)
            slot = self._slot(path)
            found = key(texts, slot, self._request.today)
            lines = self._folder.read(slot) if found is not None else None
            if found is None or lines is None or lines[0].decode() != found:
                return None
            outcome = _outcome(texts, lines, claims=claims).but(key=found)
            return outcome if claims or outcome.failed or not self._written else self._proven(outcome, slot)
        except (OSError, ValueError, LookupError, TypeError):  # whatever is wrong with an entry, it is none
            return None

    def add(self, path: str, texts: Texts, compiled: Compiled, outcome: Outcome) -> Outcome:
        """Keep an outcome. Returns it without its claims, which can be read again, or as it is if it was not kept."""
        if compiled.plugged or not outcome.readable:
            return outcome
        try:
            slot = self._slot(path)
            found = key(texts, slot, self._request.today)
            if found is None:
                return outcome
            known = outcome.but(outline=outline(outcome.claims), key=found)
            kept = self._folder.write(slot, _lines(texts, known))
        except (OSError, TypeError):
            return outcome
        return known.but(claims=()) if kept else outcome

    def wrote(self, outcome: Outcome, folder: str) -> None:
        """Stamp the output of a system, now or later: a file is stamped once the clock has moved on."""
        self._stamp()
        self._fresh = (outcome, folder)

    def close(self, *, pruned: bool) -> None:
        """Finish, and keep the cache within its size if there are new entries."""
        self._stamp()
        if pruned:
            self._folder.prune()
        self._folder.close()

    def _stamp(self) -> None:
        if self._fresh is None:
            return
        outcome, folder = self._fresh
        self._fresh = None
        stamps = stamped(folder, contents(outcome.files), outcome.kept) if outcome.key is not None else None
        if stamps is not None and outcome.key is not None:
            slot = self._slot(outcome.shown)
            self._folder.write(_of_output(slot, folder), [outcome.key.encode(), _json(stamps)])

    def _proven(self, outcome: Outcome, slot: str) -> Outcome | None:
        """The outcome with what is known about its output; None if that is not known to be the same."""
        folder = str(folder_of(outcome, self._request.out))
        lines = self._folder.read(_of_output(slot, folder))
        if lines is None or lines[0].decode() != outcome.key:
            return None
        stamps = json.loads(lines[1])
        return outcome.but(unchanged=len(stamps)) if still(folder, stamps, outcome.kept) else None

    def _slot(self, path: str) -> str:
        """The name of an entry: one for each spec and each set of options, so that a new result replaces the old."""
        options = self._request.options
        named = [os.path.abspath(path), path, options.platform or "", str(len(options.settings))]
        return digest([*named, *options.settings, *self._request.environments])


def _of_output(slot: str, folder: str) -> str:
    return digest([slot, os.path.abspath(folder)])


_PLAIN = ("shown", "spec", "platform", "name", "declared", "kept", "applied")
"""The fields of an outcome that are plain data."""


def _lines(texts: Texts, outcome: Outcome) -> list[bytes]:
    assert outcome.key is not None
    assert outcome.outline is not None
    shape = {name: getattr(outcome.outline, name) for name in Outline._fields}
    plain = {name: getattr(outcome, name) for name in _PLAIN}
    return [
        outcome.key.encode(),
        _json([plain, shape]),
        _packed(texts, outcome.found) if outcome.found else b"",
        _packed(texts, outcome.claims),
    ]


def _outcome(texts: Texts, lines: list[bytes], *, claims: bool) -> Outcome:
    plain, shape = json.loads(lines[1])
    assert texts.path is not None
    return Outcome(
        folder=texts.path.parent,
        readable=True,
        found=_unpacked(texts, lines[2]) if lines[2] else (),
        claims=_unpacked(texts, lines[3]) if claims else (),
        outline=Outline(**_tuples(shape)),
        **_tuples(plain),
    )


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    """The same with tuples for lists, as records have them."""
    return {name: _tuple(one) for name, one in data.items()}


def _tuple(one: Any) -> Any:
    return tuple(map(_tuple, one)) if isinstance(one, list) else one


def _packed(texts: Texts, values: tuple[object, ...]) -> bytes:
    packer = Packer(_by_name(texts))
    packed = packer.packed(values)
    return _json([packer.files, packed])


def _unpacked(texts: Texts, line: bytes) -> Any:
    files, packed = json.loads(line)
    return unpacked(packed, files, _by_name(texts))


def _by_name(texts: Texts) -> dict[str, str]:
    return {one.shown: one.text for one in texts.all if isinstance(one.text, str)}


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()

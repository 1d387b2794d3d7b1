"""Pack: findings and claims as data that JSON keeps, and back.

Records are packed by the names of their fields, so a new field needs no change here. The text of a file is left out if
the reader has it anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...compiler.check.claims import Claims, FolderClaim, ObjectClaim, RouteClaim
from ...compiler.diagnostics import Diagnostic, Edit, Fix, Label, SourceFile, Span
from ...compiler.record import Record

__all__ = ["Packer", "unpacked"]

_RECORDS: dict[str, type[Record]] = {
    one.__name__: one for one in (Claims, Diagnostic, Edit, Fix, FolderClaim, Label, ObjectClaim, RouteClaim)
}
_RECORD, _SPAN = "is", "at"


class Packer:
    """Packs values, and collects the files that they refer to."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._files: dict[int, tuple[int, SourceFile]] = {}

    @property
    def files(self) -> list[tuple[str, str | None]]:
        """The name of each file, and its text unless `texts` has it."""
        files = [file for _, file in self._files.values()]
        return [(one.name, None if self._texts.get(one.name) == one.text else one.text) for one in files]

    def packed(self, value: object) -> Any:
        """A value as data. Raises TypeError for anything that is not a finding, a claim, or a part of one."""
        if value is None or type(value) in (str, int, bool):
            return value
        if type(value) is tuple:
            return [self.packed(item) for item in value]
        if type(value) is Span:
            index, _ = self._files.setdefault(id(value.file), (len(self._files), value.file))
            return {_SPAN: [index, *value.place[1:]]}
        if isinstance(value, Record) and type(value).__name__ in _RECORDS:
            fields = {name: getattr(value, name) for name in value._fields}
            own = {name: one for name, one in fields.items() if one is not getattr(type(value), name, ...)}
            return {_RECORD: type(value).__name__, **{name: self.packed(one) for name, one in own.items()}}
        raise TypeError(type(value).__name__)


def unpacked(data: Any, files: Sequence[tuple[str, str | None]], texts: Mapping[str, str]) -> Any:
    """The value again. Raises KeyError or another error of data if it was not packed like that."""
    sources = [SourceFile(name, texts[name] if text is None else text) for name, text in files]
    return _value(data, sources)


def _value(data: Any, sources: list[SourceFile]) -> Any:
    if isinstance(data, list):
        return tuple(_value(item, sources) for item in data)
    if not isinstance(data, dict):
        return data
    if _SPAN in data:
        index, *place = data[_SPAN]
        return Span(sources[index], *place)
    fields = {name: _value(one, sources) for name, one in data.items() if name != _RECORD}
    return _RECORDS[data[_RECORD]](**fields)

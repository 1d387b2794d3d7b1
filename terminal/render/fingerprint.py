"""Fingerprints: CI systems use them to track a finding across runs, even if its line moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from itertools import accumulate
from struct import unpack

from ...compiler.diagnostics import Diagnostic
from .report import Report

__all__ = ["fingerprints", "line_hashes"]


def fingerprints(report: Report, found: Iterable[Diagnostic]) -> list[str]:
    """One fingerprint per finding, from its ID, its file, and the text of its line, plus a counter for duplicates.

    The message is not part of it: a number in the message can change with a distant value, but the finding is the same.
    """
    known: Counter[str] = Counter()
    made = []
    for one in found:
        line = one.span.file.lines[one.span.line].strip()
        same = "\0".join((one.id, report.path(one.span.file.name), line))
        known[same] += 1
        made.append(sha256(f"{same}\0{known[same]}".encode("utf-8", "backslashreplace")).hexdigest()[:32])
    return made


_WINDOW, _BASE, _WORD, _END = 100, 37, (1 << 64) - 1, 65535


def line_hashes(text: str) -> list[str]:
    """The `primaryLocationLineHash` of each line, which GitHub uses to track an alert.

    GitHub uses no other partial fingerprint, and its upload action warns if the value differs from its own. Therefore
    this is the same algorithm: a polynomial in 37 modulo 2^64 over 100 UTF-16 units from the start of the line, without
    spaces and tabs, with LF for every line ending. The number after the colon counts lines with the same hash.
    Source: github/codeql-action, src/fingerprints.ts and its tests.
    """
    units: list[int] = []
    starts: list[int] = []
    new = True
    for unit in (*_units(text), _END):
        if unit in (ord(" "), ord("\t")):
            continue
        if new:
            starts.append(len(units))
        units.append(unit)
        new = unit == ord("\n")
    units += [0] * _WINDOW
    sums = list(accumulate(units, lambda total, unit: (total * _BASE + unit) & _WORD, initial=0))
    shift = pow(_BASE, _WINDOW, _WORD + 1)
    hashes = [(sums[start + _WINDOW] - sums[start] * shift) & _WORD for start in starts]
    counts: Counter[int] = Counter()
    made = []
    for value in hashes:
        counts[value] += 1
        made.append(f"{value:x}:{counts[value]}")
    return made


def _units(text: str) -> Iterable[int]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    data = lines.encode("utf-16-le", "surrogatepass")
    return unpack(f"<{len(data) // 2}H", data)

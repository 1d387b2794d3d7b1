"""What tells a finding from others, and stays when lines move: other systems follow it from run to run by that."""

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
    """One for each finding: its id, its file and the text of its line. Of several that share these, each has a number.

    The message is left out: a number in it changes with a value far away, and it is still the same finding.
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
    """The hash of each line that GitHub follows an alert by, `primaryLocationLineHash`.

    GitHub uses no other partial fingerprint, and its upload action warns of a value that is not its own. So it is that
    one: a polynomial in 37 modulo 2^64 over the 100 UTF-16 units from the line's start on, without blanks and with LF
    for any line end, and after a colon how many lines before it had the same.
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

"""Lint: rules check a system and its plan; severities, selections, and suppressions filter their findings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from ...schema.scalars import SCALARS
from ..because import Unavailable
from ..diagnostics import Diagnostic, Edit, Fix, Severity, SourceFile, Span, applied
from ..finding import Refusal
from ..inputs import Input
from ..limits import SUPPRESSIONS
from ..plan import Plan
from ..read import read
from ..record import Record
from ..system import MLSystem
from ..tree import same

__all__ = ["Check", "Rule", "judge", "lint", "rule", "severities", "without_comment"]

OF_A_RUN = ("MLS289", "MLS610", "MLS611", "MLS630", "MLS754")
"""Findings that depend on the day, or on the other systems of a run, so one system cannot tell whether a comment is
idle.
"""

Check = Callable[[MLSystem, Plan], Iterable[Diagnostic]]

WRONG = "MLS0"
"""Prefix of the ids of mistakes in the spec itself, which no policy and no comment can turn off."""


class Rule(Record):
    """One rule: its claim, its severity, and the parts of a spec that it reads."""

    id: str
    severity: Severity
    needs: tuple[str, ...]
    """Paths of the spec that it reads; a value that only rules read still has an effect."""
    check: Check

    @property
    def doc(self) -> str:
        """Its docstring: claim, why, bad, good."""
        return self.check.__doc__ or ""


def rule(id: str, severity: Severity, *needs: str) -> Callable[[Check], Rule]:  # noqa: A002
    """Turn a function into a rule; the rule sets the severity of its findings."""

    def made(check: Check) -> Rule:
        return Rule(id=id, severity=severity, needs=needs, check=check)

    return made


def lint(system: MLSystem, plan: Plan, rules: Iterable[Rule], skipped: list[str]) -> Iterator[Diagnostic]:
    """The findings of all rules. A rule that needs an invalid part of the spec reports nothing, and is `skipped`."""
    for one in rules:
        try:
            for found in one.check(system, plan):
                yield found.but(id=one.id, severity=one.severity, environments=(plan.name,))
        except Unavailable as missing:
            skipped.append(f"the rule {one.id}, which needs `{missing}`")
        except Refusal as refusal:
            yield refusal.diagnostic.but(environments=(plan.name,))


def judge(
    found: Iterable[Diagnostic], system: MLSystem, input_: Input, today: str | None, *, whole: bool = True
) -> Iterator[Diagnostic]:
    """Findings with the severities that the platform sets, without those that the spec's author suppressed.

    An unused suppression is itself a finding, if the `whole` system was checked.
    """
    graded = [d for d in (_graded(diagnostic, system) for diagnostic in found) if d is not None]
    answers, refused = _answers(system, input_)
    yield from refused
    valid = _by_place(answer for answer in answers if not answer.expired(today))
    used: set[int] = set()
    for diagnostic in graded:
        answer = _answer(diagnostic, valid)
        if answer is None:
            yield diagnostic
        else:
            used.add(id(answer))
    beyond = tuple(_too_many(answers))
    yield from beyond
    fixes: Counter[SourceFile] = Counter()
    crowded = {one.span.file for one in beyond}
    for answer in (answer for answer in answers if answer.span.file not in crowded):
        if not answer.exists:
            yield answer.report(
                f"is valid until {answer.until}, which is not a date",
                "it would be valid longer than its author meant",
                "write it like `until 2026-12-31`",
            )
        elif answer.expired(today):
            yield answer.report(
                "has expired",
                f"it was valid until {answer.until}",
                "fix what it suppresses and remove the comment, or set a new date",
            )
        elif whole and id(answer) not in used and not set(answer.ids) & set(OF_A_RUN):
            idle = answer.report("suppresses nothing", "it would hide the next finding on its line", "remove it")
            fixes[answer.span.file] += 1
            yield idle.but(fix=without_comment(idle.span)) if fixes[answer.span.file] <= _VERIFIED else idle


def severities(
    found: Iterable[Diagnostic], system: MLSystem, input_: Input, today: str | None
) -> Iterator[Severity | None]:
    """The severity that each finding would have; None if the platform or a comment turns it off."""
    valid = _by_place(answer for answer in _answers(system, input_)[0] if not answer.expired(today))
    for diagnostic in found:
        graded = _graded(diagnostic, system)
        off = graded is None or _answer(diagnostic, valid) is not None
        yield None if graded is None or off else graded.severity


def _answers(system: MLSystem, input_: Input) -> tuple[list[Suppression], list[Diagnostic]]:
    """The suppressions in all files, each with the rules that the platform lets it suppress, and those beyond that.

    The platform file may suppress any rule: who writes it also sets the severities.
    """
    platform = input_.sources.platform if input_.sources is not None else None
    answers: list[Suppression] = []
    beyond: list[Diagnostic] = []
    for answer in (answer for _, tree in input_.written for answer in suppressions(tree.file)):
        own = platform is not None and answer.span.file is platform.file
        locked = [] if own else [id_ for id_ in answer.ids if not _suppressible(id_, system)]
        beyond += [_not_suppressible(answer, id_) for id_ in locked]
        left = tuple(id_ for id_ in answer.ids if id_ not in locked)
        answers += [answer.but(ids=left)] if left else []
    return answers, beyond


def _suppressible(id_: str, system: MLSystem) -> bool:
    """Whether the platform lets a comment suppress a rule. Mistakes in the spec itself have their own answer."""
    try:
        policies = system.platform.policies
        allowed = [rule.value for rule in policies.suppressible]
        graded = policies.severity
    except Unavailable:
        return True
    if allowed or id_.startswith(WRONG):
        return id_.startswith((WRONG, *allowed))
    name = max((name for name in graded if id_.startswith(name)), key=len, default=None)
    return name is None or graded[name].value != "error"


def _not_suppressible(answer: Suppression, id_: str) -> Diagnostic:
    return Diagnostic(
        id="MLS039",
        severity="error",
        message=f"the platform does not let a spec suppress {id_}",
        span=answer.span,
        note="the platform team relies on this rule in every system, so the comment has no effect",
        help=f"remove the comment and fix the finding, or ask the platform team to add `{id_}` to "
        "`platform.policies.suppressible`",
    )


_ByPlace = dict[tuple[SourceFile, int], list["Suppression"]]


def _by_place(answers: Iterable[Suppression]) -> _ByPlace:
    """Suppressions by the file and the line that they apply to, so that each finding is compared with few."""
    found: _ByPlace = {}
    for answer in answers:
        found.setdefault((answer.span.file, answer.line), []).append(answer)
    return found


def _answer(diagnostic: Diagnostic, valid: _ByPlace) -> Suppression | None:
    """The suppression that applies to a finding."""
    here = valid.get((diagnostic.span.file, diagnostic.span.line), ())
    return next((answer for answer in here if answer.answers(diagnostic)), None)


def _too_many(answers: Iterable[Suppression]) -> Iterator[Diagnostic]:
    """An error at the first suppression beyond the limit of a file."""
    counts: Counter[SourceFile] = Counter()
    for answer in answers:
        counts[answer.span.file] += 1
        if counts[answer.span.file] == SUPPRESSIONS.most + 1:
            yield Diagnostic(
                id="MLS002",
                severity="error",
                message=f"the file has more than {SUPPRESSIONS.most:,} suppressions",
                span=answer.span,
                label="the first one beyond the limit",
                note="that many are not reviewed, and hide the findings that matter",
                help="remove those that suppress nothing, or set the severity of the rule in "
                "`platform.policies.severity`",
            )


def _graded(diagnostic: Diagnostic, system: MLSystem) -> Diagnostic | None:
    """Apply the platform policy with the longest matching id prefix. Mistakes in the spec itself stay errors."""
    if diagnostic.id.startswith(WRONG):
        return diagnostic
    try:
        graded = system.platform.policies.severity
    except Unavailable:
        return diagnostic
    name = max((name for name in graded if diagnostic.id.startswith(name)), key=len, default=None)
    severity = graded[name].value if name is not None else diagnostic.severity
    return None if severity == "off" else diagnostic.but(severity=severity)


_COMMENT = r"#\s*mlspec:\s*ignore\[([A-Z0-9, ]+)\]"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

_VERIFIED = 20
"""The maximum number of comments of a file with a fix that deletes them: each fix is verified by reading the file."""


class Suppression(Record):
    """`# mlspec: ignore[MLS501] reason until 2027-01-31`, on the line it applies to or on a line of its own above."""

    ids: tuple[str, ...]
    reason: str
    until: str | None
    span: Span
    line: int
    """The line it applies to."""

    def answers(self, diagnostic: Diagnostic) -> bool:
        """Whether it suppresses this finding. Mistakes in the spec itself cannot be suppressed."""
        here = diagnostic.span.file is self.span.file and diagnostic.span.line == self.line
        return here and diagnostic.id in self.ids and not diagnostic.id.startswith(WRONG)

    def expired(self, today: str | None) -> bool:
        """Whether its date has passed."""
        return self.until is not None and today is not None and today > self.until

    @property
    def exists(self) -> bool:
        """Whether its date, if it has one, is in the calendar."""
        return self.until is None or re.fullmatch(SCALARS["date"].pattern or "", self.until) is not None

    def report(self, what: str, note: str, help_: str) -> Diagnostic:
        """A finding about the suppression itself."""
        ids = ", ".join(self.ids)
        return Diagnostic(
            id="MLS019",
            severity="warning",
            message=f"the suppression of {ids} {what}",
            span=self.span,
            note=note,
            help=help_,
        )


def suppressions(file: SourceFile) -> list[Suppression]:
    """All suppressions of a file. Reads each line once, from the last one up."""
    found = []
    below: int | None = None  # the next line with content
    for number in reversed(range(len(file.lines))):
        text = file.lines[number]
        match = re.search(_COMMENT, text) if "mlspec:" in text else None
        alone = match is not None and not text[: match.start()].strip()
        if match is not None:
            reason, until = _reason(text[match.end() :])
            found.append(
                Suppression(
                    ids=tuple(part.strip() for part in match[1].split(",") if part.strip()),
                    reason=reason,
                    until=until,
                    span=Span(file, number, match.start(), number, len(text.rstrip())),
                    line=below if alone and below is not None else number,
                )
            )
        if text.strip() and not text.lstrip().startswith("#"):
            below = number
    return found[::-1]


def _reason(text: str) -> tuple[str, str | None]:
    """The reason after the ids of a suppression, and the date of the last `until`."""
    text = text.strip()
    said = [*re.finditer(rf"(?:^|\s)until\s+({_DATE})(?![0-9-])", text)]
    if not said:
        return text, None
    last = said[-1]
    return f"{text[: last.start()]} {text[last.end() :]}".strip(), last[1]


def without_comment(comment: Span) -> Fix | None:
    """A fix that deletes a comment, and its line if nothing else is on it. None if the text is part of a value.

    Safe, because this reads the file again to verify that nothing else changed.
    """
    file, line = comment.file, comment.line
    before = file.lines[line][: comment.column]
    if before.strip():
        whole = Span(file, line, len(before.rstrip()), line, comment.end_column)
    elif line + 1 < len(file.lines):
        whole = Span(file, line, 0, line + 1, 0)
    else:
        whole = Span(file, line, 0, line, comment.end_column)
    edits = (Edit(span=whole, text=""),)
    after, _ = read(SourceFile(file.name, applied(file, edits)))
    known, _ = read(file)
    return Fix(edits=edits, safe=True) if known is not None and after is not None and same(known, after) else None

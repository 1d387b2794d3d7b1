"""One set of findings with all the shapes that findings have, and what formats must not let through.

Every format is snapshotted with it, and read back by what stands for its reader.
"""

from __future__ import annotations

from mlspec.compiler.check.rules.explanation import Explanation
from mlspec.compiler.diagnostics import Diagnostic, Edit, Fix, Label, Severity, SourceFile, Span
from mlspec.terminal.render.report import Report, Subject

__all__ = ["EMPTY", "EXPLAINED", "HERE", "HOSTILE", "REPORT"]

HERE = "/home/alex/repository/systems"
"""A working directory below the root of a repository. No output may tell where that is."""

SPEC = SourceFile(
    "fraud/mlspec.yaml",
    "metadata: {name: fraud-scorer, owner: 'Zoë 漢字 🦀'}  # mlspec: ignore[MLS502] once\n"
    "model:\n"
    "  runtime: mlserver\n"
    "constraints:\n"
    "\tlatency: {p99: 200ms, p999: 200ms}\r\n"
    "  availability: 99.9%\n"
    "rolout:\n"
    "  stages: [shadow,\n"
    "    canary]\n"
    f"description: {'very ' * 60}long\n",
)
PLATFORM = SourceFile("../mlspec.platform.yaml", "platform:\n  cloud: gke\n")
SHARED = SourceFile("../../shared/a b.yaml", "platform: {}\n")
SETTING = SourceFile("--set", "constraints.throughput.peak=900")
GONE = SourceFile("gone/mlspec.yaml", "")
RENAMED = SourceFile("a,b:c%\n\udcff.yaml", "x: '\udcff'\n")


def at(file: SourceFile, line: int, start: str, end: str | None = None) -> Span:
    """The place of a text on a line, or from there to the end of another text on the next."""
    column = file.lines[line].index(start)
    if end is None:
        return Span(file, line, column, line, column + len(start))
    return Span(file, line, column, line + 1, file.lines[line + 1].index(end) + len(end))


FOUND = (
    Diagnostic(  # an error with all that one can have
        id="MLS501",
        severity="error",
        message="latency threshold is not a histogram bucket of this runtime",
        span=at(SPEC, 4, "200ms"),
        label="no bucket has this upper bound",
        others=(
            Label(span=at(SPEC, 2, "mlserver"), text="its nearest buckets are 100ms [and] 250ms"),
            Label(span=at(PLATFORM, 1, "gke"), text="where it runs"),
        ),
        note="the SLO would select an empty series and never alert",
        help="use 100ms or 250ms; mlserver's buckets cannot be set",
        environments=("staging", "production"),
    ),
    Diagnostic(  # a second one of its id on its line
        id="MLS501",
        severity="error",
        message="latency threshold is not a histogram bucket of this runtime",
        span=at(SPEC, 4, "{p99: 200ms, p999: 200ms}"),
        help="use 100ms or 250ms; mlserver's buckets cannot be set",
    ),
    Diagnostic(  # a warning without a label, behind characters of two columns and of two code units
        id="MLS505",
        severity="warning",
        message="alerts lead to no runbook",
        span=at(SPEC, 0, "'Zoë 漢字 🦀'"),
        help="add `links: {runbook: https://...}` under `metadata`",
    ),
    Diagnostic(  # a safe fix, after such characters
        id="MLS019",
        severity="warning",
        message="the suppression of MLS502 suppresses nothing",
        span=at(SPEC, 0, "# mlspec: ignore[MLS502] once"),
        note="it would hide the next finding of its line",
        help="delete it",
        fix=Fix(edits=(Edit(span=at(SPEC, 0, "  # mlspec: ignore[MLS502] once"), text=""),), safe=True),
    ),
    Diagnostic(  # an unsafe fix in two files
        id="MLS004",
        severity="error",
        message="a spec has no `rolout`",
        span=at(SPEC, 6, "rolout"),
        label="unknown key",
        help="write `rollout`",
        environments=("default",),
        fix=Fix(
            edits=(
                Edit(span=at(SPEC, 6, "rolout"), text="rollout"),
                Edit(span=at(SPEC, 7, "shadow"), text="{shadow: {duration: 24h}}"),
                Edit(span=at(PLATFORM, 1, "gke"), text="eks"),
            ),
            safe=False,
        ),
    ),
    Diagnostic(  # on several lines
        id="MLS013",
        severity="info",
        message="stages are read by a later version",
        span=at(SPEC, 7, "[shadow", "canary]"),
    ),
    Diagnostic(  # at the end of a long line
        id="MLS505",
        severity="info",
        message="a description that is never read",
        span=at(SPEC, 9, "long"),
    ),
)
ELSEWHERE = (
    Diagnostic(  # in a file that two specs share
        id="MLS012",
        severity="error",
        message="`gke` does not support `x`",
        span=at(PLATFORM, 1, "gke"),
        help="leave it out",
    ),
    Diagnostic(  # outside of the repository
        id="MLS012",
        severity="warning",
        message="nothing reads this",
        span=at(SHARED, 0, "{}"),
    ),
    Diagnostic(  # in no file
        id="MLS006",
        severity="error",
        message="`900` has no unit",
        span=at(SETTING, 0, "900"),
        help="write `900/s`",
    ),
)
UNREADABLE = Diagnostic(
    id="MLS002",
    severity="error",
    message="there is no such file",
    span=Span(GONE, 0, 0, 0, 0),
    help="name a spec, or a folder that holds one",
)
NASTY = (
    "\n::error file=x::injected\r\n##[add-mask]x ]]> <b>&amp;</b> [click](https://evil.example) [1](1) {0} %0A "
    "\x1b[31m\x00\x08\u2028\u202e\ufeff\ufffe\udcff\ud800 'quoted' \"twice\" | back\\slash \U0010ffff"
)
HOSTILE = Diagnostic(
    id="MLS018",
    severity="error",
    message=f"message{NASTY}",
    span=Span(RENAMED, 0, 3, 0, 6),
    label=f"label{NASTY}",
    others=(
        Label(span=Span(RENAMED, 0, 0, 0, 1), text=f"other{NASTY}"),
        Label(span=Span(RENAMED, 0, 0, 0, 0), text=""),
    ),
    note=f"note{NASTY}",
    help=f"help{NASTY}",
    environments=(f"environment{NASTY}",),
    fix=Fix(edits=(Edit(span=Span(RENAMED, 0, 3, 0, 6), text="y\n# \udcff"),), safe=False),
)

REPORT = Report(
    subjects=(
        Subject(name="fraud/mlspec.yaml", found=(*FOUND, *ELSEWHERE)),
        Subject(name="clean/mlspec.yaml"),
        Subject(name=f"{HERE}/other/mlspec.yaml", found=ELSEWHERE[:1]),
        Subject(name="gone/mlspec.yaml", found=(UNREADABLE,)),
        Subject(name=RENAMED.name, found=(HOSTILE,)),
    ),
    status=2,
    here=HERE,
    root="/home/alex/repository",
    version="1.2.3",
)

EMPTY = REPORT.but(subjects=(Subject(name="clean/mlspec.yaml"),), status=0)

_SEVERITIES: dict[str, Severity] = {"MLS002": "error", "MLS013": "info", "MLS501": "error", "MLS505": "warning"}
EXPLAINED = {
    id_: Explanation(title=f"Title of {id_}", why=f"Why {id_}.", bad="a: 1", good="a: 2", severity=severity)
    for id_, severity in _SEVERITIES.items()
}
"""What a few ids mean, so that no snapshot changes with the documentation of a rule."""

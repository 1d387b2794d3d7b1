"""The words of the project: no phrases that the style page rules out, no British spellings, and reasons that join."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache

import pytest

from mlspec.schema.introspect import Field, ObjectType, describe
from mlspec.schema.models import MLSystem, PlatformFile, ReleaseFile

from .support import ROOT

STYLE = ROOT / "docs" / "style.md"

KEPT = {
    "docs/style.md": "it lists the phrases",
    "tests/test_words.py": "it lists the spellings",
    "LICENSE": "it is not our text",
    "tests/cases.py": "one of the cases has such a name",
    "tests/cluster/alertmanager/go.sum": "hashes are no words",
    "compiler/catalog/time-zones.txt": "the IANA database spells Coral_Harbour like that",
}
"""Files that are not searched, with the reason."""

BRITISH = {
    r"\w*(?:arm|behavi|col|fav|flav|harb|hum|lab|neighb|rum|vap|vig)our\w*": "-or",
    r"(?:dis)?honour(?:ed|ing|able)?": "honor, or rather support",  # `honours` is a field of the language
    r"\w*(?:centre|fibre|litre|theatre)\w*": "-er",
    r"catalogue\w*": "catalog",
    r"\w+ys(?:e|ed|er|ing)": "-yze",
    r"(?:cancel|channel|label|level|model|signal|total|travel|tunnel)l(?:ed|er)": "one l before -ed",
    r"(?:cancel|channel|level|model|signal|total|travel|tunnel)ling": "one l before -ing",  # `labelling` is a field
    r"(?:after|to)wards": "afterward, toward",
    r"amongst|whilst|learnt|burnt|leant|dreamt|spoilt|fulfil|enrol|maths|ageing|artefacts?|judgements?": "US spelling",
    r"defence|offence|licence|pretence|practise[ds]?|programmes?|grey|sceptic\w*|mould\w*": "the US spelling",
}
"""Patterns of British spellings, with the US form."""

ISE = re.compile(r"(?<![a-zA-Z])([a-zA-Z]+is)(?:e[drs]?|ers|ing|ations?)(?![a-zA-Z])")
AMERICAN = """
    advertis advis appris aris bois bruis chois circumcis clockwis compris compromis concis cruis denois despis devis
    disguis enterpris excis exercis expertis franchis guis improvis incis likewis merchandis nois otherwis pairwis
    paradis prais precis premis promis rais reprais revis ris supervis surpris televis treatis turquois unpromis wis
"""
"""Words in -ise with the same spelling in the US, without the `e`."""


def phrases() -> list[str]:
    """The phrases in the left column of the style page's last table."""
    table = STYLE.read_text().partition("| not this |")[2]
    rows = [line.split("|")[1] for line in table.splitlines()[2:] if line.startswith("|")]
    return [phrase for row in rows for phrase in re.findall(r"`([^`]+)`", row)]


PHRASES = phrases()

GAP = r"""(?:[\s#"]|"f)+"""
"""What may stand between two words: space, or the end of a line in a comment or of a string literal."""


def pattern(phrase: str) -> str:
    """A phrase as whole words."""
    return rf"(?<![\w-]){GAP.join(map(re.escape, phrase.split()))}(?![\w-])"


@cache
def lowered() -> tuple[tuple[str, str, str], ...]:
    """The same, and each text in small letters."""
    return tuple((name, text, text.lower()) for name, text in searched())


@cache
def searched() -> tuple[tuple[str, str], ...]:
    """Every text file of the project, by its path, with its text."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = []
    for name in sorted(set(listed.split("\0")) - {""} - set(KEPT)):
        path = ROOT / name
        if not path.is_file() or path.is_symlink():
            continue  # deleted and not yet committed, or a second name of a folder
        try:
            found.append((name, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue  # not a text file
    return tuple(found)


@cache
def chunks() -> frozenset[str]:
    """The words of all texts, each once, with the hyphens and underscores that join some of them."""
    return frozenset(chunk for _, text in searched() for chunk in re.findall(r"[\w-]+", text))


def places(expression: re.Pattern[str], word: str = "") -> Iterator[tuple[str, re.Match[str]]]:
    """Every match, with its file, line, and words. Each has the word, which is found much faster."""
    for name, text, small in lowered():
        for match in expression.finditer(text) if word in small else ():
            line = text.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: {' '.join(match[0].split())}", match


def test_the_style_page_lists_phrases() -> None:
    assert len(PHRASES) > 50
    assert "without a word" in PHRASES
    assert len(set(PHRASES)) == len(PHRASES)


def test_most_of_the_project_is_searched() -> None:
    """A wrong working directory, or a pattern that excludes too much, would make every other test pass."""
    names = {name for name, _ in searched()}
    assert {
        "README.md",
        "docs/reference/commands.md",
        "compiler/catalog/runtimes/triton.yaml",
        "schema/models/serving.py",
    } <= names
    assert any(name.startswith("examples/minimal/out/") for name in names)


@pytest.mark.parametrize("phrase", PHRASES)
def test_no_text_uses_a_phrase_that_we_ruled_out(phrase: str) -> None:
    word = max(phrase.split(), key=len).lower()
    assert [place for place, _ in places(re.compile(pattern(phrase), re.IGNORECASE), word)] == []


@pytest.mark.parametrize("spelling", BRITISH, ids=BRITISH.values())
def test_no_text_uses_a_british_spelling(spelling: str) -> None:
    expression = re.compile(rf"(?<![a-zA-Z])(?:{spelling})(?![a-zA-Z])", re.IGNORECASE)
    if any(expression.search(chunk) for chunk in chunks()):
        assert [place for place, _ in places(expression)] == [], f"write {BRITISH[spelling]}"


def test_no_verb_ends_in_ise() -> None:
    found = [place for place, match in places(ISE) if match[1].lower() not in AMERICAN.split()]
    assert found == [], "write -ize"


@pytest.mark.parametrize(
    ("text", "phrase", "found"),
    [
        ("it fails without a word", "without a word", True),
        ("Without a\n    # word", "without a word", True),
        ('"without a "\n    "word"', "without a word", True),
        ("besides", "beside", False),
        ("mend-it", "mend", False),
        ("recommend", "mend", False),
    ],
)
def test_phrases_are_found_as_whole_words(text: str, phrase: str, found: bool) -> None:
    assert bool(re.search(pattern(phrase), text, re.IGNORECASE)) is found


# Descriptions and reasons


def fields() -> Iterator[tuple[str, Field]]:
    """Every field of the language, with its type and key."""
    for type_ in describe(MLSystem, ReleaseFile, PlatformFile).types.values():
        if isinstance(type_, ObjectType):
            yield from ((f"{type_.name}.{field.key}", field) for field in type_.fields)


PROPER = ("Kubernetes", "Prometheus")
"""Names that a reason may start with."""


def test_every_reason_joins_what_precedes_it() -> None:
    """`70%: REASON`, `Default: 70% (REASON).` and `derived REASON` all have to read as one sentence."""
    wrong = []
    for name, field in fields():
        lowercase = not field.why[:1].isupper() or field.why.startswith(PROPER)
        if not lowercase or field.why.endswith(".") or field.why.startswith(("because", "since")):
            wrong.append(f"{name}: {field.why}")
        if field.mode == "derived" and not field.why.startswith(("from ", "as ")):
            wrong.append(f"{name}: derived {field.why}")
    assert wrong == []


def test_every_description_is_a_phrase_with_a_period() -> None:
    wrong = [
        f"{name}: {field.doc}"
        for name, field in fields()
        if (not field.doc[:1].isupper() and not field.doc.startswith(("`", "gRPC"))) or not field.doc.endswith(".")
    ]
    wrong += [
        f"{name}: {field.doc}"
        for name, field in fields()
        if field.kind.name == "bool" and not field.doc.startswith("Whether")
    ]
    assert wrong == []


def test_alternatives_are_joined_with_a_comma() -> None:
    """As the style page says, in messages and in the pages that show them."""
    folders = ("compiler", "targets", "terminal", "docs")
    found = [name for name, text in searched() if name.startswith(folders) and re.search(r"; or\b", text)]
    assert found == []

"""Rules on credentials: a spec must not contain any.

A spec is stored in a repository that many people can read, and forever in its history. `access` refers to credentials.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import log2

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import MLSystem
from ..lint import rule
from .texts import Text, texts

__all__ = ["credential"]

_SIGNATURE = "the signature of a URL"
_READERS = "anyone who can read the repository, its history, or the pod spec has it"
_EXPIRES = f"{_READERS}, and once it expires, no new replica can start"

# Formats that identify a credential by themselves: what it is, a fixed text that every match contains, and the pattern.
_FORMS = (
    ("an AWS access key", "AKIA", r"\bAKIA[0-9A-Z]{16}\b"),
    ("an AWS access key", "ASIA", r"\bASIA[0-9A-Z]{16}\b"),
    ("a private key", "-----BEGIN ", r"-----BEGIN (?!CERTIFICATE|PUBLIC)[A-Z ]+-----"),
    ("a GitHub token", "gh", r"\bgh[pousr]_[A-Za-z0-9]{36}"),
    ("a GitHub token", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{40}"),
    ("a GitLab token", "glpat-", r"\bglpat-[A-Za-z0-9_-]{20}"),
    ("a Hugging Face token", "hf_", r"\bhf_[A-Za-z0-9]{30}"),
    ("a Slack token", "xox", r"\bxox[abprs]-[A-Za-z0-9-]{10}"),
    ("a Google API key", "AIza", r"\bAIza[A-Za-z0-9_-]{35}"),
    (_SIGNATURE, "=", r"(?i:[?&](?:x-(?:amz|goog|oss|cos)-)?sig(?:nature)?=)[A-Za-z0-9%+/_~-]{20}"),
    ("a username and a password", "@", r"://[^/\s:@$]+:[^/\s@$]+@"),
    ("a password", "=", r"(?i:\b(?:password|passwd|pwd|secret|token|api[_-]?key)=[^\s&;,$<{]{4})"),
)
_PASSWORD = r"(?i)(?:.*[_-])?(?:password|passwd|pwd)"
_SECRET = r"(?i)(?:.*[_-])?(?:token|secret|credentials?|(?:api|access|private)_?key)"
_TOKEN = r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+=_.-][A-Za-z0-9+/=_.-]{19,}"

RANDOM = 3.5
"""Bits per character. Names made of words have about 3, random letters and digits more than 4."""


@rule("MLS901", "error")
def credential(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Credential in the spec.

    Why: anyone who can read the repository, its history, or the cluster's objects has it, and it cannot be removed from
    the history.

    Bad:
        training:
          env: {DB_PASSWORD: correct-horse}
    Good:
        access:
          database: {kind: http, secret: features-database}
        training:
          access: [database]
    """
    whole = "\n".join(text.value.value for text in texts(system))
    forms = [form for form in _FORMS if form[1] in whole]
    for text in texts(system):
        form = _form(text.value.value, forms)
        if form is not None:
            what = f"this looks like {form}"
        elif text.variable and _names_credential(text):
            what = f"`{text.key}` contains a credential"
        else:
            continue
        yield finding(
            "MLS901",
            what,
            text.value,
            note=_EXPIRES if form == _SIGNATURE else _READERS,
            help="write the URL without it, revoke it where it was issued, and name the store's access under `access`"
            if form == _SIGNATURE
            else "remove it, revoke it where it was issued, store a new one in a Secret, and name that under `access`, "
            "or write `{secret: NAME, key: KEY}` in its place",
        )


def _form(text: str, forms: list[tuple[str, str, str]]) -> str | None:
    """The first credential in a text. Few texts contain the fixed part, which is faster to find than a pattern."""
    found = [(match.start(), what) for what, part, form in forms if part in text and (match := re.search(form, text))]
    return min(found, key=lambda one: one[0])[1] if found else None


def _names_credential(text: Text) -> bool:
    """Whether the name of a variable says that its value is a credential, and the value looks like one."""
    value = text.value.value
    if not value or value.startswith(("$", "<")):
        return False  # a reference or a placeholder
    if re.fullmatch(_PASSWORD, text.key):
        return True
    return bool(re.fullmatch(_SECRET, text.key) and re.fullmatch(_TOKEN, value)) and _entropy(value) >= RANDOM


def _entropy(text: str) -> float:
    """Shannon entropy, in bits per character."""
    shares = [text.count(char) / len(text) for char in set(text)]
    return -sum(share * log2(share) for share in shares)

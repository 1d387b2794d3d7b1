"""Fitted preprocessing for one request. It needs only Python's standard library, and this one file.

    from mlspec.runtime.data.prepared import load
    prepare = load("preprocessing.json")       # verifies the digest
    features = prepare({"amount": 12.5, "country": None})

A missing value is None, NaN, or an absent key, and so is a missing result, which is None. Columns that no step names
pass through unchanged. A column that was numeric in training and is text in the request, or the other way around,
raises ValueError, which a server answers with status 400.

`prepare.py` fits the steps and applies them to tables. Both give the same results to the last bit: they use only
comparisons and the four operations on doubles, which IEEE 754 defines exactly, and the logarithm of the same C library.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["BUCKETS", "VERSION", "Preprocessing", "bucket", "digest_of", "load", "logarithm", "word"]

VERSION = 1

BUCKETS = 1024
"""How many buckets the encoding `hash` has. It is fixed, because a hash that had to be fitted would have no point."""

Value = float | str | None
Row = dict[str, Value]


class Preprocessing:
    """Fitted steps, which turn the columns of one request into the model's features."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Raises ValueError if the document is not a fitted preprocessing of this version."""
        if document.get("version") != VERSION or not isinstance(document.get("steps"), list):
            raise ValueError(f"not a fitted preprocessing of version {VERSION}")
        if document.get("digest") != digest_of(document):
            raise ValueError("the content of the fitted preprocessing does not match its digest")
        self.document = dict(document)
        self.kinds: dict[str, str] = document["kinds"]

    def __call__(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The features of one request. Raises ValueError if a value has the wrong kind."""
        row: dict[str, Any] = {name: value for name, value in request.items() if name not in self.kinds}
        row.update({name: _read(name, kind, request.get(name)) for name, kind in self.kinds.items()})
        for step in self.document["steps"]:
            apply = _STEPS[step["step"], step.get("method")]
            for name, fitted in step["columns"].items():
                apply(row, name, fitted)
        return row


def load(path: str) -> Preprocessing:
    """The fitted preprocessing in a file. Raises ValueError if it was changed, and OSError if it cannot be read."""
    with open(path, encoding="ascii") as file:
        document = json.load(file)
    if not isinstance(document, dict):
        raise ValueError(f"{path} is not a fitted preprocessing")
    return Preprocessing(document)


def digest_of(document: Mapping[str, Any]) -> str:
    """The digest of a fitted preprocessing: the SHA-256 of all its keys but `digest`, as compact, sorted JSON."""
    kept = {key: value for key, value in document.items() if key != "digest"}
    content = json.dumps(kept, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(content.encode('ascii')).hexdigest()}"


def _read(name: str, kind: str, value: Any) -> Value:
    """A value of a request as a double or as text."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind == "text":
        if not isinstance(value, str):
            raise ValueError(f"`{name}` is {type(value).__name__}, and was text in training")
        return value
    if not isinstance(value, (bool, int, float)):
        raise ValueError(f"`{name}` is {type(value).__name__}, and was a number in training")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"`{name}` is too large for a double") from None


def word(value: float | str) -> str:
    """A category as text: 3 for 3.0, and texts as they are."""
    if isinstance(value, str):
        return value
    return str(int(value)) if value.is_integer() and abs(value) < 2.0**53 else repr(value)


def logarithm(value: float) -> float | None:
    """log(1 + x), which keeps 0 at 0; None for -1 and below, where it does not exist."""
    return math.log1p(value) if value > -1 else None


def bucket(value: str, buckets: int) -> int:
    """The bucket of a category, which depends on nothing but its text."""
    digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % buckets


# The steps. Each replaces one column of the row.


def _impute(row: Row, name: str, fitted: Any) -> None:
    if row[name] is None:
        row[name] = fitted["fill"]


def _clip(row: Row, name: str, fitted: Any) -> None:
    value, low, high = row[name], fitted["low"], fitted["high"]
    if isinstance(value, float):
        value = low if low is not None and value < low else value
        row[name] = high if high is not None and value > high else value


def _scale(row: Row, name: str, fitted: Any) -> None:
    value = row[name]
    if isinstance(value, float):
        scaled = (value - fitted["center"]) / fitted["scale"]
        row[name] = None if math.isnan(scaled) else scaled


def _log(row: Row, name: str, _: Any) -> None:
    value = row[name]
    if isinstance(value, float):
        row[name] = logarithm(value)


def _one_hot(row: Row, name: str, fitted: Any) -> None:
    value = row.pop(name)
    found = word(value) if value is not None else None
    for category in fitted["values"]:
        row[f"{name}={category}"] = 1.0 if category == found else 0.0


def _ordinal(row: Row, name: str, fitted: Any) -> None:
    value = row[name]
    if value is not None:
        row[name] = float(fitted["positions"].get(word(value), -1))


def _target(row: Row, name: str, fitted: Any) -> None:
    value = row[name]
    row[name] = fitted["means"].get(word(value), fitted["mean"]) if value is not None else fitted["mean"]


def _hash(row: Row, name: str, fitted: Any) -> None:
    value = row[name]
    if value is not None:
        row[name] = float(bucket(word(value), fitted["buckets"]))


_STEPS: dict[tuple[str, str | None], Callable[[Row, str, Any], None]] = {
    ("impute", None): _impute,
    ("clip", None): _clip,
    ("scale", "standard"): _scale,
    ("scale", "min-max"): _scale,
    ("scale", "robust"): _scale,
    ("scale", "log"): _log,
    ("encode", "one-hot"): _one_hot,
    ("encode", "ordinal"): _ordinal,
    ("encode", "target"): _target,
    ("encode", "hash"): _hash,
}

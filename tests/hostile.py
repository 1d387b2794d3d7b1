"""What people and machines could feed to a compiler: broken text, injected text, and specs of any valid shape.

Every generator is a function of a `random.Random`, so that a seed is all that a failure needs to be run again.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Sequence
from typing import Any

from mlspec.compiler.catalog import load as catalog
from mlspec.compiler.language import OBJECTS
from mlspec.schema.scalars import SCALARS

from .shapes import Shape, readable

__all__ = ["BOMBS", "INJECTED", "any_spec", "broken", "mutated", "places"]

INJECTED = (
    'x"} or vector(1) #',
    "x' or '1'='1",
    "$(touch injected)",
    "`touch injected`",
    "'; touch injected; '",
    '"; touch injected; "',
    "${HOME}",
    "$(HOME)",
    "{{ $externalURL }}",
    "{{args.canary-hash}}",
    "{{`{{`}}",
    "{name}",
    "{",
    "}}",
    "%s %d",
    "a: b",
    "- a",
    "# no comment",
    "&anchor *alias",
    "!!python/object/apply:os.system [id]",
    "--- ",
    "line\nmetadata:\n  name: injected",
    "line\n---\nkind: Secret",
    "|\n  x",
    " leading and trailing ",
    "tab\there",
    "back\\slash\\n",
    '"',
    "'",
    "../../etc/passwd",
    "null",
    "yes",
    "0x1F",
    "1e3",
    "\x07\x1b[31mred",
    "\u202egnp.exe",
    "\U0001f600",
    "x" * 5000,
)
"""Strings that mean something to YAML, PromQL, Go templates, shells, terminals or readers of paths."""

BOMBS: dict[str, bytes] = {
    "nothing": b"",
    "a mebibyte of brackets": b"[" * 2**20,
    "a mebibyte of braces": b"{" * 2**20,
    "brackets in a value": b"metadata: " + b"[" * 100_000,
    "more than a mebibyte": b"a: " + b"x" * 2**20,
    "deep nesting": b"".join(b"  " * n + b"a:\n" for n in range(300)),
    "deep lists": b"- " * 5_000 + b"a",
    "an alias bomb": b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 30)),
    "an alias of itself": b"a: &a [*a]\n",
    "a merge of itself": b"a: &a {<<: *a}\n",
    "zeros": b"\0" * 1000,
    "a zero in a text": b"metadata: {name: a\0b}\n",
    "no UTF-8": b"metadata: {name: \xff\xfe}\n",
    "UTF-16": "metadata: {name: a}".encode("utf-16"),
    "half a character": b'metadata: {name: "\\ud800"}\n',
    "half a character, raw": b"metadata: {name: \xed\xa0\x80}\n",
    "other line ends": "metadata:\u2028  name: a\u0085kind: x\n".encode(),
    "lone carriage returns": b"metadata:\r  name: a\r",
    "a long integer": b"constraints: {maxReplicas: " + b"9" * 100_000 + b"}\n",
    "a long float": b"constraints: {maxReplicas: 1e" + b"9" * 10_000 + b"}\n",
    "a long number with a unit": b"constraints: {latency: {p99: " + b"9" * 100_000 + b"ms}}\n",
    "a long key": b"x" * 100_000 + b": 1\n",
    "many keys": b"".join(b"k%d: 1\n" % n for n in range(60_000)),
    "many unknown keys": b"metadata: {" + b", ".join(b"k%d: 1" % n for n in range(20_000)) + b"}\n",
    "one key many times": b"kind: MLSystem\n" * 20_000,
    "a tag": b"!!python/object/apply:os.system ['id']\n",
    "directives": b"%YAML 9.9\n%TAG ! tag:x,2000:\n---\na: 1\n",
    "two documents": b"a: 1\n---\nb: 2\n",
    "a scalar": b"mlspec",
    "a list": b"[MLSystem]",
    "keys that are no texts": b"{[a]: 1, {b: c}: 2, ? : 3}\n",
    "an open quote": b'metadata: {name: "a\n',
    "a slow pattern": b"serving: {image: " + b"a-" * 50_000 + b"!}\n",
    "a slow host": b"serving: {mode: online, endpoint: {hosts: [" + b"a." * 50_000 + b"]}}\n",
    "a slow matcher": b"metrics: {x: {query: '" + b'a="' * 30_000 + b"'}}\n",
    "a suppression with blanks": b"a: 1  # mlspec: ignore[MLS501]x" + b" " * 1_000_000 + b"x\n",
    "many suppressions": b"# mlspec: ignore[MLS501]\n" * 40_000 + b"a: 1\n",
    "many environments": b"environments:\n" + b"".join(b"  e%d: {}\n" % n for n in range(20_000)),
    "many services": b"services:\n" + b"".join(b"  s%d: {mode: online}\n" % n for n in range(12_000)),
    "many services in many environments": b"s: &s {mode: online}\nservices: {"
    + b", ".join(b"s%d: *s" % n for n in range(900))
    + b"}\nenvironments: {"
    + b", ".join(b"e%d: {}" % n for n in range(90))
    + b"}\n",
    "many patches": b"patches:\n" + b"  - {target: {kind: Service, name: a}, patch: {}, reason: a}\n" * 5_000,
    "a long text": b"problem: {useCase: " + b"x" * 300_000 + b"}\n",
    "a suppression without end": b"# mlspec: ignore[" + b"A, " * 100_000 + b"\na: 1\n",
}
"""The worst of them, each as a whole file."""


def broken(chance: random.Random, text: str) -> bytes:
    """A file after a few accidents: cut, doubled, swapped, or with bytes that mean something to YAML."""
    data = bytearray(text.encode())
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((1, 1, 2, 5, 20, 200)))
        match chance.randrange(5):
            case 0:
                del data[start:end]
            case 1:
                data[start:start] = data[start:end]
            case 2:
                data[start:start] = chance.choice(_TOKENS)
            case 3:
                data[start:end] = chance.choice(_TOKENS)
            case 4:
                data[start:end] = bytes(reversed(data[start:end]))
    return bytes(data)


_TOKENS = (
    b"[", b"]", b"{", b"}", b": ", b"- ", b"\n", b"\t", b"#", b"&a ", b"*a", b"!x ", b"|\n", b">\n", b"'", b'"', b"%",
    b"\0", b"\xff", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\r", b"null", b"~", b"true", b"-1", b"1e999", b"9" * 20, b"@",
    b"0/s", b"0ms", b"0%", b"100%", b"101%", b"<<: ", b"? ", b"---\n", b"...\n", b"\\", b"${x}", b"{{x}}", b"\n\n  \n",
)  # fmt: skip


# Broken documents


def places(thing: Any) -> list[tuple[Any, Any]]:
    """Every place of a document: the mapping or list, and the key or index in it."""
    inside = list(thing.items()) if isinstance(thing, dict) else []
    inside = list(enumerate(thing)) if isinstance(thing, list) else inside
    return [(thing, key) for key, _ in inside] + [place for _, child in inside for place in places(child)]


def mutated(chance: random.Random, document: Any, words: Sequence[Any], names: Sequence[str]) -> Any:
    """A copy after one to three accidents: a value is removed, renamed, another's, or a word."""
    made = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        among = places(made)
        if not among:
            break
        holder, key = chance.choice(among)
        match chance.randrange(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[chance.choice(names)] = holder.pop(key)
            case 2:
                other, its = chance.choice(among)
                holder[key] = copy.deepcopy(other[its])
            case _:
                holder[key] = copy.deepcopy(chance.choice(words))
    return made


# Specs that are valid in form: any shape that the language knows


def any_spec(chance: random.Random) -> dict[str, Any]:
    """A document that the schema accepts, whatever it may mean."""
    spec = _Senseless(chance, _USUAL).object("MLSystem")
    spec.update(apiVersion="mlspec/v1", kind="MLSystem")
    spec["metadata"] = {
        "name": "alpha",
        "owner": "the-team",
        **{k: v for k, v in spec["metadata"].items() if k == "labels"},
    }
    return spec


class _Senseless(Shape):
    """Names and amounts that have nothing to do with each other."""

    def texts(self, name: str) -> Iterable[str]:
        if SCALARS[name].pattern is None:
            return (*_PLAIN, *INJECTED)
        return readable(name, _AMOUNTS, _PLAIN)


_USUAL = {
    "access": ("alpha", "beta"),
    "models": ("alpha", "beta"),
    "services": ("alpha", "beta"),
    "sources": ("alpha", "beta"),
    "columns": ("alpha", "beta"),
    "entities": ("alpha", "beta"),
    "outputs": ("alpha", "beta"),
    "metrics": ("roc_auc", "recall", "rmse", "ndcg@10", "error-rate", "latency-p99"),
    "rivals": ("champion", "naive", "human", "alpha"),
    "origins": ("request", "features.alpha.beta"),
    "runtimes": catalog.runtime_names(),
    **{f"{one}-providers": tuple(catalog.providers(one)) for one in OBJECTS["Providers"]},
    "accelerators": ("l4", "a100-80gb", "h100"),
    "clouds": ("gke", "eks-auto", "none"),
    "families": ("llama-3.1-8b", "gemma-3-27b", "deepseek-v3"),
    "algorithms": ("tpe", "grid", "cma-es", "hyperband", "gaussian-process"),
    "approaches": ("decision-tree", "neural-network"),
    "parameters": ("alpha", "beta"),
    "clusters": ("alpha",),
    "tests": ("D1", "M5", "O7"),
    "time-zones": ("UTC", "Europe/Berlin"),
}
_PLAIN = ("alpha", "beta")
_AMOUNTS = ("0", "1", "0.5", "7", "20", "99.9", "400", "86400")

"""What people and machines could feed to a compiler: broken text, injected text, and specs of any shape that is valid.

Every generator is a function of a `random.Random`, so that a seed is all that a failure needs to be run again.
"""

from __future__ import annotations

import random
import re
from typing import Any

from mlspec.compiler.language import EXACTLY_ONE, OBJECTS, UNIONS, Kind
from mlspec.compiler.workspace import Input
from mlspec.schema.scalars import SCALARS

from .leaves import Change, Leaf, changes

__all__ = ["BOMBS", "INJECTED", "any_spec", "broken", "varied"]

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


# Specs that are valid in form: any shape that the language knows


def any_spec(chance: random.Random) -> dict[str, Any]:
    """A document that the schema accepts, whatever it may mean."""
    spec = _object("MLSystem", chance, 0)
    spec.update(apiVersion="mlspec/v1", kind="MLSystem")
    spec["metadata"] = {
        "name": "alpha",
        "owner": "somebody",
        **{k: v for k, v in spec["metadata"].items() if k == "labels"},
    }
    return spec


def _object(name: str, chance: random.Random, depth: int) -> dict[str, Any]:
    wanted = {key: entry for key, entry in OBJECTS[name].items() if entry[1] == "required"}
    share = 0.35 / (1 + depth / 4)
    wanted.update({k: e for k, e in OBJECTS[name].items() if chance.random() < share})
    exclusive = EXACTLY_ONE.get(name, ())
    if exclusive:
        kept = chance.choice(exclusive)
        wanted = {key: entry for key, entry in wanted.items() if key not in exclusive}
        wanted[kept] = OBJECTS[name][kept]
    return {key: _value(entry[2], chance, depth + 1) for key, entry in wanted.items()}


def _value(kind: Kind, chance: random.Random, depth: int) -> Any:
    match kind[0]:
        case "object":
            return _object(kind[1], chance, depth)
        case "union":
            tag, variants = UNIONS[kind[1]]
            said = chance.choice(list(variants))
            return {**_object(variants[said], chance, depth), tag: said}
        case "list":
            items = [_value(kind[1], chance, depth) for _ in range(chance.choice((0, 1, 1, 2)))]
            return _distinct(items, kind[2]) if kind[2] else items
        case "map":
            keys = {_scalar(kind[2], kind[3], chance) for _ in range(chance.choice((0, 1, 1, 2)))}
            return {str(key): _value(kind[1], chance, depth) for key in sorted(map(str, keys))}
        case "overlay" | "any":
            return {}
        case "enum":
            return chance.choice(kind[1])
        case "bool":
            return chance.random() < 0.5
        case "integer" | "number":
            return _number(kind, chance)
    return _scalar(kind[1], kind[2], chance)


def _distinct(items: list[Any], key: str) -> list[Any]:
    return list({item.get(key): item for item in items}.values())


def _number(kind: Kind, chance: random.Random) -> float:
    low = kind[1] if kind[1] is not None else 0
    high = kind[2] if kind[2] is not None else low + 100
    inner = 1 if kind[0] == "integer" else (high - low) / 1000
    least, most = low + (inner if kind[3:] and kind[3] else 0), high - (inner if kind[3:] and kind[4] else 0)
    chosen = chance.choice((least, most, chance.uniform(least, most), min(most, least + 2 * inner)))
    return int(chosen) if kind[0] == "integer" else round(chosen, 6)


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
    "runtimes": ("triton", "vllm", "sglang", "tgi", "mlserver", "tensorflow-serving", "torchserve", "custom"),
    "accelerators": ("l4", "a100-80gb", "h100"),
    "families": ("llama-3.1-8b", "gemma-3-27b", "deepseek-v3"),
    "algorithms": ("tpe", "grid", "cma-es", "hyperband", "gaussian-process"),
    "parameters": ("alpha", "beta"),
    "clusters": ("alpha",),
    "time-zones": ("UTC", "Europe/Berlin"),
}
_PLAIN = ("alpha", "beta")
_AMOUNTS = ("0", "1", "0.5", "7", "20", "99.9", "400", "86400")


def _scalar(name: str, ref: str, chance: random.Random) -> Any:
    if ref:
        return chance.choice(_USUAL[ref])
    kind = SCALARS[name]
    if kind.pattern is None:
        return chance.choice((*_PLAIN, *INJECTED))
    texts = [*kind.examples, *_PLAIN]
    for amount in _AMOUNTS:
        texts += [re.sub(r"^[0-9.]+", amount, example) for example in kind.examples]
    return chance.choice([text for text in texts if _reads(name, text)])


def _reads(name: str, text: str) -> bool:
    try:
        SCALARS[name].parse(text)
    except ValueError:
        return False
    return True


# Specs that mean something: an example with other values, and without some of its parts


def varied(chance: random.Random, among: list[Leaf], input_: Input) -> Change:
    """Other valid values for a few of the leaves of an example."""
    made: Change = {}
    for leaf in chance.sample(among, chance.randint(1, 4)):
        if leaf.tag or id(leaf.node) in made:
            continue
        others = [change for change in changes(leaf, among, input_) if not set(change) & set(made)]
        if others:
            made |= chance.choice(others[:4])
    return made

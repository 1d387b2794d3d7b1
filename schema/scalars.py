"""The scalar kinds of the language: one entry each, used by the models, the schema, and `bind`.

The field determines the type of a scalar, not YAML's guess (law 8), so each kind defines how its source text is
parsed. `number` marks the kinds that may also be a bare YAML number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import hardware, money, units
from .units import UnitError, UnreadableError, compiled, like

__all__ = ["Scalar", "SCALARS"]

DNS_LABEL = r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?"
LABEL_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
DNS_NAME = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?){0,9}"


_STEP = r"(?:[A-Za-z0-9_~-]|\{model\})(?:[-A-Za-z0-9._~:]|\{model\}){0,127}"
"""One step of a path; never `.` or `..`, which the Gateway API refuses."""


_NAMED = r"(?![.]{1,2}(?:/|$))[A-Za-z0-9_.~][-A-Za-z0-9_.~]{0,127}"
"""A name on a Git host, or one step of a path in a repository; never `.` or `..`, and never an option of a program."""


class Scalar:
    """One scalar kind: a description, its format, its parser, and examples.

    `number` is the JSON type of a quantity that may also be a bare number, and `least` its minimum, if it has one. Only
    an integer may be the minimum itself.
    `bare` lists the types that YAML may guess for a string of this kind; the language takes the source text verbatim
    anyway. `quantity` is the class it is parsed into.
    """

    __slots__ = ("bare", "examples", "least", "number", "parse", "pattern", "quantity", "what")

    def __init__(
        self,
        what: str,
        pattern: str | None = None,
        examples: tuple[str, ...] = (),
        *,
        parse: Callable[[str], Any] | None = None,
        number: str | None = None,
        least: int | None = None,
        bare: tuple[str, ...] = (),
        quantity: type[units.Quantity] | None = None,
    ) -> None:
        self.what = what
        self.pattern = pattern
        self.examples = examples
        self.number = number
        self.least = least
        self.bare = bare
        self.quantity = quantity
        self.parse = parse or self._text

    def _text(self, text: str) -> str:
        if self.pattern is not None and compiled(self.pattern).fullmatch(text) is None:
            raise UnitError(f"is not {self.what}", like(self.examples))
        return text


def _quantity(kind: type[units.Quantity], number: str | None = None, least: int | None = None) -> Scalar:
    return Scalar(kind.WHAT, kind.PATTERN, kind.EXAMPLES, parse=kind.parse, number=number, least=least, quantity=kind)


def _only(
    read: Callable[[str], units.Quantity],
    examples: tuple[str, ...],
    takes: Callable[[str, units.Quantity], bool],
    wrong: Callable[[str, units.Quantity], UnitError],
) -> Callable[[str], units.Quantity]:
    """The parser of a field that takes only some quantities. The help for other texts offers none that it refuses."""

    def parse(text: str) -> units.Quantity:
        try:
            value = read(text)
        except UnreadableError as error:
            raise UnitError(str(error), like(examples)) from None
        except UnitError as error:
            left = error.offering(takes)
            raise (left if left is not None else wrong(text, next(iter(error.offered.values())))) from None
        if not takes(text, value):
            raise wrong(text, value)
        return value

    return parse


def _part_of(
    kind: type[units.Quantity],
    what: str,
    pattern: str,
    *examples: str,
    why: str = "",
    most: str = "",
    number: str | None = None,
) -> Scalar:
    """A restricted range of a quantity, for fields used as a divisor, in a logarithm, or where numbers are small."""
    limit = kind.parse(most) if most else None

    def takes(text: str, value: units.Quantity) -> bool:
        return compiled(pattern).fullmatch(text) is not None and (limit is None or value <= limit)

    def wrong(_text: str, _value: units.Quantity) -> UnitError:
        return UnitError(f"is not {what}", like(examples), why)

    return Scalar(
        what,
        pattern,
        examples,
        parse=_only(kind.parse, examples, takes, wrong),
        quantity=kind,
        number=number,
        least={"integer": 1, "number": 0}.get(number or ""),
    )


_DAY = (
    r"(?!0000)(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
)
"""A day that exists in the Gregorian calendar, with its leap years."""

_URI = r"[a-z][a-z0-9+.-]{0,31}://[^\s\"'\\`${}]{1,2000}"


def _uri(text: str) -> str:
    """A registry can give the same name to other files tomorrow, so a spec says where the files are."""
    if compiled(_URI).fullmatch(text) is not None:
        return text
    if text.startswith(("models:/", "runs:/")):
        named = text.startswith("models:")
        name = "get_model_version_download_uri" if named else "get_run"
        looked_up = "; `mlspec promote --release FILE --mlflow URL` looks up such a name in FILE" if named else ""
        raise UnitError(
            "is a name that only MLflow can resolve",
            f"write where the files are, which `mlflow.MlflowClient().{name}` tells, with `/` at the end of a folder"
            f"{looked_up}",
        )
    raise UnitError("is not a URI", "write it like `s3://bucket/path`")


def _cidr(text: str) -> str:
    """A range in its shortest form. API servers refuse bits behind the prefix."""
    from ipaddress import ip_network  # rarely needed, so imported late

    kind = SCALARS["cidr"]
    try:
        whole = str(ip_network(text, strict=False)) if "/" in text else ""
    except ValueError:
        whole = ""
    if whole != text:
        raise UnitError(f"is not {kind.what}", f"write {f'`{whole}`' if whole else f'it like `{kind.examples[0]}`'}")
    return text


def _regex(text: str) -> str:
    """A regular expression that Python compiles."""
    import re  # rarely needed, so imported late

    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UnitError(f"is not a regular expression: {error}", "write it like `[A-Z]{2}[0-9]+`") from None
    return text


_ABOVE_NOTHING = r"(?!0+(?:\.0+)?%)"
_ABOVE_ZERO = r"(?!0+(?:\.0+)?[A-Za-z])"
_MILLISECONDS = r"(?:[0-9]{1,15}ms|[0-9]{1,15}(?:\.[0-9]{1,3})?[smhdw])"
"""Whole ones, of any length: a thousandth of a second, minute, hour, day, or week is a whole number of milliseconds."""
_ALL = r"100(?:\.0{1,9})?%"
_BELOW_ALL = r"[0-9]{1,2}(?:\.[0-9]{1,9})?%"


_LATENCY = "4h"
"""The longest bound on an answer. Some generations take half an hour, and gateways can wait that long for them."""

_MINUTES = r"[0-9]+(?:\.[0-9]+)?m"
_SLIP = "10m"
"""From which length on a bound in minutes is taken for one in milliseconds, because of the unit in Kubernetes."""


def _latency() -> Scalar:
    """A bound on the time that a caller waits. In Kubernetes, `100m` is a tenth, and here it is more than an hour."""
    pattern = _ABOVE_ZERO + units.Duration.PATTERN
    most, slip = units.Duration.parse(_LATENCY), units.Duration.parse(_SLIP)
    examples = ("50ms", "2s")

    def read(text: str) -> units.Quantity:
        if compiled(units.NUMBER).fullmatch(text):
            raise units.no_unit(units.Duration, text, ("ms", "s"))
        return units.Duration.parse(text)

    def takes(text: str, value: units.Quantity) -> bool:
        minutes = compiled(_MINUTES).fullmatch(text) is not None
        return compiled(pattern).fullmatch(text) is not None and value <= (slip if minutes else most)

    def wrong(text: str, value: units.Quantity) -> UnitError:
        seconds = f"`{units.plain(value.amount)}s`" if value <= most else f"at most `{_LATENCY}`"
        if not value.amount:
            why = "nothing takes no time: an alert on such a limit would never end"
            return UnitError("is not a duration above zero", like(examples), why)
        if compiled(_MINUTES).fullmatch(text):
            why = "in Kubernetes, `m` is a thousandth; here it is a minute, and no request might ever break the bound"
            return UnitError("is probably meant in milliseconds", f"write `{text}s`, or {seconds} for minutes", why)
        if value > most:
            why = "no caller waits that long: no request would ever break the bound"
            return UnitError("is longer than a caller waits for an answer", f"write {seconds}", why)
        return UnitError("is not a duration", f"write {seconds}")

    what = "a duration above zero, up to four hours"
    parse = _only(read, examples, takes, wrong)
    return Scalar(what, pattern, examples, parse=parse, quantity=units.Duration)


SCALARS: dict[str, Scalar] = {
    "duration": _quantity(units.Duration),
    "positive-duration": _part_of(
        units.Duration,
        "a duration above zero",
        _ABOVE_ZERO + units.Duration.PATTERN,
        "50ms",
        "24h",
        why="nothing takes no time: an alert on such a limit would never end, and a plan with such a time is wrong",
    ),
    "latency": _latency(),
    "bounded-duration": _part_of(
        units.Duration,
        "a duration of at most a year",
        units.Duration.PATTERN,
        "30s",
        "10m",
        why="a pod or a rollout that hangs would never time out",
        most="365d",
    ),
    "wait": _part_of(
        units.Duration,
        "a duration in whole milliseconds",
        _MILLISECONDS,
        "30s",
        "5m",
        why="Alertmanager reads nothing shorter, and no fractions",
    ),
    "interval": _part_of(
        units.Duration,
        "a duration above zero in whole milliseconds",
        _ABOVE_ZERO + _MILLISECONDS,
        "30s",
        "5m",
        why="Prometheus, Alertmanager, and Flux read nothing shorter, and no fractions",
    ),
    "rate": _quantity(units.Rate),
    "percent": _quantity(units.Percent),
    "share": _part_of(
        units.Percent, "a percentage above 0%, up to 100%", rf"{_ABOVE_NOTHING}(?:{_BELOW_ALL}|{_ALL})", "85%"
    ),
    "chance": _part_of(units.Percent, "a percentage above 0% and below 100%", _ABOVE_NOTHING + _BELOW_ALL, "5%"),
    "memory": _quantity(units.Memory),
    "size": _part_of(
        units.Memory,
        "a size above zero",
        _ABOVE_ZERO + units.Memory.PATTERN,
        "4Gi",
        "512Mi",
        why="Kubernetes refuses a volume without a size, and a container without memory never starts",
    ),
    "cores": _part_of(
        units.Cores,
        "a number of CPU cores above zero",
        r"(?!0+(?:\.0+)?m?$)" + units.Cores.PATTERN,
        "4",
        "500m",
        why="a container without a request for CPU gets what the others on its node leave",
        number="number",
    ),
    "bandwidth": _quantity(hardware.Bandwidth),
    "compute": _quantity(hardware.Compute),
    "count": _quantity(units.Count, number="integer", least=0),
    "positive-count": _part_of(
        units.Count,
        "a number above zero",
        r"(?!0+(?:\.0+)?[kMBT]?$)" + units.Count.PATTERN,
        "20k",
        "3M",
        why="every size, time, and cost follows from it",
        number="integer",
    ),
    "budget": _quantity(money.Budget),
    "hourly-price": _quantity(money.HourlyPrice),
    "storage-price": _quantity(money.StoragePrice),
    "transfer-price": _quantity(money.TransferPrice),
    "unit-price": _quantity(money.UnitPrice),
    "margin": _quantity(units.Margin, number="number"),
    "measure": _quantity(units.Measure, number="number"),
    "text": Scalar("a string", bare=("number", "boolean")),
    "system-name": Scalar(
        "a valid name (at most 40 lowercase letters, digits, and dashes, starting with a letter)",
        r"[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?",
        ("fraud-scorer",),
    ),
    "name": Scalar(
        "a valid name (lowercase letters, digits, and dashes, starting with a letter)", DNS_LABEL, ("fraud-scorer",)
    ),
    "identifier": Scalar(
        "a valid identifier (letters, digits, `_`, `-`, and `.`)", r"[A-Za-z_][-A-Za-z0-9_.]{0,127}", ("tx_count_1h",)
    ),
    "label-name": Scalar("the name of a Prometheus label", r"[A-Za-z_][A-Za-z0-9_]{0,127}", ("cluster",)),
    "origin": Scalar(
        "`request` or a feature",
        r"request|features\.[A-Za-z_][-A-Za-z0-9_]{0,127}\.[A-Za-z_][-A-Za-z0-9_.]{0,127}",
        ("request", "features.card_activity.tx_count_1h"),
    ),
    "metric": Scalar(
        "a metric name",
        r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*(?:@[0-9]{1,4})?",
        ("roc_auc", "ndcg@10", "error-rate"),
    ),
    "rival": Scalar(
        "`champion`, `naive`, `human`, or a candidate's name", r"[A-Za-z_][-A-Za-z0-9_.]{0,127}", ("champion", "naive")
    ),
    "host": Scalar("a host name", DNS_NAME, ("fraud.internal.example.com",)),
    "cidr": Scalar(
        "an IP address range",
        r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}|[0-9A-Fa-f:]{2,39}/[0-9]{1,3}",
        ("10.0.0.0/24", "fd00::/64"),
        parse=_cidr,
    ),
    "address": Scalar(
        "a host name, with or without a port",
        rf"{DNS_NAME}(?::(?:[1-9][0-9]{{0,3}}|[1-5][0-9]{{4}}|6[0-4][0-9]{{3}}|65[0-4][0-9]{{2}}|655[0-2][0-9]|6553[0-5]))?",
        ("b-1.payments.example.com:9096", "broker.payments"),
    ),
    "object-name": Scalar("the name of a Kubernetes object", DNS_NAME, ("payments-kafka",)),
    "uri": Scalar("a URI", _URI, ("s3://bucket/path",), parse=_uri),
    "dated-uri": Scalar(
        "a URI, without braces other than `{date}` and `{run}`",
        r"[a-z][a-z0-9+.-]{0,31}://(?:[^\s\"'\\`${}]|\{date\}|\{run\}){1,2000}",
        ("s3://bucket/scores/{date}/", "s3://bucket/scores/{run}/"),
    ),
    "url": Scalar("an http or https URL", r"https?://[^\s\"'\\`${}]{1,2000}", ("https://runbooks.example.com/fraud",)),
    "git-repository": Scalar(
        "the URL of a Git repository",
        r"(?:(?:https?|ssh)://[^\s\"'\\`${}]{1,2000}|[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[A-Za-z0-9._/~-]{1,1000})",
        ("https://git.example.com/deploy.git",),
    ),
    "git-revision": Scalar(
        "a Git branch, tag, or commit", r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}", ("main", "release/2026.11")
    ),
    "git-project": Scalar(
        "the name of a repository, with its organization",
        rf"{_NAMED}(?:/{_NAMED}){{1,9}}",
        ("payments/fraud-scorer",),
    ),
    "repository-path": Scalar(
        "a relative path without `.` and `..`", rf"{_NAMED}(?:/{_NAMED}){{0,19}}", ("systems/fraud-scorer/mlspec.yaml",)
    ),
    "output-path": Scalar(
        "a relative path, without braces other than `{system}` and `{environment}`",
        r"(?:[A-Za-z0-9_-]|\{system\}|\{environment\})(?:[A-Za-z0-9._/-]|\{system\}|\{environment\}){0,499}",
        ("deploy/{system}/{environment}",),
    ),
    "image": Scalar(
        "a container image",
        r"(?:[a-zA-Z0-9.-]+(?::[0-9]{1,5})?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
        ("registry.example.com/team/image:1.4@sha256:…",),
    ),
    "digest": Scalar(
        "a digest (`sha256:` and 64 hexadecimal digits, or the 40 digits of a commit)",
        r"sha256:[0-9a-f]{64}|[0-9a-f]{40}",
        (
            "sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd",
            "0e9e39f249a16976918f6564b8830bc894c89659",
        ),
    ),
    "cron": Scalar(
        "a cron schedule with five fields",
        r"@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)"
        r"|[0-9*/,-]+ [0-9*/,-]+ [0-9*/,?-]+ (?:[0-9*/,-]|[A-Za-z]{3})+ (?:[0-9*/,?-]|[A-Za-z]{3})+",
        ("0 3 * * 1",),
    ),
    "time-zone": Scalar("a time zone", r"UTC|[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+){0,2}", ("UTC", "Europe/Berlin")),
    "date": Scalar("a date", _DAY, ("2026-12-31",)),
    "timestamp": Scalar(
        "a UTC timestamp",
        rf"{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z",
        ("2026-11-02T04:12:00Z",),
    ),
    "path": Scalar("an absolute path", r"/[A-Za-z0-9._/-]{0,255}", ("/healthz",)),
    "route-path": Scalar(
        "an HTTP path, or a path and `/*` for everything below it",
        rf"/|(?:/{_STEP}){{0,8}}/\*|(?:/{_STEP}){{1,8}}",
        ("/v2/models/{model}/infer", "/v1/models/*"),
    ),
    "route-method": Scalar(
        "a gRPC service, or a service and a method",
        r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*){0,15}(?:/[A-Za-z_][A-Za-z0-9_]{0,127})?",
        ("inference.GRPCInferenceService/ModelInfer", "tensorflow.serving.PredictionService"),
    ),
    "env-name": Scalar("an environment variable name", r"[A-Za-z_][A-Za-z0-9_]{0,127}", ("LOG_LEVEL",)),
    "header-name": Scalar(
        "the name of an HTTP header other than `Authorization`",
        r"(?!(?i:authorization)$)[A-Za-z][A-Za-z0-9-]{0,62}",
        ("X-Scope-OrgID",),
    ),
    "header-value": Scalar(
        "a header value (letters, digits, and `_`, `.`, `|`, `:`, `/`, `*`, `-`)",
        r"[A-Za-z0-9_.|:/*-]{1,255}",
        ("tenant-1",),
        bare=("integer",),
    ),
    "role-arn": Scalar(
        "the ARN of an IAM role",
        r"arn:aws[a-z-]{0,10}:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}",
        ("arn:aws:iam::123456789012:role/prometheus-reader",),
    ),
    "label-key": Scalar("a label key", rf"(?:{DNS_NAME}/)?{LABEL_NAME}", ("team", "example.com/team")),
    "label-value": Scalar("a label value", rf"(?:{LABEL_NAME})?", ("payments",), bare=("integer", "boolean")),
    "data-key": Scalar("a key of a Secret or a ConfigMap", r"[-._A-Za-z0-9]{1,253}", ("api-key", "ca.crt")),
    "rule-id": Scalar("a rule ID, or a prefix of rule IDs", r"MLS[0-9]{0,3}", ("MLS501", "MLS5")),
    "spec-path": Scalar(
        "a path in a spec", r"[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_*-]+)*", ("monitoring.slo.window",)
    ),
    "module": Scalar(
        "a Python module and a name in it",
        r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*",
        ("acme.model_card:TARGET",),
    ),
    "tensor-name": Scalar(
        "a name without control characters",
        r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,256}",
        ("onnx::Shape_261",),
        bare=("number", "boolean"),
    ),
    "regex": Scalar("a regular expression", None, ("[A-Z]{2}[0-9]+",), parse=_regex, bare=("number", "boolean")),
    "matcher": Scalar(
        "PromQL label matchers",
        r"[a-zA-Z_][a-zA-Z0-9_]*(?:=|!=|=~|!~)\"(?:[^\"\\\n]|\\\\.)*\"(?:,[a-zA-Z_][a-zA-Z0-9_]*(?:=|!=|=~|!~)\"(?:[^\"\\\n]|\\\\.)*\")*",
        ('status="5xx"',),
    ),
    "series": Scalar("a Prometheus series name", r"[a-zA-Z_:][a-zA-Z0-9_:]{0,199}", ("http_requests_total",)),
}

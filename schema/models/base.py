"""The building blocks of the language: sections, field kinds, and scalar formats.

Each field documents its meaning, its unit, and what happens when it is omitted:

- `required`: only the author can decide this; there is no default.
- `optional`: if omitted, the thing it describes does not exist.
- `default`: if omitted, this value applies, for the reason given.
- `derived`: if omitted, the planner decides it, and `mlspec explain` shows how.
- `listed`, `mapped`, `group`: if omitted, empty.
- `singular`: shorthand for the only entry of a mapping.

`schema.generate` reads these models; nothing reads them at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ..scalars import SCALARS
from ..units import UnitError

Ascending = tuple[tuple[tuple[str, ...], str], ...]
"""Groups of keys whose values must not fall, each with what happens if they do."""


class Section(BaseModel):
    """A mapping of the language: keys are camelCase, and unknown keys are errors.

    `exactly_one` names mutually exclusive keys; exactly one of them must be present. `ascending` lists keys whose
    values must not fall in this order, each group with the reason; the items of a list count like keys. `needs` names
    keys that have no meaning without another one.
    """

    exactly_one: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[Mapping[str, str]] = {}
    ascending: ClassVar[Ascending] = ()

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=lambda name: to_camel(name.rstrip("_")),
        populate_by_name=True,
        coerce_numbers_to_str=True,
    )


class Leaf:
    """Marks a field as a scalar of the given kind (see `schema.scalars`)."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


class Ref:
    """Marks a field as a reference to something declared elsewhere in the spec, for example an `access` entry."""

    def __init__(self, to: str) -> None:
        self.to = to


class Overlay:
    """Marks a mapping as a partial spec: the same language, with no required fields."""


def _reader(kind: str) -> AfterValidator:
    def read(text: str) -> str:
        try:
            SCALARS[kind].parse(text)
        except UnitError as error:
            raise ValueError(f"{text!r} {error}; {error.help}") from None
        return text

    return AfterValidator(read)


def _described(doc: str, **extra: Any) -> dict[str, Any]:
    return {
        "description": " ".join(doc.split()),
        "json_schema_extra": {k: v for k, v in extra.items() if v is not None},
    }


def required(doc: str, **limits: Any) -> Any:
    """A field that the file cannot compile without."""
    return Field(**_described(doc), **limits)


def optional(doc: str, **limits: Any) -> Any:
    """A field whose subject does not exist when the field is omitted."""
    return Field(default=None, **_described(doc), **limits)


def default(value: object, doc: str, why: str, **limits: Any) -> Any:
    """A field that defaults to `value`, for the reason `why`."""
    return Field(default=value, **_described(doc, why=" ".join(why.split())), **limits)


def derived(doc: str, how: str, **limits: Any) -> Any:
    """A field that the planner derives when it is omitted; `how` names the inputs."""
    return Field(default=None, **_described(doc, how=" ".join(how.split())), **limits)


def listed(doc: str, *, key: str | None = None, **limits: Any) -> Any:
    """A list, empty when omitted. A higher layer replaces it, unless a `key` makes it merge item by item."""
    return Field(default_factory=list, **_described(doc, key=key), **limits)


def singular(doc: str, of: str) -> Any:
    """Shorthand for the only entry of the mapping `of`; the compiler only sees the mapping."""
    return Field(default=None, **_described(doc, of=of))


def group(section: type[Section], doc: str) -> Any:
    """A mapping that always exists; each of its fields documents what omitting it means."""
    return Field(default_factory=section, **_described(doc))


def mapped(doc: str, **limits: Any) -> Any:
    """A mapping from names to values, empty when omitted."""
    return Field(default_factory=dict, **_described(doc), **limits)


Duration = Annotated[str, Leaf("duration"), _reader("duration")]
PositiveDuration = Annotated[str, Leaf("positive-duration"), _reader("positive-duration")]
LatencyBound = Annotated[str, Leaf("latency"), _reader("latency")]
BoundedDuration = Annotated[str, Leaf("bounded-duration"), _reader("bounded-duration")]
Wait = Annotated[str, Leaf("wait"), _reader("wait")]
Interval = Annotated[str, Leaf("interval"), _reader("interval")]
Rate = Annotated[str, Leaf("rate"), _reader("rate")]
Percent = Annotated[str, Leaf("percent"), _reader("percent")]
Share = Annotated[str, Leaf("share"), _reader("share")]
Chance = Annotated[str, Leaf("chance"), _reader("chance")]
Memory = Annotated[str, Leaf("memory"), _reader("memory")]
Size = Annotated[str, Leaf("size"), _reader("size")]
Cores = Annotated[str, Leaf("cores"), _reader("cores")]
Bandwidth = Annotated[str, Leaf("bandwidth"), _reader("bandwidth")]
Compute = Annotated[str, Leaf("compute"), _reader("compute")]
Count = Annotated[str, Leaf("count"), _reader("count")]
PositiveCount = Annotated[str, Leaf("positive-count"), _reader("positive-count")]
Budget = Annotated[str, Leaf("budget"), _reader("budget")]
HourlyPrice = Annotated[str, Leaf("hourly-price"), _reader("hourly-price")]
StoragePrice = Annotated[str, Leaf("storage-price"), _reader("storage-price")]
TransferPrice = Annotated[str, Leaf("transfer-price"), _reader("transfer-price")]
UnitPrice = Annotated[str, Leaf("unit-price"), _reader("unit-price")]
Margin = Annotated[str, Leaf("margin"), _reader("margin")]
Measure = Annotated[str, Leaf("measure"), _reader("measure")]
Text = Annotated[str, Leaf("text")]
SystemName = Annotated[str, Leaf("system-name"), _reader("system-name")]
Name = Annotated[str, Leaf("name"), _reader("name")]
Identifier = Annotated[str, Leaf("identifier"), _reader("identifier")]
Origin = Annotated[str, Leaf("origin"), Ref("origins"), _reader("origin")]
Metric = Annotated[str, Leaf("metric"), Ref("metrics"), _reader("metric")]
MetricName = Annotated[str, Leaf("metric"), _reader("metric")]
Rival = Annotated[str, Leaf("rival"), Ref("rivals"), _reader("rival")]
Host = Annotated[str, Leaf("host"), _reader("host")]
Cidr = Annotated[str, Leaf("cidr"), _reader("cidr")]
Address = Annotated[str, Leaf("address"), _reader("address")]
ObjectName = Annotated[str, Leaf("object-name"), _reader("object-name")]
Uri = Annotated[str, Leaf("uri"), _reader("uri")]
DatedUri = Annotated[str, Leaf("dated-uri"), _reader("dated-uri")]
Url = Annotated[str, Leaf("url"), _reader("url")]
GitRepository = Annotated[str, Leaf("git-repository"), _reader("git-repository")]
GitRevision = Annotated[str, Leaf("git-revision"), _reader("git-revision")]
GitProject = Annotated[str, Leaf("git-project"), _reader("git-project")]
RepositoryPath = Annotated[str, Leaf("repository-path"), _reader("repository-path")]
OutputPath = Annotated[str, Leaf("output-path"), _reader("output-path")]
Image = Annotated[str, Leaf("image"), _reader("image")]
Digest = Annotated[str, Leaf("digest"), _reader("digest")]
Cron = Annotated[str, Leaf("cron"), _reader("cron")]
TimeZone = Annotated[str, Leaf("time-zone"), Ref("time-zones"), _reader("time-zone")]
Date = Annotated[str, Leaf("date"), _reader("date")]
Timestamp = Annotated[str, Leaf("timestamp"), _reader("timestamp")]
Path = Annotated[str, Leaf("path"), _reader("path")]
RoutePath = Annotated[str, Leaf("route-path"), _reader("route-path")]
RouteMethod = Annotated[str, Leaf("route-method"), _reader("route-method")]
EnvName = Annotated[str, Leaf("env-name"), _reader("env-name")]
HeaderName = Annotated[str, Leaf("header-name"), _reader("header-name")]
HeaderValue = Annotated[str, Leaf("header-value"), _reader("header-value")]
RoleArn = Annotated[str, Leaf("role-arn"), _reader("role-arn")]
LabelName = Annotated[str, Leaf("label-name"), _reader("label-name")]
LabelKey = Annotated[str, Leaf("label-key"), _reader("label-key")]
DataKey = Annotated[str, Leaf("data-key"), _reader("data-key")]
LabelValue = Annotated[str, Leaf("label-value"), _reader("label-value")]
RuleId = Annotated[str, Leaf("rule-id"), _reader("rule-id")]
SpecPath = Annotated[str, Leaf("spec-path"), _reader("spec-path")]
Module = Annotated[str, Leaf("module"), _reader("module")]
Matcher = Annotated[str, Leaf("matcher"), _reader("matcher")]
TensorName = Annotated[str, Leaf("tensor-name"), _reader("tensor-name")]
Regex = Annotated[str, Leaf("regex"), _reader("regex")]
Series = Annotated[str, Leaf("series"), _reader("series")]

SpecOverlay = Annotated[dict[str, Any], Overlay()]

AccessName = Annotated[str, Leaf("name"), Ref("access"), _reader("name")]
ModelName = Annotated[str, Leaf("name"), Ref("models"), _reader("name")]
ReleasedName = Annotated[str, Leaf("name"), Ref("released"), _reader("name")]
ServiceName = Annotated[str, Leaf("name"), Ref("services"), _reader("name")]
RuntimeName = Annotated[str, Leaf("name"), Ref("runtimes"), _reader("name")]
AcceleratorName = Annotated[str, Leaf("name"), Ref("accelerators"), _reader("name")]
RolloutProviderName = Annotated[str, Leaf("name"), Ref("rollout-providers"), _reader("name")]
TrafficProviderName = Annotated[str, Leaf("name"), Ref("traffic-providers"), _reader("name")]
AutoscalingProviderName = Annotated[str, Leaf("name"), Ref("autoscaling-providers"), _reader("name")]
DashboardsProviderName = Annotated[str, Leaf("name"), Ref("dashboards-providers"), _reader("name")]
GatewayProviderName = Annotated[str, Leaf("name"), Ref("gateway-providers"), _reader("name")]
OrchestrationProviderName = Annotated[str, Leaf("name"), Ref("orchestration-providers"), _reader("name")]
MeshProviderName = Annotated[str, Leaf("name"), Ref("mesh-providers"), _reader("name")]
ApproachName = Annotated[str, Leaf("identifier"), Ref("approaches"), _reader("identifier")]
AlgorithmName = Annotated[str, Leaf("identifier"), Ref("algorithms"), _reader("identifier")]
FamilyName = Annotated[str, Leaf("identifier"), Ref("families"), _reader("identifier")]
ParameterName = Annotated[str, Leaf("identifier"), Ref("parameters"), _reader("identifier")]
SourceName = Annotated[str, Leaf("identifier"), Ref("sources"), _reader("identifier")]
ColumnName = Annotated[str, Leaf("identifier"), Ref("columns"), _reader("identifier")]
SegmentName = Annotated[str, Leaf("identifier"), Ref("columns"), _reader("identifier")]
EntityName = Annotated[str, Leaf("identifier"), Ref("entities"), _reader("identifier")]
OutputName = Annotated[str, Leaf("tensor-name"), Ref("outputs"), _reader("tensor-name")]
CloudName = Annotated[str, Leaf("name"), Ref("clouds"), _reader("name")]
TestName = Annotated[str, Leaf("identifier"), Ref("tests"), _reader("identifier")]
ClusterName = Annotated[str, Leaf("name"), Ref("clusters"), _reader("name")]
